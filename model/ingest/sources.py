"""How the files of each survey are found and read, and the pixels that its spectra are written on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.ingest import catalogue
from model.surveys import ObservedSpectra, desi
from site_builder.contract import BadInput
from site_builder.contract.schema import WaveAxis


@dataclass(frozen=True)
class Source:
    """One survey. The functions are those of modules, so that workers on other machines find them.

    Attributes:
        patterns: names of the files to take from a folder.
        axis: rest-frame vacuum pixels of the shards.
        read: one file into spectra; without labels where they stand in a catalogue.
        prepare: a catalogue into columns in a folder, for all workers; returns their hash. None: labels are in the
            files.
        join: labels from that folder onto spectra.
    """

    name: str
    patterns: tuple[str, ...]
    axis: WaveAxis
    read: Callable[[Path], ObservedSpectra]
    prepare: Callable[[Path, Path], str] | None = None
    join: Callable[[ObservedSpectra, Path], ObservedSpectra] | None = None


def join_desi(spectra: ObservedSpectra, folder: Path) -> ObservedSpectra:
    """Labels, velocities and cuts of the catalogue in ``folder`` for DESI spectra."""
    return desi.join(spectra, catalogue.load(folder))


# DESI's own step over the 710-885 nm that the R and Z arms share with the other instruments
DESI_AXIS = WaveAxis(scale="linear", start=7100.0, step=desi.STEP, n=2188)
SOURCES = {
    "desi": Source(
        "desi", ("coadd-*.fits", "coadd-*.fits.gz"), DESI_AXIS, desi.read, catalogue.prepare, join_desi
    )
}  # fmt: skip


def get(name: str) -> Source:
    """Source by name.

    Raises:
        BadInput: unknown name.
    """
    if name not in SOURCES:
        raise BadInput(f"--survey {name} is not known; choose one of {', '.join(SOURCES)}.")
    return SOURCES[name]


def find(inputs: list[Path], source: Source) -> list[Path]:
    """Files named, and those in folders named whose name the survey gives its spectra; sorted, each once.

    Links are not resolved: a file that has two names is two files.

    Raises:
        BadInput: a path is not there, or there is no file at all.
    """
    found: dict[Path, None] = {}
    for path in inputs:
        if path.is_dir():
            inside = (p for pattern in source.patterns for p in path.rglob(pattern))
            found |= dict.fromkeys(p.absolute() for p in inside if not p.is_dir())
        elif path.exists():
            found[path.absolute()] = None
        else:
            raise BadInput(f"{path} is not there; give files of the survey, or folders that hold them.")
    if not found:
        names = ", ".join(map(str, inputs)) or "no folder"
        raise BadInput(f"{names}: no file is named {' or '.join(source.patterns)}; give the survey's own files.")
    return sorted(found)
