"""All benchmarks in one run: ``make bench`` prints them; ``--write`` also writes docs/performance.md."""

import argparse
import datetime

import inference
import limits
import repaint
import scale
import simulation
import site_build
import training
from common import ROOT, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    write = parser.parse_args().write
    parts = [
        "# How fast it is\n",
        "Written by `.venv/bin/python benchmarks/report.py --write`; `make bench` measures the same on your machine. "
        "What a table compares was measured in one run, on one machine. All cores are used; with `THREADS=1` one is, "
        "and times are those of the processor, so that other work on the machine does not count.\n",
        f"{datetime.datetime.now(datetime.UTC).date()}; {machine()}.\n",
    ]
    print("\n".join(parts))
    for module in (site_build, scale, simulation, training, inference, limits, repaint):
        parts.append(module.measure().markdown())
        print(parts[-1], flush=True)
    if write:
        path = ROOT / "docs/performance.md"
        path.write_text("\n".join(parts))
        print(f"written to {path}")


if __name__ == "__main__":
    main()
