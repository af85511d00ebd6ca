"""Building sites of large results, up to a million predictions and 5 000 spectra: seconds, memory, page sizes."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, Section, main

sys.path.insert(0, str(ROOT))

from tests.factory import make_large_results

STEPS = ((1_000, 5), (10_000, 50), (100_000, 500), (1_000_000, 5_000))


def pages_of(site: Path) -> int:
    """Bytes of the largest page."""
    return max(path.stat().st_size for path in site.rglob("*.html"))


def measure(steps: tuple[tuple[int, int], ...] = STEPS) -> Section:
    section = Section(
        "Large results",
        "A build with nothing kept from an earlier one: predictions of eight models for so many stars, and so many "
        "example spectra of 4096 pixels. The data are made up by the tests' factory; what is measured is the builder. "
        "Memory is that of its largest process. Budget: 10 s and 1 GiB for the last line, and pages that do not grow.",
        [
            "stars",
            "example spectra",
            "results, MB",
            "seconds",
            "processor seconds",
            "memory, MiB",
            "largest page, kB",
        ],
    )
    for stars, spectra in steps:
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results"
            # in a process of its own: what this one has taken would be counted as the builder's, which it starts
            maker = multiprocessing.get_context("spawn").Process(
                target=make_large_results, args=(results, stars, spectra)
            )
            maker.start()
            maker.join()
            assert maker.exitcode == 0
            size = sum(entry["bytes"] for entry in json.loads((results / "index.json").read_text())["files"])
            out = Path(folder) / "site"
            command = [sys.executable, "build.py", "--no-cache", "--results", str(results), "--out", str(out)]
            began = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            assert os.waitstatus_to_exitcode(status) == 0
            section.rows.append(
                [
                    str(stars),
                    str(spectra),
                    f"{size / 1e6:.0f}",
                    f"{seconds:.1f}",
                    f"{used.ru_utime + used.ru_stime:.1f}",
                    f"{used.ru_maxrss / 1024:.0f}",
                    f"{pages_of(out) / 1e3:.0f}",
                ]
            )
    return section


if __name__ == "__main__":
    main(measure)
