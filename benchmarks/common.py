"""What the benchmarks share: interleaved timing, the machine's name, tables in Markdown."""

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402


@dataclass
class Section:
    """One benchmark's result: a title, what was measured, a table, and what to know when reading it."""

    title: str
    method: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""

    def markdown(self) -> str:
        table = [self.columns, ["---"] * len(self.columns), *self.rows]
        lines = [f"## {self.title}", "", self.method, "", *(f"| {' | '.join(row)} |" for row in table)]
        return "\n".join([*lines, *(["", self.note] if self.note else []), ""])


@cache
def threads() -> int:
    """Use every core that this process may run on, or THREADS of them; the same number to the end."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n = int(os.environ.get("THREADS", cores))
    torch.set_num_threads(n)
    return n


def machine() -> str:
    """Processor, cores, and the versions that matter, in one line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = [x.partition(":")[2].strip() for x in info.read_text().splitlines() if x.startswith("model name")]
        name = found[0] if found else name
    bf16 = " with AMX" if info.exists() and "amx_bf16" in info.read_text() else ""
    used = "1 thread" if threads() == 1 else f"{threads()} threads"
    return f"{name}{bf16}, {used}, Python {platform.python_version()}, torch {torch.__version__}"


def best_times(things: dict[str, Callable[[], object]], seconds: float, least: int = 3) -> dict[str, float]:
    """Shortest time of each function; their calls alternate, so that all meet the same load, for so many seconds.

    With one thread it is the processor's time, so that other work on the machine does not count.
    """
    clock = time.thread_time if threads() == 1 else time.perf_counter
    for call in things.values():
        call()
    best = dict.fromkeys(things, float("inf"))
    began, rounds = time.perf_counter(), 0
    while rounds < least or time.perf_counter() - began < seconds:
        for name, call in things.items():
            start = clock()
            call()
            best[name] = min(best[name], clock() - start)
        rounds += 1
    return best


def main(*measures: Callable[[], Section]) -> None:
    """Print the sections, and where they were measured."""
    print(machine() + "\n")
    for measure in measures:
        print(measure().markdown(), flush=True)
