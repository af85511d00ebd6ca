"""Building the shipped site, with nothing kept from an earlier build (cold) and with everything (warm)."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, Section, main


def timed(out: Path, cache: Path, *options: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MiB of one build in a process of its own."""
    command = [sys.executable, "build.py", "--out", str(out), *options]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ | {"SPECVIT_CACHE": str(cache)}
    )
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(rounds: int = 3) -> Section:
    files = json.loads((ROOT / "results" / "index.json").read_text())["files"]
    size = sum(entry["bytes"] for entry in files) / 1e6
    section = Section(
        "Building the site",
        f"The shipped results ({len(files)} files, {size:.0f} MB), all pages in all languages; the fastest of {rounds} "
        "builds each. Cold: nothing is kept from an earlier build; warm: the same code and results were built before. "
        "Budget: 5 s cold, 2 s warm.",
        ["build", "seconds", "processor seconds", "memory, MiB"],
    )
    with tempfile.TemporaryDirectory() as folder:
        cache, out = Path(folder) / "cache", Path(folder) / "site"
        cold = min(timed(out, cache, "--no-cache") for _ in range(rounds))
        timed(out, cache)
        warm = min(timed(out, cache) for _ in range(rounds))
    for name, (seconds, processor, memory) in (("cold", cold), ("warm", warm)):
        section.rows.append([name, f"{seconds:.1f}", f"{processor:.1f}", f"{memory:.0f}"])
    return section


if __name__ == "__main__":
    main(measure)
