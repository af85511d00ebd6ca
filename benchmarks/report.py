"""All benchmarks: ``make bench`` prints them; ``--write NAME ...`` puts their sections into docs/performance.md.

python benchmarks/report.py --write scale
"""

from common import ROOT, write_page

PAGE = ROOT / "docs" / "performance.md"
HEAD = """# How fast it is

Written by `.venv/bin/python benchmarks/report.py --write`; `make bench` measures the same on your machine. What a table
compares was measured in one run, on the machine that stands below it; tables of different machines are not to be
compared. All cores are used; with `THREADS=1` one is, and times are those of the processor, so that other work on the
machine does not count.
"""
MEASURES = ("site_build", "scale", "simulation", "training", "inference", "limits", "repaint")

if __name__ == "__main__":
    write_page(PAGE, HEAD, MEASURES, __doc__)
