"""The tables of README.md and of the cards are those of ``results/``."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from factory import make_results

from site_builder.cards import cards
from site_builder.results import Results

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs/readme_tables.py"


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *args], check=False, capture_output=True, text=True)


def test_readme_agrees_with_results():
    done = run("--check")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    """A README whose tables were written from made-up results, and those results."""
    make_results(tmp_path / "results")
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())
    done = run("--write", "--document", readme, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    return readme, tmp_path / "results"


def test_tables_hold_every_model_and_run(written):
    readme, results = written
    text = readme.read_text()
    index = json.loads((results / "index.json").read_text())
    runs = [json.loads((results / e["path"]).read_text()) for e in index["files"] if e["kind"] == "run"]
    main = next(r for r in runs if r["provenance"]["run"] == index["main_run"])
    assert all(f"\n| {model['title']} | " in text for model in main["models"])
    assert all(f"\n| `{r['provenance']['command']}` | " in text for r in runs)
    limit = next(line for line in text.splitlines() if line.startswith("| *Bayes limit"))
    exported = json.loads((results / f"runs/{index['main_run']}/limits.test.json").read_text())["bins"]
    assert all(f"{part['r2']['value']:.3f}" in limit for part in exported)
    assert run("--check", "--document", readme, "--results", results).returncode == 0


def test_changed_number_is_noticed(written):
    """A number changed in the results is refused because of its hash, or else differs from the README."""
    readme, results = written
    index = json.loads((results / "index.json").read_text())
    entry = next(e for e in index["files"] if e["path"].startswith(f"runs/{index['main_run']}/metrics."))
    path = results / entry["path"]
    content = json.loads(path.read_text())
    next(r for r in content["rows"] if r["slice"] == "all")["r2"] = {"value": 0.9999, "lo": 0.0, "hi": 1.0}
    path.write_text(json.dumps(content))
    refused = run("--check", "--document", readme, "--results", results)
    assert refused.returncode == 2
    assert "sha256" in refused.stderr
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (results / "index.json").write_text(json.dumps(index))
    assert run("--check", "--document", readme, "--results", results).returncode == 1


@pytest.mark.parametrize("results", ["nowhere", "tests"])
def test_folder_without_results_is_refused_in_one_sentence(results):
    done = run("--check", "--results", ROOT / results)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


# The cards


CARDS = {"model-card.md": "observed", "data-card.md": "sets"}


@pytest.mark.parametrize(("name", "last"), CARDS.items())
def test_tables_of_cards_follow_the_results(name, last, tmp_path):
    results = make_results(tmp_path / "results")
    card = tmp_path / name
    card.write_text((ROOT / "docs" / name).read_text())
    assert run("--check", "--document", card, "--results", results).returncode == 1
    assert run("--write", "--document", card, "--results", results).returncode == 0
    assert run("--check", "--document", card, "--results", results).returncode == 0
    text = card.read_text()
    table = text[text.index(f"<!-- {last} -->") : text.index(f"<!-- /{last} -->")]
    assert table.count("\n| ") > 3
    assert not re.search(r"<!-- [a-z]+ -->\n\|[^\n]+\n\|[^\n]+\n<!-- /", text), "a table without rows"


def test_no_number_stands_outside_of_the_tables():
    for name in CARDS:
        text = re.sub(
            r"<!-- ([a-z]+) -->.*?<!-- /\1 -->|`[^`]*`|```.*?```", "", (ROOT / "docs" / name).read_text(), flags=re.S
        )
        text = re.sub(r"\([^)]*\)|et al\. \d{4}|\b(68|95) %", "", text)  # addresses, citations, names of intervals
        assert re.findall(r"\d+", text) == []


def test_cards_are_published_with_the_results_they_are_of(tmp_path):
    published = cards(Results.load(ROOT / "results"))
    assert set(published) == set(CARDS)
    for text in published.values():
        assert re.search(r"\]\(https://", text)
        assert not re.search(r"\]\((?!https?:|#)", text), "a link that leads out of the site"
    assert cards(Results.load(make_results(tmp_path / "results"))) == {}


def test_a_site_without_its_documents_has_no_cards(tmp_path, monkeypatch):
    monkeypatch.setattr("site_builder.cards.ROOT", tmp_path)
    assert cards(Results.load(ROOT / "results")) == {}
