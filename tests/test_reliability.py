"""What docs/reliability.md says was counted by its programs: no losses, and sections that are written, not typed."""

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    sys.modules.pop("common", None)
    return importlib.import_module(request.param)


def table(title: str) -> list[dict[str, str]]:
    """Rows of the table below a heading."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, title
    head, _, *rows = [line.strip("| ").split(" | ") for line in section[1].splitlines() if line.startswith("|")]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_nothing_was_lost() -> None:
    kills = table("Builds killed at random moments")[0]
    assert (kills["killed"], kills["broken or missing"]) == ("50", "0")
    cases = table("Damaged files")
    assert {row["lost"] for row in cases} == {"0"}
    for row in cases:
        assert int(row["files"]) == int(row["read"]) + int(row["refused in one sentence"]) > 0
    assert sum(int(row["files"]) for row in cases[:-1]) == int(cases[-1]["files"]) > 10_000


def test_faults_add_up() -> None:
    *modules, total = table("Faults in the consistency checks")
    for row in (*modules, total):
        left = int(row["left: differs for equal numbers only"]) + int(row["left: other"])
        assert int(row["noticed"]) + left == int(row["faults"])
    assert sum(int(row["faults"]) for row in modules) == int(total["faults"]) > 500
    assert int(total["noticed"]) > 0.85 * int(total["faults"])


@pytest.mark.parametrize("program", ["fuzzing"], indirect=True)
def test_a_lost_file_is_written_down(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"next": 7, "read": 2, "refused": 4, "failed": {"3": "hung"}, "seconds": 60.0, "peak_mib": 5}
    monkeypatch.setattr(program, "STATE", tmp_path / "fuzz.json")
    (tmp_path / "fuzz.json").write_text(json.dumps({"text": counts}))
    assert "| CSV and ECSV files for `predict` | 7 | 2 | 4 | 1 | 1.0 |" in program.measure().markdown()


@pytest.mark.parametrize("program", ["mutants"], indirect=True)
def test_faults_are_told_apart(program: ModuleType) -> None:
    assert program.at_equality("line 3: a > 1 -> a >= 1")
    assert program.at_equality("line 3: lo <= x <= hi -> lo < x <= hi")
    assert not program.at_equality("line 3: a > 1 -> a < 1")
    assert not program.at_equality("line 3: 1 -> 2")
    assert not program.at_equality("line 3: without refuse(results)")


@pytest.mark.parametrize("program", ["line_coverage"], indirect=True)
def test_lines_are_named_in_short(program: ModuleType) -> None:
    assert program.spans([3, 7, 8, 9, 12]) == "3, 7-9, 12"
    assert program.shares({"model": {"a.py": [8, 3, 4], "b.py": [2]}}) == {"model": (2, 12, 10)}
