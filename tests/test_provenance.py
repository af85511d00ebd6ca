"""Every number of every page comes from somewhere, and ``build.py --explain`` says from where."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from site_builder import cli, explain
from site_builder.cli import build
from site_builder.derived import RULES
from site_builder.explain import Found, Texts
from site_builder.i18n import LANGUAGES
from tests.factory import make_results
from tests.pages import at

ROOT = Path(__file__).resolve().parent.parent
TYPED = (
    "<p>R² is 0.93.</p>",
    "<p>in 7 of 13 bins</p>",
    "<td>0.412</td>",
    "<option>log g 2.71</option>",
    '<svg><text x="1">0.87</text></svg>',
    '<span data-src="">5.5</span>',
    "<data value=1>1</data>",
)
Explained = dict[str, list[Found]]


def all_pages(files: Mapping[str, bytes]) -> Explained:
    out = {}
    for language in LANGUAGES:
        texts = Texts(files, language)
        pages = [p for p in files if p.endswith(".html") and p.startswith("zh/") == (language.folder == "zh/")]
        out |= {path: explain.explain(files, path, texts) for path in pages}
    return out


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    return build(make_results(tmp_path_factory.mktemp("results"), n_stars=240, n_pixels=256))


@pytest.fixture(scope="module")
def shipped() -> Mapping[str, bytes]:
    return build(ROOT / "results", processes=2)


@pytest.fixture(scope="module", params=["made_up", "shipped"])
def site(request: pytest.FixtureRequest) -> tuple[Mapping[str, bytes], Explained]:
    files = request.getfixturevalue(request.param)
    return files, all_pages(files)


def test_no_number_comes_from_nowhere(site: tuple[Mapping[str, bytes], Explained]) -> None:
    _, pages = site
    lost = [f"{path}: {f.text!r} in {f.where!r}" for path, found in pages.items() for f in found if f.kind == "nothing"]
    assert not lost, "\n".join(lost)
    kinds = Counter(f.kind for found in pages.values() for f in found)
    assert kinds["value"] > 1000
    assert kinds["convention"] < kinds["value"] / 10
    assert {path.rpartition("/")[2] for path, found in pages.items() if not found} <= {"404.html"}


def test_every_pointer_leads_somewhere(site: tuple[Mapping[str, bytes], Explained]) -> None:
    files, pages = site
    cache: dict[str, object] = {}
    sources = {source for found in pages.values() for f in found for source in f.sources}
    beside = {s for s in sources if not s.startswith("data/")}
    assert all(
        (ROOT / s.partition("#")[0]).is_file() for s in beside - {s for s in beside if s.startswith("site.toml")}
    )
    for source in sources - beside:
        at(files, source, cache)
    assert all(f.op in RULES or f"{f.op.split(' ')[0]} " in RULES
               for found in pages.values() for f in found if f.kind == "value")  # fmt: skip


def test_every_number_has_a_mark_that_opens_its_record(site: tuple[Mapping[str, bytes], Explained]) -> None:
    """A page that shows a number of a run has a card of that run (the Data page has its whole record)."""
    files, pages = site
    runs: dict[str, str] = {}

    def run_of(source: str) -> str | None:
        path = source.partition("#")[0]
        if not path.startswith("data/results/") or path.endswith("/index.json"):
            return None
        if path not in runs:
            runs[path] = json.loads(files[path])["provenance"]["run"]
        return runs[path]

    for path, found in pages.items():
        opened = {run_of(s) for f in found if f.kind == "record" for s in f.sources}
        shown = {run_of(s) for f in found if f.kind == "value" for s in f.sources} - {None}
        if path.rpartition("/")[2] != "data.html":
            assert shown <= opened, path
        for run in shown if path.rpartition("/")[2] == "data.html" else ():
            assert f"<dd>{run}</dd>" in files[path].decode()


def test_a_typed_number_is_found(made_up: Mapping[str, bytes]) -> None:
    texts = Texts(made_up, LANGUAGES[0])
    page = made_up["results.html"].decode()
    assert page.count("<h2") > 3
    for typed in TYPED:
        changed = dict(made_up) | {"results.html": page.replace("</main>", f"{typed}</main>", 1).encode()}
        lost = [f for f in explain.explain(changed, "results.html", texts) if f.kind == "nothing"]
        assert lost, typed


def test_conventions_are_few_reasoned_and_used(site: tuple[Mapping[str, bytes], Explained], shipped: object) -> None:
    rows = json.loads(explain.LIST.read_text(encoding="utf-8"))["rows"]
    assert len(rows) < 20
    assert all(re.fullmatch(r"[^\n]{20,}", row["why"]) for row in rows)
    if site[0] is shipped:
        used = {f.op for found in site[1].values() for f in found if f.kind == "convention"}
        assert used == {row["why"] for row in rows}


def test_explain_prints_numbers_pointers_and_records(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_results(tmp_path_factory.mktemp("explained"), n_stars=60, n_pixels=64)
    assert cli.main(["--results", str(root), "--explain", "snr", "--no-cache"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["number", "rule", "from", "run", "config", "commit", "data", "seed", "machine"]
    rows = [line for line in lines[1:] if line[0] == "21.0"]
    assert rows
    (rule, source, run, config, commit, data, seed, machine) = rows[0][1:]
    assert rule == "is"
    assert source.startswith("data/results/runs/specvit-test-pfs-mr/")
    assert "#/ladder/" in source
    record = json.loads((root / source.removeprefix("data/results/").partition("#")[0]).read_text())["provenance"]
    assert (run, config, commit, seed) == (
        record["run"], record["config_sha256"][:12], record["commit"][:12], str(record["seed"]))  # fmt: skip
    assert all(f"{name} {sha[:12]}" in data for name, sha in record["data_sha256"].items())
    assert record["machine"]["cpu"] in machine
    assert all(len(line) == len(lines[0]) for line in lines)


@pytest.mark.parametrize("page", ["nowhere", "../index", "zh/nowhere.html", "data/results/index.json", ""])
def test_explain_of_an_unknown_page(
    page: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_results(tmp_path_factory.mktemp("unknown"), n_stars=60, n_pixels=64)
    assert cli.main(["--results", str(root), "--explain", page]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "--explain" in told.err
    assert "snr" in told.err
    assert told.err.endswith(".\n")
