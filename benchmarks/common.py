"""What the benchmarks share: interleaved timing, the machine's name, tables in Markdown, and the pages of tables."""

import argparse
import datetime
import importlib
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
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


@cache
def _processor() -> str:
    """What Linux tells of the processor; elsewhere nothing."""
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def bfloat16() -> str:
    """By what the processor multiplies bfloat16 numbers; empty where it does not, and takes many times as long."""
    return "AMX" if "amx_bf16" in _processor() else "AVX-512" if "avx512_bf16" in _processor() else ""


def machine() -> str:
    """Processor, cores, and the versions that matter, in one line."""
    found = re.search(r"^model name\s*: (.*)$", _processor(), re.MULTILINE)
    name = found[1] if found else platform.processor() or platform.machine()
    bf16 = f"bfloat16 by {bfloat16()}" if bfloat16() else "no bfloat16 products"
    used = "1 thread" if threads() == 1 else f"{threads()} threads"
    return f"{name} ({bf16}), {used}, Python {platform.python_version()}, torch {torch.__version__}"


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


def put(text: str, section: str) -> str:
    """The page with a section in the place of an older one of the same title, or at its end."""
    title = section.splitlines()[0]
    found = re.search(rf"^{re.escape(title)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return text.rstrip("\n") + "\n\n" + section
    return text[: found.start()] + section + text[found.end() :]


def write_page(page: Path, head: str, names: Sequence[str], about: str | None) -> None:
    """The command line of a page of ``docs/``: measure some of its sections or all, print them, with --write keep them.

    Args:
        page: where the sections are kept; others than those that are measured stay as they are.
        head: what stands above them.
        names: the programs of this folder whose ``measure`` gives a section each.
        about: what --help says.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ", ".join(names)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all of them, if none is named: {known}")
    parser.add_argument("--write", action="store_true", help=f"write {page.relative_to(ROOT)}")
    args = parser.parse_args()
    if unknown := set(args.names) - set(names):
        parser.error(f"{', '.join(sorted(unknown))} is none of {known}")
    kept = page.read_text().partition("\n## ") if page.exists() else ("", "", "")
    text = head + "".join(kept[1:])
    for name in args.names or names:
        section = importlib.import_module(name).measure()
        done = f"{datetime.datetime.now(datetime.UTC).date()}; {machine()}."
        section.note = f"{section.note}\n\n{done}".strip()
        print(section.markdown(), flush=True)
        text = put(text, section.markdown() + "\n")
    if args.write:
        page.write_text(text.rstrip("\n") + "\n")


def main(*measures: Callable[[], Section]) -> None:
    """Print the sections, and where they were measured."""
    print(machine() + "\n")
    for measure in measures:
        print(measure().markdown(), flush=True)
