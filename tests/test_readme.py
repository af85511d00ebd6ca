"""The tables of README.md are those of ``results/``."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs/readme_tables.py"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *args], check=False, capture_output=True, text=True)


def test_readme_agrees_with_results():
    done = run("--check")
    assert done.returncode == 0, done.stderr


def test_readme_differs_from_changed_results(tmp_path: Path):
    """A changed number in a copy of the results is noticed, or refused because its hash is not the listed one."""
    import hashlib
    import json
    import shutil

    shutil.copytree(ROOT / "results", tmp_path / "results")
    index_path = tmp_path / "results/index.json"
    index = json.loads(index_path.read_text())
    prefix = f"runs/{index['main_run']}/metrics."
    entry = next(e for e in index["files"] if e["path"].startswith(prefix))
    path = tmp_path / "results" / entry["path"]
    content = json.loads(path.read_text())
    row = next(r for r in content["rows"] if r["slice"] == "all")
    for key in ("value", "hi"):
        row["r2"][key] = 0.9999
    path.write_text(json.dumps(content))
    args = ("--check", "--results", str(tmp_path / "results"))
    refused = run(*args)
    assert refused.returncode == 2
    assert "sha256" in refused.stderr
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    index_path.write_text(json.dumps(index))
    assert run(*args).returncode == 1


@pytest.mark.parametrize("results", ["nowhere", "tests"])
def test_readme_tables_refuse_a_folder_without_results(results):
    done = run("--check", "--results", str(ROOT / results))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
