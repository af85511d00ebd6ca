"""What is done with one survey file, in a worker: read, to rest frame and pixels, labels, shards, record."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data import sha256
from model.ingest.layout import ERRORS, SHARDS, STATE, Rows, borders, table, write_shard
from model.ingest.manifest import RECORDS, SETTINGS, Record, Shard, dump
from model.ingest.sources import Source
from model.resample import resample
from model.surveys import LABELS, ObservedSpectra
from site_builder.contract import BadInput
from site_builder.contract.schema import WaveAxis


@dataclass(frozen=True)
class Job:
    """One file to do.

    Attributes:
        path: absolute.
        out: folder that all workers see.
        catalogue: folder with the prepared columns; None: no labels are joined.
        shard_size: largest number of spectra in a shard.
        unlabelled: keep spectra without valid labels.
    """

    path: Path
    out: Path
    source: Source
    catalogue: Path | None
    shard_size: int
    unlabelled: bool


def key_of(source: Source, path: Path) -> str:
    """Name of a file's record, and what the names of its shards begin with: from its absolute path."""
    return f"{source.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"


def record_path(out: Path, key: str) -> Path:
    """Where the record of a file lies."""
    return out / STATE / RECORDS / f"{key}.json"


def shards_of(out: Path, key: str) -> list[Path]:
    """Shards on disk that were made from a file."""
    return sorted((out / SHARDS).glob(f"{key}-*.parquet"))


def ingest_file(job: Job) -> Record:
    """Read one file and write its shards, then its record: what has a record is finished.

    A file that cannot be read is recorded as damaged, with the one sentence that says why.

    Raises:
        BadInput: ``out`` cannot be written, or is not seen by this worker.
    """
    if not (job.out / STATE / SETTINGS).exists():
        raise BadInput(f"--out {job.out} is not seen by a worker; give a folder that all workers share.")
    key = key_of(job.source, job.path)
    record_path(job.out, key).unlink(missing_ok=True)
    for old in shards_of(job.out, key):
        old.unlink()
    try:
        state = job.path.stat()
        size, mtime = state.st_size, state.st_mtime_ns
    except OSError:  # a link that leads nowhere
        size, mtime = 0, 0
    record = Record(source=str(job.path), bytes=size, mtime_ns=mtime, outcome="empty")
    try:
        spectra = _read(job)
    except BadInput as error:
        record.outcome, record.reason = "damaged", str(error)
    else:
        record.instrument, record.resolution = spectra.instrument, spectra.resolution
        record.report = {k: int(v) for k, v in spectra.report.items()}
        _write(job, key, spectra, record)
    dump(record_path(job.out, key), record)
    return record


def _read(job: Job) -> ObservedSpectra:
    """The spectra of a file that are wanted, with labels.

    Raises:
        BadInput: it cannot be read, whatever the reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters about a damaged file is in its sentence
            spectra = job.source.read(job.path)
            if job.catalogue is not None and job.source.join is not None:
                spectra = job.source.join(spectra, job.catalogue)
    except BadInput:
        raise
    except Exception as error:  # one file in 100 000 that no reader foresaw must not end the run
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(f"{job.path} cannot be read ({reason:.120}); fetch it again.") from None
    if len(np.unique(spectra.id)) < len(spectra):
        raise BadInput(f"{job.path}: field id names an object twice; give a file with one spectrum an object.")
    return spectra if job.unlabelled else spectra.take(spectra.labelled, "with labels")


def _write(job: Job, key: str, spectra: ObservedSpectra, record: Record) -> None:
    """Write the shards of a file and note them in its record."""
    axis, spectra_left = job.source.axis, 0
    for number, start in enumerate(range(0, len(spectra), job.shard_size)):
        rows = at_rest(spectra.take(np.arange(start, min(start + job.shard_size, len(spectra)))), axis)
        if not len(rows.id):
            continue
        path = job.out / SHARDS / f"{key}-{number:05d}.parquet"
        write_shard(path, table(rows, axis, job.source.name, job.path.name))
        record.shards.append(describe(job.out, path, len(rows.id)))
        spectra_left += len(rows.id)
    record.report["pixels in the window"] = record.spectra = spectra_left
    record.outcome = "done" if spectra_left else "empty"


def describe(out: Path, path: Path, rows: int) -> Shard:
    """Entry of a shard on disk."""
    return Shard(path=path.relative_to(out).as_posix(), rows=rows, bytes=path.stat().st_size, sha256=sha256(path))


def at_rest(spectra: ObservedSpectra, axis: WaveAxis) -> Rows:
    """Spectra divided by 1 + z in wavelength and resampled to ``axis``; those without a pixel there are left out."""
    edges, n = borders(axis), len(spectra)
    flux, ivar = np.zeros((n, axis.n), np.float32), np.zeros((n, axis.n), np.float32)
    for i in range(n):
        flux[i], ivar[i] = resample(spectra.wave / (1 + spectra.z[i]), spectra.flux[i], spectra.ivar[i], edges)
    good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    flux[~good] = ivar[~good] = 0
    keep = good.any(axis=1)
    columns = [np.stack([getattr(spectra, k) for k in names], 1).astype(np.float32) for names in (LABELS, ERRORS)]
    return Rows(
        id=np.asarray(spectra.id)[keep].astype(str),
        flux=flux[keep],
        ivar=ivar[keep],
        labels=columns[0][keep],
        errors=columns[1][keep],
        z=np.asarray(spectra.z, np.float64)[keep],
    )
