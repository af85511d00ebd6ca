"""Results that hold only some kinds of files: pages without data leave the menu, and links to them go."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from site_builder.cli import build
from site_builder.figures import svg
from site_builder.render import without_links
from tests.factory import make_results
from tests.pages import read

REQUIRED = {"instrument", "run", "metrics", "predictions"}
ALWAYS = {"index", "results", "data", "404", "deep-dive"}


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=120, n_pixels=256)


def no_drawing(draw: object, size: tuple[int, int], narrow: bool, margins: object) -> str:
    return f'<?xml?><svg width="1" height="1" viewBox="0 0 {size[0]} {size[1]}" version="1.1"></svg>'


def only(results_dir: Path, root: Path, keep: set[str], without_run: str = "") -> Path:
    shutil.copytree(results_dir, root)
    index = json.loads((root / "index.json").read_text())
    assert keep <= {e["kind"] for e in index["files"]}
    index["files"] = [e for e in index["files"] if e["kind"] in keep and not (without_run and without_run in e["path"])]
    (root / "index.json").write_text(json.dumps(index))
    return root


CASES: list[tuple[set[str], str, set[str]]] = [
    (set(), "", {"transfer"}),  # a set of observed stars is enough for it
    (set(), "specvit-test-lamost", set()),
    ({"example"}, "", {"transfer", "spectra", "snr", "try"}),
    ({"example", "attention"}, "", {"transfer", "spectra", "snr", "try", "tokens", "attention"}),
    ({"history", "limits", "calibration", "interpolation"}, "specvit-test-lamost", set()),
]


@pytest.mark.parametrize(("more", "without_run", "pages"), CASES, ids=lambda v: "-".join(sorted(v)) or "none")
def test_pages_without_data_leave_the_menu(
    more: set[str],
    without_run: str,
    pages: set[str],
    results_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(svg, "_draw", no_drawing)
    files = build(only(results_dir, tmp_path / "r", REQUIRED | more, without_run), "https://example.org/s/")
    there = {path.removesuffix(".html") for path in files if path.endswith(".html") and "/" not in path}
    assert there == ALWAYS | pages
    for folder in ("", "zh/"):
        for name in there:
            path = f"{folder}{name}.html"
            for link in read(files[path]).links:
                target = unquote(link).split("#")[0].split("?")[0]
                if target.startswith("https://example.org/s/"):
                    target = target.removeprefix("https://example.org/s/") or "index.html"
                    target += "index.html" if target.endswith("/") else ""
                    assert target in files, f"{path} links to {link}"
                elif target and ":" not in target:
                    target = target.removeprefix("../") if target.startswith("../") else folder + target
                    assert target in files, f"{path} links to {link}"
    assert set(re.findall(r"<loc>https://example.org/s/([a-z-]+).html", files["sitemap.xml"].decode())) == (
        there - {"index", "404"}
    )


def test_links_become_text() -> None:
    html = '<a class="x" href="snr.html#v1">the <b>explorer</b></a> and <a href="data.html">data</a>'
    assert without_links(html, {"snr.html"}) == 'the <b>explorer</b> and <a href="data.html">data</a>'
    assert without_links(html, set()) == html
