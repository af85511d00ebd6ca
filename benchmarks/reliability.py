"""Runs that show what does not break; ``--write NAME ...`` puts their sections into docs/reliability.md.

python benchmarks/reliability.py --write kills

kills does its runs; the others write down what was counted before: by `make fuzz`, by `python -m tests.mutate --state
mutants.json`, by `make coverage`.
"""

import argparse
import datetime
import importlib
import re

from common import ROOT, machine

PAGE = ROOT / "docs" / "reliability.md"
HEAD = """# What does not break

Counts of long runs, each written by `.venv/bin/python benchmarks/reliability.py --write NAME` (the name is that of its
program in `benchmarks/`); the tests have shorter ones of each.
"""
MEASURES = ("kills", "hostile_inputs", "fuzzing", "mutants", "line_coverage")


def put(text: str, section: str) -> str:
    """The page with a section in the place of an older one of the same title, or at its end."""
    title = section.splitlines()[0]
    found = re.search(rf"^{re.escape(title)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return text.rstrip("\n") + "\n\n" + section
    return text[: found.start()] + section + text[found.end() :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="all of them, if none is named: " + ", ".join(MEASURES)
    )
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    args = parser.parse_args()
    text = PAGE.read_text() if PAGE.exists() else HEAD
    for name in args.names or MEASURES:
        section = importlib.import_module(name).measure()
        done = f"{datetime.datetime.now(datetime.UTC).date()}; {machine()}."
        section.note = f"{section.note}\n\n{done}".strip()
        print(section.markdown(), flush=True)
        text = put(text, section.markdown() + "\n")
    if args.write:
        PAGE.write_text(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
