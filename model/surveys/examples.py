"""One spectrum of each survey for pages to draw: read by the survey's reader, at rest, normalised, thinned.

The observed files are third-party material that is not part of this repository; what is written is the excerpt of the
one spectrum that a page draws, with its credit. Where a file is absent, its spectrum is left out with that reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model import data, provenance
from model.grid import H_BAND
from model.resample import resample
from model.surveys import ObservedSpectra, apogee, desi, desi_layout, lamost, pack, sdss
from model.surveys.lamost import observed_folder
from site_builder.contract.base import Origin, Provenance, WaveAxis, class_of
from site_builder.contract.errors import BadInput
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_index, take_over, write_file, write_index
from site_builder.contract.schema import Index
from site_builder.contract.spectra import SpectrumFile

MAX_PIXELS = 4096
RUN = "spectra"
PIPELINE = "inverse variance of the survey's pipeline"
GALAXY = "a galaxy: outside what the models here know, and their answer to it would mean nothing; shown for the format"
CREDITS = {
    "DESI": "DESI Collaboration, Early Data Release (CC BY 4.0)",
    "SDSS": "Sloan Digital Sky Survey",
    "Gaia": "ESA/Gaia/DPAC, Gaia Data Release 3",
    "APOGEE": "SDSS-IV APOGEE, data release 17",
    "window": "APOGEE, as published with The Cannon (Ness et al. 2015, ApJ 808, 16; Casey et al. 2016)",
    "STELIB": "STELIB (Le Borgne et al. 2003, A&A 402, 433)",
    "IRTF": "IRTF spectral library (Rayner et al. 2009, ApJS 185, 289)",
    "cannon": "quadratic Cannon model (Ness et al. 2015, ApJ 808, 16) of 1801 observed APOGEE DR10 giants",
    "grid": "computed with Turbospectrum on ATLAS12 model atmospheres (see data/README.md)",
}


@dataclass
class Sample:
    """One spectrum before it is thinned; ``about`` holds the other fields of the contract."""

    wave: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray | None
    z: float | None
    about: dict[str, Any]


def _labels(spectra: ObservedSpectra, i: int, source: str) -> dict[str, Any]:
    known = bool(spectra.labelled[i])
    values = {k: round(float(getattr(spectra, k)[i]), 4) if known else None for k in ("logg", "teff", "mh")}
    star_class = class_of(values["logg"]) if values["logg"] is not None else "unknown"
    return values | {"star_class": star_class, "label_source": source if known else None}


def _sample(
    spectra: ObservedSpectra, i: int, id: str, title: str, survey: str, credit: str, file: str, *,
    what: str = "a star", labels: str = "", noise: str = PIPELINE, note: str = "", origin: Origin = "observed",
    normalisation: Literal["median", "continuum"] = "median",
) -> Sample:  # fmt: skip
    about = {
        "id": id, "title": title, "origin": origin, "survey": survey, "what": what, "credit": credit,
        "source_file": f"{file}, {spectra.id[i]}", "resolution": spectra.resolution, "normalisation": normalisation,
        "noise_source": noise, "note": note, **_labels(spectra, i, labels),
    }  # fmt: skip
    return Sample(spectra.wave, spectra.flux[i], spectra.ivar[i], float(spectra.z[i]), about)


def _giant(spectra: ObservedSpectra, allowed: np.ndarray | None = None) -> int:
    """The giant nearest to Teff 4500 K and log g 2 with data over the Ca II triplet, of those ``allowed``."""
    rest = spectra.wave
    band = (rest > 8450) & (rest < 8700)
    covered = (spectra.ivar[:, band] > 0).mean(axis=1) > 0.9 if band.any() else np.ones(len(spectra), bool)
    fit = np.abs(spectra.teff - 4500) / 500 + np.abs(spectra.logg - 2)
    usable = covered & spectra.labelled & (spectra.logg < 2.5) & (True if allowed is None else allowed)
    return int(np.argmin(np.where(usable, fit, np.inf)))


def _desi() -> Iterator[Sample]:
    for k, path in enumerate(sorted(observed_folder().glob("desi_coadd-*.fits"))):
        redrock = path.with_name(path.name.replace("coadd", "redrock"))
        known = desi_layout.find_redrock(path) or (redrock if redrock.exists() else None)
        spectra = desi.read(path, known, arms=desi.ARMS, window=None)
        yield _sample(
            spectra, 0, f"desi-galaxy-{k + 1}", f"A galaxy at z = {float(spectra.z[0]):.4f}", "DESI", CREDITS["DESI"],
            path.name, what="a galaxy", note=GALAXY,
        )  # fmt: skip


def _sdss() -> Iterator[Sample]:
    name = "sdss_spec-0266-51602-0031.fits"
    note = "a white dwarf: its gravity is far outside the range of these models, which should refuse it"
    yield _sample(
        sdss.read(observed_folder() / name), 0, "sdss-white-dwarf", "A white dwarf", "SDSS", CREDITS["SDSS"], name,
        what="a white dwarf", note=note,
    )  # fmt: skip


def _lamost() -> Iterator[Sample]:
    spectra, raw = lamost.read_dr10()
    i = _giant(spectra, (raw["snri"] > 60) & (raw["snri"] < 200))
    yield _sample(
        spectra, i, "lamost-dr10-giant", "A giant of LAMOST DR10", "LAMOST DR10", lamost.CREDIT, lamost.FILE,
        labels="LASP, the LAMOST stellar parameter pipeline",
    )  # fmt: skip
    first = pack.read_lamost_dr1()
    yield _sample(
        first, _giant(first), "lamost-dr1-giant", "A giant of LAMOST DR1", "LAMOST DR1", pack.CREDIT_DR1,
        pack.LAMOST_DR1, labels="LAMOST DR1 catalogue",
    )  # fmt: skip


def _libraries() -> Iterator[Sample]:
    stelib = pack.read_stelib()
    i = _giant(stelib)
    yield _sample(
        stelib, i, "stelib-giant", f"{stelib.id[i]}, a giant", "STELIB", CREDITS["STELIB"], pack.STELIB,
        labels="literature, as STELIB lists it", noise="scatter of neighbouring pixels; the file gives no errors",
    )  # fmt: skip
    optical, h = pack.read_irtf("optical"), pack.read_irtf("h")
    i = _giant(optical)
    for part, spectra in (("optical", optical), ("h-band", h)):
        k = int(np.flatnonzero(spectra.id == optical.id[i])[0])
        yield _sample(
            spectra, k, f"irtf-giant-{part}", f"{spectra.id[k]}, {'H band' if part == 'h-band' else 'deep red'}",
            "IRTF", CREDITS["IRTF"], pack.IRTF, labels="MILES and STELIB tables, by name",
            noise="errors of the library",
        )  # fmt: skip


def _narrow() -> Iterator[Sample]:
    gaia = pack.read_gaia_rvs()
    yield _sample(
        gaia, 0, "gaia-rvs-kepler-93", f"{gaia.id[0]}", "Gaia DR3 RVS", CREDITS["Gaia"], pack.GAIA_RVS,
        noise="errors of the archive",
    )  # fmt: skip
    rows = apogee.read_rows()
    for i, name in enumerate(rows.id):
        yield _sample(
            rows, i, f"apogee-star-{i + 1}", str(name), "APOGEE DR17", CREDITS["APOGEE"], apogee.ROWS,
            note="gaps: between the three detectors there are no data",
        )  # fmt: skip
    window = pack.read_apogee_giants()
    yield _sample(
        window, _giant(window), "apogee-window-giant", "A giant, 100 pixels", "APOGEE", CREDITS["window"],
        pack.APOGEE, labels="ASPCAP", noise="errors of the published file", normalisation="continuum",
        note="one giant of the window that the transfer experiment is made with",
    )  # fmt: skip


def _emulated() -> Iterator[Sample]:
    raw = data.read_npz(observed_folder() / pack.CANNON)
    teff, logg, mh, alpha = (round(float(v), 4) for v in raw["baseline_labels"])
    about = {
        "id": "apogee-emulated-giant", "title": "A giant, emulated", "origin": "emulated",
        "survey": "emulator of APOGEE DR10", "what": "a star", "credit": CREDITS["cannon"],
        "source_file": f"{pack.CANNON}, at its baseline labels, [alpha/M] {alpha:g}", "resolution": apogee.RESOLUTION,
        "normalisation": "continuum", "noise_source": "scatter of the emulator about the observed spectra",
        "note": "no telescope saw this star: an emulator fitted to observed spectra drew it",
        "teff": teff, "logg": logg, "mh": mh, "star_class": class_of(logg), "label_source": "put in",
    }  # fmt: skip
    flux, sigma = raw["coeffs"][0].astype(float), raw["scatter"].astype(float)
    ivar = np.divide(1.0, sigma**2, out=np.zeros(len(sigma)), where=sigma > 0)
    yield Sample(raw["wave_vac"], flux, ivar, None, about)


def _synthetic() -> Iterator[Sample]:
    raw = data.load(H_BAND)
    for name, teff, logg in (("giant", 4500.0, 2.0), ("dwarf", 4500.0, 4.0)):
        at = tuple(int(np.argmin(np.abs(raw[k] - v))) for k, v in (("teff", teff), ("logg", logg), ("mh", 0.0)))
        found = [float(raw[k][i]) for k, i in zip(("teff", "logg", "mh"), at, strict=True)]
        about = {
            "id": f"synthetic-h-{name}", "title": f"A synthetic {name}, H band", "origin": "synthetic",
            "survey": "synthetic", "what": "a star", "credit": CREDITS["grid"],
            "source_file": f"{H_BAND}, one node of the grid", "resolution": float(raw["R"]),
            "normalisation": "continuum", "noise_source": "", "note": "computed, without noise",
            "teff": found[0], "logg": found[1], "mh": found[2], "star_class": class_of(found[1]),
            "label_source": "computed with them",
        }  # fmt: skip
        yield Sample(raw["wave_vac"], raw["flux_u16"][at] * float(raw["flux_scale"]), None, None, about)


SOURCES: dict[str, Callable[[], Iterator[Sample]]] = {
    "DESI": _desi,
    "SDSS": _sdss,
    "LAMOST": _lamost,
    "STELIB and IRTF": _libraries,
    "Gaia RVS and APOGEE": _narrow,
    "emulated": _emulated,
    "synthetic": _synthetic,
}


def _axis(wave: np.ndarray) -> WaveAxis:
    """An affine axis over ``wave`` with at most ``MAX_PIXELS``, linear or log10, whichever its steps are closer to."""
    steps, logs = np.diff(wave), np.diff(np.log10(wave))
    spread = [float(np.ptp(np.percentile(s, [5, 95])) / np.median(s)) for s in (steps, logs)]
    scale: Literal["linear", "log10"] = "linear" if spread[0] <= spread[1] else "log10"
    x = wave if scale == "linear" else np.log10(wave)
    native = float(np.median(np.diff(x)))
    step = native * int(np.ceil((x[-1] - x[0]) / native / MAX_PIXELS))
    n = int((x[-1] - x[0]) / step * (1 + 1e-9)) + 1
    return WaveAxis(scale=scale, start=round(float(x[0]), 9), step=round(step, 12), n=min(n, MAX_PIXELS))


def _edges(axis: WaveAxis) -> np.ndarray:
    x = axis.start + axis.step * (np.arange(axis.n + 1) - 0.5)
    return np.asarray(10**x if axis.scale == "log10" else x)


def _thinned(sample: Sample) -> tuple[WaveAxis, np.ndarray, np.ndarray]:
    """(axis, flux, ivar) at rest on the axis; flux NaN and ivar 0 where no input pixel is near."""
    wave = sample.wave / (1 + (sample.z or 0.0))
    ivar = np.ones(len(wave)) if sample.ivar is None else sample.ivar
    axis = _axis(wave)
    edges = _edges(axis)
    flux, weight = resample(wave, sample.flux, ivar, edges)
    centre = 0.5 * (edges[1:] + edges[:-1])
    right = np.searchsorted(wave, centre).clip(1, len(wave) - 1)
    near = np.minimum(np.abs(wave[right] - centre), np.abs(wave[right - 1] - centre))
    far = near > 1.5 * np.maximum(np.median(np.diff(wave)), np.diff(edges))
    weight = np.where(far, 0.0, weight)
    return axis, np.where(weight > 0, flux, np.nan), weight


def spectrum_file(sample: Sample, stamp: Provenance) -> SpectrumFile:
    """A sample as the contract has it: median 1 unless it is continuum-normalised, pixels without data null."""
    axis, flux, weight = _thinned(sample)
    level = float(np.nanmedian(flux)) if sample.about["normalisation"] == "median" else 1.0
    good = np.isfinite(flux)
    sigma = np.divide(1.0, np.sqrt(weight), out=np.zeros(len(flux)), where=weight > 0) / level
    native = None
    if sample.ivar is not None:
        some = sample.ivar > 0
        native = round(float(np.median(sample.flux[some] * np.sqrt(sample.ivar[some]))), 2)

    def column(values: np.ndarray) -> list[float | None]:
        return [round(float(v), 4) if ok else None for v, ok in zip(values, good, strict=True)]

    return SpectrumFile(
        provenance=stamp, wave=axis, frame="rest", z=sample.z, n_native=len(sample.wave), snr=native,
        flux=column(flux / level), sigma=None if sample.ivar is None else column(sigma), **sample.about,
    )  # fmt: skip


def spectra_files(stamp: Provenance) -> tuple[list[SpectrumFile], list[str]]:
    """Every spectrum whose file is there, and one sentence for each source that is left out."""
    files: list[SpectrumFile] = []
    left_out: list[str] = []
    for name, read in SOURCES.items():
        try:
            files += [spectrum_file(sample, stamp) for sample in read()]
        except BadInput as error:
            left_out.append(f"{name} is left out: {error}")
    return files, left_out


def stamp() -> Provenance:
    """Provenance of the files, with the hash of every file that is there."""
    names = ("sdss_spec-0266-51602-0031.fits", lamost.FILE, pack.LAMOST_DR1, pack.STELIB, pack.IRTF, pack.GAIA_RVS,
             pack.APOGEE, pack.CANNON)  # fmt: skip
    paths: list[Path] = [observed_folder() / name for name in names]
    paths += sorted(observed_folder().glob("desi_*.fits"))
    hashes = {p.name: data.sha256(p) for p in paths if p.exists()}
    config = {"max_pixels": MAX_PIXELS, "sources": list(SOURCES)}
    return provenance.stamp(RUN, "python -m model spectra --out results", config, 0, (H_BAND, apogee.ROWS), hashes)


def write(out: Path) -> tuple[list[str], list[str]]:
    """Put the spectra into the results folder ``out`` in place of those there: (paths written, what is left out).

    Raises:
        BadInput: ``out`` holds no results, or cannot be written.
    """
    old = read_index(out)
    files, left_out = spectra_files(stamp())
    with replacing_folder(out) as temp:
        entries = [write_file(temp, f"spectra/{f.id}.json", f) for f in files]
        written = [e.path for e in entries]
        entries += take_over(out, temp, (e for e in old.files if e.kind != "spectrum"))
        write_index(temp, Index(main_run=old.main_run, files=sorted(entries, key=lambda e: e.path)))
    return written, left_out
