"""Content that takes long to make (drawings): asked for by pages, taken from the cache or made on all cores."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from site_builder.cache import Cache

T = TypeVar("T")
FEW = 4  # jobs for which another process is not worth its start
MANY = 200  # files to check for which it is


@dataclass(eq=False)
class Job:
    """Content that is made when it is first looked at, if not earlier by ``run``."""

    key: str  # unique among the jobs of a build
    make: Callable[[], bytes] = field(repr=False)
    uses: list[Callable[[bytes], object]] = field(default_factory=list, repr=False)  # told when it is made
    made: bytes | None = field(default=None, repr=False)

    def use(self, told: Callable[[bytes], object]) -> None:
        """Tell of the content: now if it is there, else once it is made."""
        if self.made is None:
            self.uses.append(told)
        else:
            told(self.made)

    def finish(self, content: bytes) -> None:
        """Take content that was made or kept."""
        self.made = content
        for told in self.uses:
            told(content)

    @property
    def content(self) -> bytes:
        """The content."""
        if self.made is None:
            self.finish(self.make())
        assert self.made is not None
        return self.made


def workers() -> int:
    """Processes that ``run`` may use: one for each core, where the system can fork them."""
    if sys.platform != "linux":
        return 1
    return min(8, len(os.sched_getaffinity(0)))


def apart(call: Callable[[], T]) -> Callable[[], T]:
    """Start a call in a process of its own; what is returned waits for its end, and gives or raises what it did."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)

    def work() -> None:
        ours.close()  # else it would read itself, and never learn that nobody else does
        with suppress(BrokenPipeError):  # nobody waits any more: the build has failed
            try:
                theirs.send((call(), None))
            except Exception as error:
                theirs.send((None, error))

    process = fork.Process(target=work, daemon=True)
    process.start()
    theirs.close()

    def wait() -> T:
        try:
            given, raised = ours.recv()
        except EOFError:
            given, raised = None, RuntimeError("a process of the build has ended before its time")
        process.join()
        ours.close()
        if raised is not None:
            raise raised
        result: T = given
        return result

    return wait


def begin(jobs: Sequence[Job], cache: Cache) -> Callable[[], None]:
    """Start to make the content of jobs in a process of its own; what is returned waits until it is made."""
    wait = apart(lambda: [job.make() for job in jobs])

    def finish() -> None:
        for job, content in zip(jobs, wait(), strict=True):
            job.finish(content)
            cache.put(job.key, content)

    return finish


_todo: Sequence[Job] = ()  # what forked processes work on; jobs hold functions, which no queue could carry


def _make(index: int) -> bytes:
    return _todo[index].make()


def run(jobs: Sequence[Job], cache: Cache, processes: int) -> None:
    """Make the content of all jobs: from the cache, else in so many processes."""
    global _todo
    for job in jobs:
        if job.made is None and (kept := cache.get(job.key)) is not None:
            job.finish(kept)
    todo = [job for job in jobs if job.made is None]
    if processes > 1 and len(todo) > FEW:
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401  # once, before the processes part

        _todo = todo
        try:
            with multiprocessing.get_context("fork").Pool(processes) as pool:
                making = pool.map_async(_make, range(len(todo)), chunksize=1)
                pool.close()
                making.wait()
                pool.join()  # workers end by themselves; one that is told to in the middle of something may not
                made = making.get()
            for job, content in zip(todo, made, strict=True):
                job.finish(content)
        finally:
            _todo = ()
    for job in todo:
        cache.put(job.key, job.content)
