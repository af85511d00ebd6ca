"""Branches that no ordinary build takes: other systems, columns of unequal length, programs that end too early."""

import hashlib
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from site_builder import __main__ as commands
from site_builder import (
    cache,
    cards,
    citation,
    findings,
    jobs,
    limits,
    results_docs,
    schemas,
    tables,
    transfer_findings,
    transfers,
    translate,
    worth,
)
from site_builder import stars as star_list
from site_builder import studies as studies_of
from site_builder.attention_view import AttentionView
from site_builder.config import SiteConfig
from site_builder.contract import BadInput, columns, folders
from site_builder.contract.io import read_file
from site_builder.contract.schema import Index, IndexEntry, Interval
from site_builder.figures import charts, pit, series, studies, transfer
from site_builder.figures.svg import Draw
from site_builder.markup import clean_svg, inline_script
from site_builder.pages import deep_dive, snr, spectra
from site_builder.pages import transfer as transfer_page
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
    assert 'font-weight="600"' in cleaned
    assert 'font-style="italic"' in cleaned
    assert " style=" not in cleaned


def test_citations_have_an_address_and_the_authors_of_the_site(tmp_path: Path) -> None:
    text = (ROOT / "CITATION.cff").read_text() + 'repository-code: "https://example.org/code"\n'
    (tmp_path / "CITATION.cff").write_text(text)
    assert "url = {https://example.org/code}" in citation.read_citation(tmp_path / "CITATION.cff").bibtex
    assert citation.cite(SiteConfig(authors=["A. One", "B. Two"])).author == "A. One and B. Two"


# Results that lack a part


def having(results: Results, path: str, **changes: Any) -> Results:
    """The same results with other fields in one file."""
    changed_file = results.files[path].model_copy(update=changes)
    return Results(results.root, results.index, results.files | {path: changed_file})


def lacking(results: Results, path: str, unwanted: Callable[[Any], bool], field: str = "rows") -> Results:
    """The same results without some entries of a list in one file."""
    kept = [entry for entry in getattr(results.files[path], field) if not unwanted(entry)]
    return having(results, path, **{field: kept})


def drawn(draw: Draw, narrow: bool = False) -> Any:
    """The axes of a drawing."""
    figure = Figure()
    draw(figure, narrow)
    return figure.axes


@pytest.fixture(scope="module")
def results(results_dir: Path) -> Results:
    return Results.load(results_dir)


TEST, OBSERVED = f"{PFS}/metrics.test.json", "lamost-dr10"


def test_a_model_without_bins_has_no_curve(results: Results) -> None:
    some = lacking(results, TEST, lambda r: (r.model, r.slice) == ("ridge", "magnitude")).main
    names = [one.model.name for one in series.metric_series(some, "test", "magnitude", "r2")]
    assert names == [m.name for m in some.run.models if m.name not in ("ridge", "mean")]


def test_a_class_that_a_model_has_no_row_for_stays_free(results: Results) -> None:
    def marks(of: Results) -> int:
        return len(drawn(charts.class_metric(of.main, "test", "mae", "MAE"))[0].containers)

    one_less = lacking(results, TEST, lambda r: (r.model, r.slice, r.label) == ("ridge", "class", "dwarf"))
    assert marks(one_less) == marks(results) - 1


def test_coverage_of_stars_without_magnitudes_is_drawn_against_snr(results: Results) -> None:
    run = results.runs["specvit-test-lamost"]
    ax = drawn(charts.calibration(run, OBSERVED, "snr", "S/N"))[0]
    assert ax.get_xscale() == "log"
    medians = [row.row.median_snr for row in series.bins(run, OBSERVED, "snr")]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [f"{snr:.0f}" for snr in medians]


def test_places_of_the_grid_that_no_histogram_takes_are_empty(results: Results) -> None:
    run = results.main
    own = pit.rows(run, "test", run.specvit.name)
    shown = [ax.get_visible() for ax in drawn(pit.draw(run, "test", run.specvit))]
    assert len(own) % 3
    assert shown == [True] * len(own) + [False] * (-len(own) % 3)


def test_an_r2_far_below_zero_is_a_mark_at_the_edge(results: Results) -> None:
    path, own = f"{PFS}/stress.json", results.main.specvit.name
    low = {"r2": Interval(value=-7.5, lo=-9, hi=-6)}
    rows = [r.model_copy(update=low if r.model == own else {}) for r in results.files[path].rows]
    draw = studies.attention(having(results, path, rows=rows).main)
    marks = {
        (line.get_marker(), line.get_xdata()[0]) for ax in drawn(draw) for line in ax.lines if len(line.get_xdata())
    }
    assert ("<", studies.LEAST) in marks
    assert not [x for _, x in marks if x == -7.5]


def test_of_many_stars_classes_are_densities(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    e = transfers.experiments(results)[0]
    stars = next(s for s in e.file.stars if s.set == OBSERVED)
    draw = transfer.predicted_catalogue(stars, [("", stars.answers[0])])
    few = drawn(draw)[0]
    counts = [int(series.of_class(np.asarray(stars.logg), c).sum()) for c in ("giant", "subgiant", "dwarf")]
    monkeypatch.setattr(transfer, "FEW_STARS", 1)
    monkeypatch.setattr(transfer, "FEW_OF_CLASS", max(counts) - 1)
    many = drawn(draw)[0]
    points = [sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() != "None") for ax in (few, many)]
    assert points == [sum(counts), sum(counts) - max(counts)]
    assert len(many.patches) > len(few.patches) == 0


def test_without_bins_or_classes_nothing_is_said_of_them(results: Results) -> None:
    run, lamost = results.main, results.runs["specvit-test-lamost"]
    assert findings.ends(lacking(results, TEST, lambda r: r.slice == "magnitude").main, "test") is None
    by_snr = findings.ends(lamost, OBSERVED)
    assert by_snr is not None
    assert by_snr.first.row.median_snr > by_snr.last.row.median_snr
    assert findings.worst_class(lacking(results, TEST, lambda r: r.slice == "class").main, "test") is None

    def apart(distance: float) -> Results:
        rows, steps = [], itertools.count()
        for row in results.files[TEST].rows:
            if row.model == run.specvit.name and row.slice == "class":
                value = 1 + distance * next(steps)
                row = row.model_copy(update={"mae": Interval(value=value, lo=value - 0.1, hi=value + 0.1)})
            rows.append(row)
        return having(results, TEST, rows=rows)

    assert findings.worst_class(apart(0.05).main, "test") is None
    found = findings.worst_class(apart(0.15).main, "test")
    assert found is not None
    assert [row.row.mae.value for row in found] == [pytest.approx(1.3), 1]


def test_limits_without_bounds_gaps_or_ranges(results: Results) -> None:
    path, run = f"{PFS}/limits.test.json", results.main
    one = limits.bins(run, "test")[0]
    bound, gap = one.bound(3), one.gap("ridge")
    assert bound is not None
    assert bound.value == next(c.r2 for c in one.bin.crlb if c.labels == 3)
    assert gap is not None
    assert one.bound(4) is None
    assert (
        limits.bins(lacking(results, path, lambda g: g.model == "ridge", "gaps").main, "test")[0].gap("ridge") is None
    )
    row = one.row(run.specvit.name)
    assert row is not None
    assert [q.value for q in one.span] == [row.row.lo, row.row.hi]
    assert limits.names([]) == ""
    assert limits.spread_out([1, 2, 3], 3) == [1, 2, 3]
    assert limits.spread_out(list(range(9)), 3) == [0, 4, 8]


def test_studies_without_specvit_and_measures_without_all_files(results: Results) -> None:
    run = results.main
    own = run.specvit.name
    n = max(studies_of.sizes(run))
    assert [one.model.name for one in studies_of.at_size(run, n)]
    some = lacking(results, f"{PFS}/scaling.json", lambda p: p.model == own, "points").main
    assert studies_of.at_size(some, n) == []
    measured = results.files[WORTH]
    size = measured.areas[0].size
    for field in ("captured", "areas"):
        some = lacking(results, WORTH, lambda a: (a.size, a.measure) == (size, "occlusion"), field).main
        assert some.faithfulness is not None
        assert worth.Worth(some, some.faithfulness).row(size, "occlusion") is None


def test_stars_that_an_experiment_does_not_give(results: Results) -> None:
    e = transfers.experiments(results)[0]
    name = e.sets("cross-validated")[0].name
    row, other = e.shown(name)[:2]
    share = e.share(name, row)
    assert share is not None
    assert row.beside(other) is not None
    few = transfers.experiments(lacking(results, e.path, lambda s: s.set == name, "stars"))[0]
    row, other = few.shown(name)[:2]
    assert row.beside(other) is None
    assert tables.transfer_stars_csv(Site(), few, name) is None
    sets = [s.model_copy(update={"label_error": None}) for s in e.file.sets]
    assert transfers.experiments(having(results, e.path, sets=sets))[0].share(name, row) is None
    away = [s for s in e.file.sets if s.role == "independent"]
    alone = transfers.experiments(having(results, e.path, sets=away))
    assert [transfer_findings.carried(x, x.file.models[0]) for x in alone if x.path == e.path] == [[]]


def test_pairs_that_are_not_there(results: Results) -> None:
    of = f"{PFS}/predictions.test.json"
    assert results.pair(of, "test", "all", "all", results.main.specvit.name, "mlp") is not None
    assert results.pair(of, "test", "all", "all", "mlp", "nobody") is None
    assert results.pair("nowhere.json", "test", "all", "all", "mlp", "ridge") is None


def test_a_star_of_a_set_is_a_value(results: Results) -> None:
    path = f"{PFS}/predictions.test.json"
    value = results.quantity(path, "/logg/3").value
    assert isinstance(value, float)
    assert value == results.main.predictions["test"].logg[3]


def test_tables_of_stars_have_magnitudes_where_they_are(results: Results) -> None:
    site = Site()
    of = {run.name: site.files[tables.predictions_csv(site, run, name)].decode().splitlines()
          for run, name in ((results.main, "test"), (results.runs["specvit-test-lamost"], OBSERVED))}  # fmt: skip
    (with_magnitude, first, *_), (without_magnitude, *_) = of.values()
    assert without_magnitude.startswith("id,logg,teff,mh,snr,specvit")
    assert with_magnitude.startswith("logg,teff,mh,snr,magnitude,")
    assert float(first.split(",")[4]) == pytest.approx(results.main.predictions["test"].magnitude[0])


def test_pages_leave_out_what_a_run_does_not_have(results: Results) -> None:
    run = results.main
    assert deep_dive._gap(run) is not None
    no_mlp = [m for m in run.run.models if m.family != "mlp"]
    assert deep_dive._gap(having(results, f"{PFS}/run.json", models=no_mlp).main) is None
    assert deep_dive._noise_figure(Site(), results.instruments["pfs-mr"]) is not None
    assert deep_dive._noise_figure(Site(), results.instruments["lamost"]) is None
    observed = next(s for s in star_list.all_stars(results) if s.file.origin == "observed")
    with pytest.raises(ValueError, match="lamost has no noise model"):
        snr.noise_sigma(observed, 21)
    assert spectra._one_of_each([], Site()) is None


def test_of_many_observed_stars_cells_are_drawn(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    run = results.runs["specvit-test-lamost"]
    info = run.sets("observed")[0]

    def traces(site: Site) -> list[dict[str, Any]]:
        _static, live = transfer_page._figures(site, run, info, "x")
        found: list[dict[str, Any]] = json.loads(site.files[live["stars"]])["data"]
        return found

    few = traces(Site())
    assert sum(len(one["x"]) for one in few if one["mode"] == "markers") == info.n
    monkeypatch.setattr(transfer_page, "SINGLE_STARS", info.n - 1)
    many = traces(Site())
    assert not [one for one in many if one["mode"] == "markers"]
    assert any("per cell" in one.get("name", "") for one in many)


def test_a_star_without_attention_has_no_view_of_it(results: Results) -> None:
    star = star_list.all_stars(results)[0]
    path = star.run.file(f"attention/{star.file.id}.json")
    few = Results(results.root, results.index, {p: f for p, f in results.files.items() if p != path})
    with pytest.raises(ValueError, match="has no attention"):
        AttentionView(star_list.all_stars(few)[0])


def test_cards_are_published_where_they_are(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "ROOT", tmp_path)
    assert cards.cards(results) == {}
    (tmp_path / "docs").mkdir()
    stamps = [run.run.provenance for run in results.runs.values()]
    for name in cards.CARDS:
        text = "\n".join(f"`{p.run}` of {p.created}" for p in stamps)
        (tmp_path / "docs" / name).write_text(f"{text}\n[here](data.md)\n")
    assert list(cards.cards(results)) == list(cards.CARDS)
    assert cards.cards(results)["data-card.md"].endswith("\nhere\n")
    (tmp_path / "docs/data-card.md").unlink()
    assert cards.cards(results) == {}


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


def test_an_inline_script_cannot_end_its_element() -> None:
    assert inline_script("a();") == "a();"
    with pytest.raises(ValueError, match="no <"):
        inline_script("a('</script>')")
