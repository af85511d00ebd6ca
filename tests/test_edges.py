"""Branches that no ordinary build takes: other systems, columns of unequal length, programs that end too early."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from site_builder import __main__ as commands
from site_builder import cache, citation, jobs, results_docs, schemas, translate
from site_builder.config import SiteConfig
from site_builder.contract import BadInput, columns, folders
from site_builder.contract.io import read_file
from site_builder.contract.schema import Index, IndexEntry
from site_builder.markup import clean_svg
from site_builder.publish import Site
from site_builder.render import Sources
from site_builder.results import Results
from tests.factory import make_results
from tests.test_checks import GIVEN, LIMITS, PFS, TRANSFER, WORTH, changed, put

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("edges") / "results", n_stars=90, n_pixels=64)


# Other systems


@pytest.mark.parametrize(
    ("platform", "variable", "value", "folder"),
    [
        ("win32", "LOCALAPPDATA", "/windows", "/windows/specvit"),
        ("darwin", "LOCALAPPDATA", "", "Library/Caches/specvit"),
        ("linux", "XDG_CACHE_HOME", "/cache", "/cache/specvit"),
        ("linux", "SPECVIT_CACHE", "/own", "/own"),
    ],
)
def test_drawings_are_kept_where_the_system_keeps_such_files(
    platform: str, variable: str, value: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPECVIT_CACHE", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.platform", platform)
    assert str(cache.default_folder()).endswith(folder)


def test_where_folders_cannot_be_locked_exchanged_or_processes_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert folders._lock(tmp_path) is None
    assert not folders._exchange(tmp_path, tmp_path)
    assert jobs.workers() == 1


def test_a_folder_that_is_not_there_is_not_locked(tmp_path: Path) -> None:
    assert folders._lock(tmp_path / "nowhere") is None


def test_a_process_that_fails_or_ends_is_noticed() -> None:
    assert jobs.apart(lambda: 7)() == 7
    with pytest.raises(ZeroDivisionError):
        jobs.apart(lambda: 1 // 0)()
    with pytest.raises(RuntimeError, match="ended before its time"):
        jobs.apart(lambda: os._exit(3))()


def test_a_drawing_that_cannot_be_kept_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = cache.Cache(tmp_path, b"results")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    kept.put("figure", b"content")
    assert kept.get("figure") is None
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


# Files whose parts do not fit


def popped(*place: Any) -> Callable[[dict[str, Any]], None]:
    """A list that is one entry shorter than those beside it."""

    def change(content: dict[str, Any]) -> None:
        target: Any = content
        for key in place:
            target = target[key]
        target.pop()

    return change


EXAMPLE = f"{PFS}/examples/dwarf-c.json"
GALAXY = "spectra/test-galaxy.json"


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (GIVEN, popped("cuts", 0, "gradient"), "columns differ in length"),
        (WORTH, popped("deletion", 1, "removed"), "removed, r2 and mae differ in length"),
        (WORTH, put("deletion", 1, "order", "random"), "measure is null for the random order"),
        (f"{PFS}/history.json", popped("curves", 0, "val_r2"), "columns differ in length"),
        (f"{PFS}/predictions.test.json", popped("teff"), "teff has 89 entries where logg has 90"),
        (EXAMPLE, popped("ladder", "limits", "crlb3"), "limits.crlb3 does not have one entry per magnitude"),
        (EXAMPLE, popped("ladder", "logg", 0), "logg is not"),
        (EXAMPLE, popped("ladder", "snr"), "snr does not have one entry per magnitude"),
        (LIMITS, popped("pit"), "columns differ in length"),
        (GALAXY, popped("flux"), "flux has"),
        (TRANSFER, popped("stars", 0, "teff"), "teff has"),
    ],
)
def test_columns_of_unequal_length_are_refused(
    path: str, change: Callable[[dict[str, Any]], None], said: str, results_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        Results.load(changed(results_dir, tmp_path / "results", path, change))


def test_labels_of_a_spectrum_have_a_source(results_dir: Path, tmp_path: Path) -> None:
    def labelled(content: dict[str, Any]) -> None:
        content |= {"logg": 2.0, "star_class": "giant", "label_source": None}

    with pytest.raises(BadInput, match="label_source is null but logg is given"):
        Results.load(changed(results_dir, tmp_path / "results", GALAXY, labelled))


def test_what_is_no_object_and_what_is_listed_twice(results_dir: Path, tmp_path: Path) -> None:
    raw = b"[1, 2]"
    (tmp_path / "list.json").write_bytes(raw)
    entry = IndexEntry(path="list.json", kind="run", sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
    with pytest.raises(BadInput, match="holds no JSON object"):
        read_file(tmp_path, entry)

    def twice(content: dict[str, Any]) -> None:
        content["files"].append(content["files"][0])

    with pytest.raises(BadInput, match="twice; list each file once"):
        Results.load(changed(results_dir, tmp_path / "results", "index.json", twice))


def test_a_network_that_is_another_is_refused(tmp_path: Path) -> None:
    index = Index.model_validate_json((ROOT / "results/index.json").read_bytes())
    entry = next(e for e in index.files if e.kind == "network")
    (tmp_path / entry.path).parent.mkdir(parents=True)
    shutil.copy(ROOT / "results" / entry.path, tmp_path / entry.path)
    for name in read_file(ROOT / "results", entry).attachments:
        (tmp_path / entry.path).with_name(name).write_bytes(b"another")
    with pytest.raises(BadInput, match=r"its sha256 is not the one that network\.json gives"):
        read_file(tmp_path, entry)


def test_long_lists_with_what_is_no_number_are_refused() -> None:
    long = b"[" + b"1.5," * (columns.LONG // 4 + 9) + b"1]"
    assert len(columns.load(b'{"a":' + long + b"}")["a"]) > columns.LONG // 4
    with pytest.raises(ValueError, match="is no JSON"):
        columns.load(b'{"a":' + long + b', "b": NaN}')


# What a page may ask for


def test_what_is_not_there_is_an_error_of_the_page(results_dir: Path) -> None:
    site, results = Site(), Results.load(results_dir)
    with pytest.raises(KeyError, match="does not exist"):
        site.asset("js/nowhere.js")
    site.publish("a.txt", b"one")
    with pytest.raises(ValueError, match="published twice"):
        site.publish("a.txt", b"two")
    del site.files["a.txt"]
    assert "a.txt" not in site.files
    run = results.main
    assert run.rows("nowhere", "all") == []
    assert run.row("nowhere", "nobody") is None
    row = run.row("test", run.specvit.name)
    assert row is not None
    assert Sources(results).mark(row)
    with pytest.raises(ValueError, match="at least one result"):
        Sources(results).mark()


def test_type_inside_of_drawings_becomes_attributes() -> None:
    style = "font: italic bold 12.5px 'DejaVu Sans'; text-anchor: middle"
    svg = f'<svg><g id="figure_1"><text style="{style}">x</text></g></svg>'
    cleaned = clean_svg(f'<?xml version="1.0"?>{svg}', "name")
    assert 'font-size="12.5"' in cleaned
    assert 'font-weight="600"' in cleaned or 'font-style="italic"' in cleaned
    assert " style=" not in cleaned


def test_citations_have_an_address_and_the_authors_of_the_site(tmp_path: Path) -> None:
    text = (ROOT / "CITATION.cff").read_text() + 'repository-code: "https://example.org/code"\n'
    (tmp_path / "CITATION.cff").write_text(text)
    assert "url = {https://example.org/code}" in citation.read_citation(tmp_path / "CITATION.cff").bibtex
    assert citation.cite(SiteConfig(authors=["A. One", "B. Two"])).author == "A. One and B. Two"


# Commands


def test_commands_write_what_is_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs, schema and translate, into another folder; the files are those that are committed."""
    write_docs, write_schemas = results_docs.write_docs, schemas.write_schemas
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/gone.schema.json").write_text("{}")
    monkeypatch.setattr("site_builder.results_docs.write_docs", lambda: write_docs(tmp_path / "docs/results.md"))
    monkeypatch.setattr("site_builder.schemas.write_schemas", lambda: write_schemas(tmp_path / "schema"))
    monkeypatch.setattr("site_builder.translate.write_catalogues", lambda: ["nothing"])
    assert [commands.main([name]) for name in ("docs", "schema", "translate")] == [0, 0, 0]
    assert "docs/results.md" in capsys.readouterr().out
    assert (tmp_path / "docs/results.md").read_bytes() == (ROOT / "docs/results.md").read_bytes()
    for path in (ROOT / "schema").glob("*.json"):
        assert (tmp_path / "schema" / path.name).read_bytes() == path.read_bytes()
    assert not (tmp_path / "schema/gone.schema.json").exists()
    assert commands.main(["new", str(ROOT)]) == 2
    with pytest.raises(SystemExit):
        commands.main(["new"])


def test_new_texts_come_in_empty_and_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(translate.i18n.LOCALE, tmp_path / "locale")
    path = tmp_path / "locale/zh/LC_MESSAGES/site.po"
    old = path.read_text(encoding="utf-8")
    start = old.index('msgid "Overall"')
    end = old.index("\n\n", start)
    path.write_text(old[:start] + 'msgid "Overall"\nmsgstr ""' + old[end:], encoding="utf-8")
    monkeypatch.setattr("site_builder.i18n.LOCALE", tmp_path / "locale")
    monkeypatch.setattr("site_builder.translate.ROOT", tmp_path)
    lines = translate.write_catalogues(ROOT)
    assert lines[:2] == ["locale/zh/LC_MESSAGES/site.po: 1 to translate", "  Overall"]
    again = path.read_text(encoding="utf-8")
    assert again.count("msgstr") == old.count("msgstr")
