"""Many survey files into one folder of shards: in parallel, in bounded memory, and on from where it was stopped.

The parent holds names and records, never spectra. Each worker has one file at a time. A file is finished when its
record is in place, which is written after its shards; a process that is killed leaves shards without a record, and
the next run makes those again and nothing else.
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from model.ingest import layout, repeats
from model.ingest.layout import SHARDS, STATE
from model.ingest.manifest import MANIFEST, Manifest, Record, Settings, check_settings, dump, records
from model.ingest.sources import Source
from model.ingest.task import Job, ingest_file, key_of, record_path
from site_builder.contract import BadInput

PATIENCE = 30  # seconds for a scheduler to answer, and for it to have a worker
AHEAD = 2  # files that are handed out per worker: the next one is there when one is done


@dataclass(frozen=True)
class Options:
    """How an ingest is carried out.

    Attributes:
        out: folder of the shards.
        catalogue: file with labels; None: those of the survey files.
        workers: processes on this machine; 0: none beside this one.
        scheduler: address of a dask scheduler whose workers are used instead.
        shard_size: largest number of spectra in a shard.
        unlabelled: keep spectra without valid labels.
        repeats: what is done with an object that an earlier file has, too.
    """

    out: Path
    catalogue: Path | None = None
    workers: int = 2
    scheduler: str | None = None
    shard_size: int = 2000
    unlabelled: bool = False
    repeats: Literal["keep", "drop"] = "keep"


def ingest(files: list[Path], source: Source, options: Options, say: Callable[[str], None] = print) -> Manifest:
    """Ingest ``files`` (absolute paths) and write the manifest.

    Args:
        say: is told each damaged file's sentence, and the summary.

    Raises:
        BadInput: an option cannot be used, the folder cannot be written, or no file gave a spectrum.
    """
    if options.workers < 0:
        raise BadInput(f"--workers {options.workers} is no number of processes; give 0 or more.")
    if options.shard_size < 1:
        raise BadInput(f"--shard-size {options.shard_size} is no number of spectra; give 1 or more.")
    out = options.out.absolute()
    settings, catalogue = _prepare(out, source, options)
    finished = _tidy(out)
    jobs = [Job(path, out, source, catalogue, options.shard_size, options.unlabelled) for path in files]
    todo = [job for job in jobs if not _is_done(job, finished.get(key_of(source, job.path)))]
    if len(todo) < len(jobs):
        say(f"{len(jobs) - len(todo)} of {len(jobs)} files were finished before and are not read again")
    del finished
    if todo:
        with _mapper(options, len(todo)) as results:
            for done, record in enumerate(results(todo), 1):
                if record.outcome == "damaged":
                    say(f"damaged: {record.reason}")
                _progress(done, len(todo))
    manifest = _finish(out, source, settings)
    say(summary(manifest, out))
    if not manifest.spectra:
        reasons = [r.reason for r in manifest.records if r.reason]
        raise BadInput(reasons[0] if len(reasons) == len(manifest.records) == 1 else _nothing(manifest, options))
    return manifest


def _prepare(out: Path, source: Source, options: Options) -> tuple[Settings, Path | None]:
    """Settings of the folder, checked against those it has, and the folder of the catalogue's columns."""
    catalogue, digest = None, ""
    if options.catalogue is not None:
        if source.prepare is None:
            raise BadInput(f"--catalogue: {source.name} has labels in its files; leave the option out.")
        catalogue = out / STATE / "catalogue"
        digest = source.prepare(options.catalogue, catalogue)
    settings = Settings(
        survey=source.name,
        wave=source.axis,
        catalogue_sha256=digest,
        unlabelled=options.unlabelled,
        repeats=options.repeats,
        row_group=layout.ROW_GROUP,
    )
    check_settings(out, settings)
    return settings, catalogue


def _tidy(out: Path) -> dict[str, Record]:
    """Remove what a killed run has left: shards without record, half-written files. Returns the records by key."""
    found = dict(records(out))
    for path in (out / SHARDS).glob("*.parquet"):
        if path.stem.rpartition("-")[0] not in found:
            path.unlink()
    for folder in (SHARDS, STATE, f"{STATE}/records", f"{STATE}/catalogue"):
        for path in (out / folder).glob(".*"):
            if path.is_file():
                path.unlink()
    return found


def _is_done(job: Job, record: Record | None) -> bool:
    """Whether a file is as its record says, and so are its shards. Damaged files are tried again."""
    if record is None or record.outcome == "damaged":
        return False
    try:
        state = job.path.stat()
        sizes = [(job.out / shard.path).stat().st_size for shard in record.shards]
    except OSError:
        return False
    same = (record.source, record.bytes, record.mtime_ns) == (str(job.path), state.st_size, state.st_mtime_ns)
    return same and sizes == [shard.bytes for shard in record.shards]


Results = Callable[[list[Job]], Iterable[Record]]


@contextmanager
def _mapper(options: Options, n: int) -> Iterator[Results]:
    """How jobs are carried out: here, by processes of this machine, or by a cluster's workers."""
    if options.scheduler is None and options.workers == 0:
        yield lambda jobs: map(ingest_file, jobs)
    elif options.scheduler is None:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 0}),
            LocalCluster(
                n_workers=min(options.workers, n),
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # a worker's memory is bounded by its one file; killing it would not make that smaller
                dashboard_address=":0",
                silence_logs=logging.ERROR,  # that a busy machine starts and stops processes slowly is no news
            ) as cluster,
            Client(cluster) as client,
        ):
            yield lambda jobs: _distribute(client, jobs)
    else:
        with _connect(options.scheduler) as client:
            yield lambda jobs: _distribute(client, jobs)


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    """A client of a scheduler that has workers.

    Raises:
        BadInput: it does not answer, or no worker comes.
    """
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError):  # TimeoutError is an OSError
        raise BadInput(
            f"--scheduler {address} does not answer; start one with dask scheduler and give the address it prints."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise BadInput(f"--scheduler {address} has no workers; start some with dask worker {address}.") from None
        yield client


def _distribute(client: Client, jobs: list[Job]) -> Iterator[Record]:
    """Records as they come; no more jobs are with the scheduler than its workers need.

    When a worker dies, each job that it had is a suspect; these are done one by one at the end, so that only a file
    that ends workers by itself is given up.
    """
    waiting = iter(jobs)
    ahead = AHEAD * sum(client.nthreads().values())
    given: dict[str, Job] = {}
    suspects: list[Job] = []

    def submit(n: int) -> list[Future]:
        futures = []
        for job in islice(waiting, n):
            future = client.submit(ingest_file, job, pure=False)
            given[str(future.key)] = job
            futures.append(future)
        return futures

    running = as_completed(submit(ahead))
    for future in running:
        job = given.pop(str(future.key))
        try:
            record = future.result()
        except KilledWorker:
            suspects.append(job)
            record = None
        future.release()
        running.update(submit(1))
        if record is not None:
            yield record
    for job in suspects:
        try:
            yield client.submit(ingest_file, job, pure=False).result()
        except KilledWorker:
            yield _fatal(job)


def _fatal(job: Job) -> Record:
    """The record of a file that no worker survives."""
    state = job.path.stat()
    record = Record(source=str(job.path), bytes=state.st_size, mtime_ns=state.st_mtime_ns, outcome="damaged")
    record.reason = f"{job.path} ended every worker that read it; give workers more memory, or leave the file out."
    dump(record_path(job.out, key_of(job.source, job.path)), record)
    return record


def _progress(done: int, total: int) -> None:
    """A counter, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{done}/{total} files", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _finish(out: Path, source: Source, settings: Settings) -> Manifest:
    """Count, and drop if that is wanted, objects that come twice; write the manifest."""
    found = dict(sorted(records(out), key=lambda item: item[1].source))
    first = repeats.first_places(out, list(found.values()))
    if settings.repeats == "drop" and not first.all():
        repeats.drop(out, found, first)
        first = first[first]
    every = list(found.values())
    report: Counter[str] = Counter()
    for record in every:
        report.update(record.report)
    manifest = Manifest(
        **settings.model_dump(),
        instrument=next((r.instrument for r in every if r.instrument), source.name),
        files=dict(Counter(r.outcome for r in every)),
        spectra=len(first),
        objects=int(first.sum()),
        repeated=int(len(first) - first.sum()),
        bytes=sum(s.bytes for r in every for s in r.shards),
        report=dict(report),
        records=every,
    )
    dump(out / MANIFEST, manifest)
    return manifest


def summary(manifest: Manifest, out: Path) -> str:
    """What came of it, in lines to print."""
    counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(manifest.files.items()))
    lines = [f"{sum(manifest.files.values())} files: {counts}"]
    lines += [f"  {n:>9} {cut}" for cut, n in manifest.report.items()]
    dropped = sum(record.repeats_dropped for record in manifest.records)
    more = f", {dropped} repeats dropped" if dropped else ""
    lines.append(
        f"{manifest.spectra} spectra of {manifest.objects} objects{more} in {len(manifest.shards)} shards "
        f"({manifest.bytes / 1e6:.0f} MB) in {out}"
    )
    return "\n".join(lines)


def _nothing(manifest: Manifest, options: Options) -> str:
    """The sentence for an ingest without result."""
    n = len(manifest.records)
    if "damaged" in manifest.files:
        return f"none of {n} files gave a spectrum (see {options.out / MANIFEST}); fetch the damaged files again."
    if options.catalogue is None and not options.unlabelled:
        return f"none of {n} files gave a spectrum with labels; give --catalogue, or --unlabelled to keep all."
    return f"none of {n} files gave a spectrum; give files and a --catalogue of the same objects."
