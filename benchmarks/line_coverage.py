"""Which lines the tests run: what `make coverage` has measured, held to its floors.

python benchmarks/line_coverage.py exits with 1 below a floor and lists the lines that no test runs.
"""

import io
import json
import sys
import tempfile
from pathlib import Path

from common import ROOT, Section

FLOORS = {"site_builder": 100.0, "model": 90.0}  # per cent of the lines of a package


def read() -> dict[str, dict[str, list[int]]]:
    """By package and file, the lines that were run and those that were not."""
    from coverage import Coverage

    found: dict[str, dict[str, list[int]]] = {name: {} for name in FLOORS}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "coverage.json"
        measured = Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
        measured.load()
        measured.json_report(outfile=str(out))
        files = json.loads(out.read_text())["files"]
    for path, file in files.items():
        name = Path(path).parts[0]
        if name in FLOORS:
            found[name][path] = [len(file["executed_lines"]), *file["missing_lines"]]
    return found


def shares(found: dict[str, dict[str, list[int]]]) -> dict[str, tuple[int, int, int]]:
    """By package: files, lines, lines that were run."""
    out = {}
    for name, files in found.items():
        run = sum(lines[0] for lines in files.values())
        out[name] = (len(files), run + sum(len(lines) - 1 for lines in files.values()), run)
    return out


def measure() -> Section:
    section = Section(
        "Lines that the tests run",
        "`make coverage`: all tests, in the processes that they start as well. Lines that are left out say why in the "
        "source (`pragma: no cover`).",
        ["package", "files", "lines", "run", "share", "at least"],
    )
    for name, (files, lines, run) in shares(read()).items():
        share = 100 * run / lines
        section.rows.append([f"`{name}`", str(files), str(lines), str(run), f"{share:.1f} %", f"{FLOORS[name]:.0f} %"])
    return section


def spans(lines: list[int]) -> str:
    """Line numbers with neighbours drawn together: 3, 7-9."""
    out = io.StringIO()
    start = None
    for line, following in zip(lines, [*lines[1:], 0], strict=True):
        start = start or line
        if following != line + 1:
            out.write(f", {start}" if start == line else f", {start}-{line}")
            start = None
    return out.getvalue().removeprefix(", ")


def main() -> int:
    found = read()
    below = False
    for name, (_, lines, run) in shares(found).items():
        for path, (_, *missing) in sorted(found[name].items()):
            if missing:
                print(f"{path}: {spans(missing)}")
        print(f"{name}: {run} of {lines} lines run, {100 * run / lines:.2f} % (at least {FLOORS[name]:.0f} %)")
        below = below or 100 * run < FLOORS[name] * lines
    return int(below)


if __name__ == "__main__":
    sys.exit(main())
