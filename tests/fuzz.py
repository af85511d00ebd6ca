"""Damaged files for the readers: each gives what it holds, or one sentence, and nothing else.

``python -m tests.fuzz --minutes 10`` goes on where the last call stopped (counts in ``--state``); a case is made
again from its target, the seed and its number alone: ``python -m tests.fuzz --target spectra --case 123``. A few cases
of each target run with the tests (``tests/test_fuzz.py``); long runs are written down in docs/reliability.md.

A case fails when a reader raises anything but ``BadInput``, says no single sentence, warns on the terminal, takes more
than ``SECONDS`` of the processor or lets the process grow by more than ``MIB``.
"""

import argparse
import gzip
import hashlib
import io
import json
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from model import config, predict
from model.simulated import write_simulated
from model.surveys import formats
from site_builder import checks
from site_builder.contract import BadInput
from site_builder.contract.io import read_file, write_atomic
from site_builder.contract.schema import IndexEntry
from site_builder.results import Results
from tests import survey_files, survey_files_more
from tests.factory import make_results

SECONDS, MIB = 20, 600
CARD, BLOCK = 80, 2880  # bytes, of FITS
NUMBERS = (
    "0", "-1", "1", "2", "7", "1e308", "-1e308", "1e-320", "5e-324", "nan", "NaN", "inf", "-inf", "Infinity", "1e400",
    "2147483648", "-9223372036854775808", "18446744073709551616", "99999999999", "0x1F", "1_000", "1d3", "", " ",
    "true", "null", "T", "''", "'air'", "'1E'", "'0D'", "'PD(9)'", "'64A'", "'X'", "'1M'", "'Angstrom'", "'nm'",
    "'furlong'", "'WAVE'", "'BINTABLE'", "'IMAGE'", "'loglam'", "'flux'",
)  # fmt: skip
WORDS = (
    *NUMBERS, "wave", "flux", "ivar", "\u0000", "\u202e", "😀", "é", "\u2028", '"', "'", ",", ";", "\n", "\r", "\r\n",
    "\t", "#", "# %ECSV 1.0\n# ---\n", "[]", "{}", "[", "]", "[[1", "1979-05-27", "-0", "!!python/object", "&a *a",
    "\ufeff", "x" * 5000,
)  # fmt: skip


@dataclass
class Target:
    """One kind of files: whole ones to damage, and what reads them."""

    suffixes: tuple[str, ...]
    seeds: Callable[[], list[tuple[str, bytes]]]  # (name, content)
    read: Callable[[Path], object]


# Damage


def _bytes(raw: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes set to others, most often near the beginning, where headers are."""
    out = bytearray(raw)
    for _ in range(int(rng.integers(1, 12))):
        reach = len(out) if rng.random() < 0.5 else min(len(out), 3 * BLOCK)
        if reach:
            out[int(rng.integers(reach))] = int(rng.choice([0, 255, 32, 39, 61, int(rng.integers(256))]))
    return bytes(out)


def _cut(raw: bytes, rng: np.random.Generator) -> bytes:
    """A piece taken out, or all behind a place."""
    a, b = sorted(int(x) for x in rng.integers(0, len(raw) + 1, 2))
    return raw[:a] if rng.random() < 0.5 else raw[:a] + raw[b:]


def _again(raw: bytes, rng: np.random.Generator) -> bytes:
    """A piece that comes twice, or moved to another place."""
    a, b = sorted(int(x) for x in rng.integers(0, len(raw) + 1, 2))
    at = int(rng.integers(len(raw) + 1))
    return raw[:at] + raw[a:b] + raw[at:]


def _card(raw: bytes, rng: np.random.Generator) -> bytes:
    """A header card of a FITS file with another value, another keyword, or none."""
    cards = [m.start() for m in re.finditer(rb"[A-Z0-9_-]{2,8} *= ", raw) if m.start() % CARD == 0]
    if not cards:
        return _bytes(raw, rng)
    out = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.choice(cards))
        match int(rng.integers(4)):
            case 0 | 1:
                value = str(rng.choice(NUMBERS)).encode()
                out[at + 10 : at + CARD] = value[: CARD - 10].rjust(20).ljust(CARD - 10)
            case 2:
                other = int(rng.choice(cards))
                out[at : at + 8] = raw[other : other + 8]
            case _:
                out[at : at + CARD] = b" " * CARD
    return bytes(out)


def _word(raw: bytes, rng: np.random.Generator) -> bytes:
    """Words and numbers of a text replaced by others."""
    places = [m.span() for m in re.finditer(rb"[^\s,:\[\]{}]+", raw[: 1 << 16])]
    if not places:
        return str(rng.choice(WORDS)).encode()
    picked = sorted({int(i) for i in rng.integers(0, len(places), int(rng.integers(1, 6)))}, reverse=True)
    for i in picked:
        a, b = places[i]
        raw = raw[:a] + WORDS[int(rng.integers(len(WORDS)))].encode() + raw[b:]
    return raw


def _noise(raw: bytes, rng: np.random.Generator) -> bytes:
    """Bytes without any sense."""
    return rng.bytes(int(rng.integers(0, 4000)))


def damage(raw: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to three kinds of damage."""
    packed = raw[:2] == b"\x1f\x8b"
    inside = packed and rng.random() < 0.5
    if inside:
        raw = gzip.decompress(raw)
    kinds = (_bytes, _cut, _again, _card, _card, _card, _word, _word, _noise)
    if raw[:6] != b"SIMPLE" and not packed:
        kinds = (_bytes, _cut, _again, _word, _word, _word, _word, _word, _noise)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        raw = kinds[int(rng.integers(len(kinds)))](raw, rng)
    return gzip.compress(raw, mtime=0) if inside else raw


# Whole files


def _table(**columns: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.fits"
        fits.BinTableHDU(Table(columns)).writeto(path)
        return path.read_bytes()


def _written(write: Callable[[Path], object], name: str = "a.fits") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


@cache
def _spectrum() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """wave, flux and ivar of one simulated star on LAMOST's pixels."""
    raw = _written(lambda path: write_simulated(path, "lamost", 1, 3))
    with fits.open(io.BytesIO(raw)) as hdus:
        data = hdus["SPECTRA"].data
        return hdus["WAVE"].data.astype(float), data["flux"][0].astype(float), data["ivar"][0].astype(float)


def _fits_files() -> list[tuple[str, bytes]]:
    wave, flux, ivar = _spectrum()
    simulated = _written(lambda path: write_simulated(path, "lamost", 2, 3))
    lamost = _written(lambda path: survey_files_more.write_lamost(path, new=True))
    return [
        ("simulated.fits", simulated),
        ("scalar.fits", _table(wave=wave, flux=flux, ivar=ivar)),
        ("rows.fits", _table(loglam=np.log10([wave, wave]), flux=[flux, flux], error=[ivar**-0.5, ivar**-0.5])),
        ("lamost.fits", lamost),
        ("lamost-old.fits", _written(lambda path: survey_files_more.write_lamost(path, new=False))),
        ("sdss.fits", _written(survey_files_more.write_sdss)),
        ("apstar.fits", _written(survey_files_more.write_apstar)),
        ("desi.fits", _written(lambda p: survey_files.write_desi_coadd(p, [1, 2], 0, arms=["Z"], resolution=False))),
        ("packed.fits.gz", gzip.compress(lamost, 1, mtime=0)),
    ]


def _text_files() -> list[tuple[str, bytes]]:
    wave, flux, ivar = (x[::8] for x in _spectrum())
    table = Table({"wave": wave, "flux": flux, "ivar": ivar}, units={"wave": "Angstrom"})
    csv = _written(lambda path: table.write(path, format="ascii.csv"), "a.csv")
    ecsv = _written(lambda path: table.write(path, format="ascii.ecsv"), "a.ecsv")
    return [("a.csv", csv), ("a.ecsv", ecsv), ("short.csv", b"wave,flux,ivar\n8000,1,1\n8001,1,1\n8002,1,1\n")]


@cache
def _made_up() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        root = make_results(Path(folder) / "results", n_stars=90, n_pixels=64)
        return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def _kinds() -> dict[str, str]:
    return {e["path"]: e["kind"] for e in json.loads(_made_up()["index.json"])["files"]}


def _results_files() -> list[tuple[str, bytes]]:
    first: dict[str, str] = {}
    for path, kind in _kinds().items():
        first.setdefault(kind, path)
    return [(path.replace("/", "%"), _made_up()[path]) for path in first.values()]


@cache
def _predictor(weights: Path) -> predict.Predictor:
    return predict.Predictor(weights)


def _read_spectra(path: Path) -> object:
    rows = formats.read_rows(path)
    for row in rows:
        assert row.wave.shape == row.flux.shape == row.ivar.shape, "shapes differ"
        assert (np.diff(row.wave) > 0).all(), "wavelengths do not rise"
        assert np.isfinite(row.flux).all(), "flux is not finite"
        assert np.isfinite(row.ivar).all(), "ivar is not finite"
        assert (row.ivar >= 0).all(), "ivar is negative"
    for row in rows[:2]:
        answer = _predictor(predict.choose_weights("auto", row)).answer(row)
        if answer.logg is not None:
            assert np.isfinite([answer.logg, answer.sigma, answer.snr]).all(), "an answer is not finite"
            assert answer.sigma is not None
            assert answer.sigma > 0, "sigma is not positive"
    return rows


def _read_survey(path: Path) -> object:
    return formats.read_any(path)


def _read_catalogue(path: Path) -> object:
    spectra = path.with_name("spectra.fits")
    if not spectra.exists():
        survey_files.write_desi_coadd(spectra, [1, 2], 0, arms=["Z"], resolution=False)
    return formats.read_any(spectra, path)


def _catalogues() -> list[tuple[str, bytes]]:
    labels = survey_files.labels_of(2, 0)
    return [
        ("rvtab.fits", _written(lambda path: survey_files.write_rvtab(path, np.array([1, 2]), labels))),
        ("mwsall.fits", _written(lambda path: survey_files.write_mwsall(path, [1, 2], labels))),
    ]


def _read_config(path: Path) -> object:
    recipe = config.from_file(path, "pfs-mr")
    return recipe.training.steps, recipe.vit.n_patches


def _configs() -> list[tuple[str, bytes]]:
    return [(p.name, p.read_bytes()) for p in sorted(config.CONFIGS.glob("*.toml"))]


def _read_contract(path: Path) -> object:
    name = re.sub(r"^\d+-", "", path.name).replace("%", "/")
    entry = IndexEntry.model_construct(path=path.name, kind=_kinds()[name], sha256="0" * 64, bytes=2)
    try:
        return read_file(path.parent, entry)
    except BadInput as error:
        if "its sha256 is not the one" in str(error):  # all else is valid
            return None
        raise


def _read_results(path: Path) -> object:
    """The whole folder with this file in it, its hash in the index, loaded and checked."""
    name = re.sub(r"^\d+-", "", path.name).replace("%", "/")
    root = path.parent / "folder"
    if not root.exists():
        for other, content in _made_up().items():
            (root / other).parent.mkdir(parents=True, exist_ok=True)
            (root / other).write_bytes(content)
    raw = path.read_bytes()
    index = json.loads(_made_up()["index.json"])
    entry = next(e for e in index["files"] if e["path"] == name)
    entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), max(2, len(raw))
    (root / name).write_bytes(raw)
    (root / "index.json").write_text(json.dumps(index))
    try:
        checks.run_all(Results.load(root))
    finally:
        (root / name).write_bytes(_made_up()[name])
    return None


TARGETS = {
    "spectra": Target((".fits", ".gz"), _fits_files, _read_spectra),
    "text": Target((".csv", ".ecsv"), _text_files, _read_spectra),
    "surveys": Target((".fits", ".gz"), _fits_files, _read_survey),
    "catalogues": Target((".fits",), _catalogues, _read_catalogue),
    "configs": Target((".toml",), _configs, _read_config),
    "contract": Target((".json",), _results_files, _read_contract),
    "results": Target((".json",), _results_files, _read_results),
}


# Running cases


@dataclass
class Counts:
    """What became of the cases of one target."""

    next: int = 0
    read: int = 0
    refused: int = 0
    failed: dict[str, str] = field(default_factory=dict)  # number of the case: what happened
    seconds: float = 0.0
    peak_mib: int = 0


class Hang(BaseException):
    """A case took too long; no ``Exception``, so that no reader takes it for damage."""


def _alarm(*_: object) -> None:
    raise Hang


def _peak() -> int:
    """Largest memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def make_case(target: str, seed: int, number: int, folder: Path) -> Path:
    """The damaged file of one case."""
    rng = np.random.default_rng([seed, list(TARGETS).index(target), number])
    name, raw = _seeds(target)[int(rng.integers(len(_seeds(target))))]
    path = folder / f"{number}-{name}"
    path.write_bytes(damage(raw, rng))
    return path


@cache
def _seeds(target: str) -> list[tuple[str, bytes]]:
    return TARGETS[target].seeds()


def run_case(target: str, seed: int, number: int, folder: Path) -> tuple[bool, str]:
    """Whether the file was read (True) or refused, and what went wrong ("" if nothing did)."""
    path = make_case(target, seed, number, folder)
    before, read, problem = _peak(), False, ""
    signal.signal(signal.SIGPROF, _alarm)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            TARGETS[target].read(path)
        read = True
    except BadInput as error:
        sentence = str(error)
        if "\n" in sentence or not sentence.endswith(".") or len(sentence) > 600 or not sentence.isprintable():
            problem = f"no single sentence: {sentence!r:.300}"
    except Hang:
        problem = f"took more than {SECONDS} s"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename][-1]
        problem = f"{type(error).__name__}: {error!s:.120} ({Path(where.filename).name}:{where.lineno}; {ours.line})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if not problem and warned:
        first = warned[0]
        problem = f"warned: {first.category.__name__}: {first.message!s:.120} ({Path(first.filename).name})"
    if _peak() > before + MIB:
        problem = problem or f"took {_peak() - before} MiB"
    path.unlink()
    return read, problem


def run_target(target: str, seed: int, counts: Counts, seconds: float, cases: int | None = None) -> None:
    """Cases of one target from ``counts.next`` on, for so much processor time or so many; counts are added up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_case(target, seed, 0, folder)
        start, done = time.process_time(), 0
        while done != cases and time.process_time() - start < seconds:
            read, problem = run_case(target, seed, counts.next, folder)
            if problem:
                counts.failed[str(counts.next)] = problem
            elif read:
                counts.read += 1
            else:
                counts.refused += 1
            counts.next, done = counts.next + 1, done + 1
        counts.seconds = round(counts.seconds + time.process_time() - start, 1)
        counts.peak_mib = max(counts.peak_mib, _peak())


def main() -> int:
    """Run cases and print the counts; 1 if there were failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="processor time, shared by the targets")
    parser.add_argument("--target", choices=TARGETS, help="one target alone")
    parser.add_argument("--seed", type=int, default=0, help="seed of all damage")
    parser.add_argument("--state", type=Path, help="JSON of counts to go on from, and to write")
    parser.add_argument("--case", type=int, help="one case alone, by its number, with its file kept in this folder")
    args = parser.parse_args()
    chosen = [args.target] if args.target else list(TARGETS)
    if args.case is not None:
        print(run_case(chosen[0], args.seed, args.case, Path(tempfile.mkdtemp())))
        print(make_case(chosen[0], args.seed, args.case, Path()))
        return 0
    old = json.loads(args.state.read_text()) if args.state and args.state.exists() else {}
    counts = {t: Counts(**old.get(t, {})) for t in TARGETS}
    for target in chosen:
        run_target(target, args.seed, counts[target], 60 * args.minutes / len(chosen))
        if args.state:
            write_atomic(args.state, json.dumps({t: asdict(c) for t, c in counts.items()}, indent=1).encode())
        c = counts[target]
        print(
            f"{target:12} {c.next:7} cases, {c.read} read, {c.refused} refused, {len(c.failed)} failed, "
            f"{c.seconds:.0f} s, {c.peak_mib} MiB",
            flush=True,
        )
    failed: dict[str, list[str]] = {}
    for target, c in counts.items():
        for number, what in c.failed.items():
            failed.setdefault(what, []).append(f"{target} {number}")
    for what, cases in failed.items():
        print(f"  {len(cases)} x {what}: {', '.join(cases[:3])}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
