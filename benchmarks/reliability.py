"""Runs that show what does not break; ``--write NAME ...`` puts their sections into docs/reliability.md.

python benchmarks/reliability.py --write kills

kills does its runs; the others write down what was counted before: by `make fuzz`, by `python -m tests.mutate --state
mutants.json`, by `make coverage`.
"""

from common import ROOT, write_page

PAGE = ROOT / "docs" / "reliability.md"
HEAD = """# What does not break

Counts of long runs, each written by `.venv/bin/python benchmarks/reliability.py --write NAME` (the name is that of its
program in `benchmarks/`); the tests have shorter ones of each.
"""
MEASURES = ("kills", "hostile_inputs", "fuzzing", "mutants", "line_coverage")

if __name__ == "__main__":
    write_page(PAGE, HEAD, MEASURES, __doc__)
