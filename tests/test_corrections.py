"""Corrections: what the pages said and was wrong, on the Data page."""

import datetime
from pathlib import Path

import pytest

from site_builder import citation
from site_builder.config import Own, SiteConfig
from site_builder.pages import PAGES, data
from site_builder.publish import Site
from site_builder.render import render_page
from site_builder.results import Results
from tests.factory import make_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results.load(make_results(tmp_path_factory.mktemp("results"), n_stars=60, n_pixels=64))


def rendered(results: Results, site: Site | None = None) -> str:
    site = site or Site()
    return render_page(data.PAGE, PAGES, results, site, {"json_ld": None} | data.context(results, site)).decode()


def test_entries_name_a_page_and_a_day_and_are_shown(results: Results) -> None:
    entries = citation.read_corrections()
    assert [e.date for e in entries] == sorted((e.date for e in entries), reverse=True)
    page = rendered(results)
    for entry in entries:
        assert datetime.date.fromisoformat(entry.date) >= datetime.date(2026, 11, 23)
        assert entry.page in {p.file for p in PAGES}
        assert f'<time datetime="{entry.date}">' in page
        assert entry.was.partition("'")[0] in page
        assert entry.right.partition("'")[0] in page


def test_no_entries_say_so(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "corrections.json"
    empty.write_text('{"about": "", "rows": []}')
    monkeypatch.setattr(data, "read_corrections", lambda: citation.read_corrections(empty))
    page = rendered(results)
    assert "No error has been found" in page
    assert "What was wrong" not in page


def test_another_site_does_not_show_ours(results: Results) -> None:
    assert 'id="corrections"' not in rendered(results, Site(own=Own(SiteConfig(name="Another"))))
