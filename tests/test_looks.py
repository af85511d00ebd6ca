"""How pages are built and how they look, against what was kept.

Outlines: the elements of every page in both languages (``make outlines`` writes them again after a change). Pictures:
every page, small (``make looks``); skipped where Chromium or the fonts are other ones.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from site_builder.citation import Change
from site_builder.cli import build
from site_builder.i18n import LANGUAGES
from site_builder.pages import PAGES, data
from site_builder.publish import write_site
from tests import looks
from tests.factory import make_results
from tests.outline import outline, tree
from tests.site_fixture import scroll_through, serve

ALL = [language.folder + page.file for language in LANGUAGES for page in PAGES]
WRITE = os.environ.get("SPECVIT_LOOKS") == "write"  # take the pictures anew

CHANGES = [Change("Unreleased", [("Added", ["One thing.", "Another thing."])])]  # the changelog of the site grows


class Outlines(SingleFileSnapshotExtension):
    """One text file a page below ``tests/__snapshots__/test_looks/``, so that a diff names the page."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    root = make_results(tmp_path_factory.mktemp("results"), n_stars=240, n_pixels=512)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "read_changes", lambda: CHANGES)
        return build(root, "https://example.org/specvit/")


@pytest.fixture(scope="module")
def html(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items() if path.endswith(".html")}


def _name(page: str) -> str:
    return page.removesuffix(".html").replace("/", "-")


@pytest.mark.parametrize("page", ALL, ids=_name)
def test_outline(page: str, html: dict[str, str], snapshot: SnapshotAssertion) -> None:
    """A change of a template shows here; where it is meant, ``make outlines`` and commit the difference."""
    assert outline(html[page]) == snapshot(extension_class=Outlines)


def test_every_page_has_an_outline(html: dict[str, str]) -> None:
    assert sorted(html) == sorted(ALL)
    folder = Path(__file__).parent / "__snapshots__" / "test_looks"
    assert {path.stem for path in folder.glob("*")} == {f"test_outline[{_name(page)}]" for page in ALL}, "make outlines"


def test_an_outline_is_of_the_structure_alone() -> None:
    page = (
        '<main id="a"><h1>Stars: 1\u202f234</h1><p>On 12 <em>stars</em> <a href="x.html">here</a>.</p>'
        '<ul><li class="b">one</li><li class="b">two</li></ul>'
        '<svg role="img" aria-label="R² 0.5"><path d="M0 0"/></svg></main>'
    )
    assert outline(page) == (
        "main#a\n  h1 “Stars: 0”\n  p\n    a href=x.html “here”\n  ul\n    li.b × 2\n  svg role=img aria-label=R² 0\n"
    )
    assert outline(page.replace("1\u202f234", "99").replace("On 12", "On 7")) == outline(page)
    assert outline(page.replace('class="b"', 'class="c"', 1)) != outline(page)


@pytest.mark.parametrize(("bad", "says"), [("<p><b>x</p>", "</p> where <b> is open"), ("<p>x", "<p> is never closed")])
def test_a_page_whose_tags_do_not_close_is_refused(bad: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tree(bad)


@pytest.fixture(scope="module")
def address(files: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site") / "public"
    write_site(folder, files)
    with serve(folder) as url:
        yield url


@pytest.fixture(scope="module")
def comparable(browser: Any) -> bool:
    """Whether this machine's pictures can be compared; when they are taken anew, what they are taken with is noted."""
    if WRITE:
        looks.FOLDER.mkdir(exist_ok=True)
        looks.MADE_WITH.write_text(json.dumps(looks.fonts_of(browser), indent=1, sort_keys=True) + "\n")
    elif reason := looks.why_not_comparable(browser):
        pytest.skip(reason)
    return True


def take(browser: Any, address: str, page: str, phone: bool) -> bytes:
    """The whole page as a picture, once it is still."""
    context = browser.new_context(
        viewport={"width": 390 if phone else 1200, "height": 800},
        color_scheme="dark" if phone else "light",
        reduced_motion="reduce",
    )
    tab = context.new_page()
    tab.goto(address + page)
    if not phone:
        tab.mouse.move(5, 400)
        tab.mouse.move(6, 401)
        scroll_through(tab)
    tab.wait_for_load_state("networkidle")
    tab.evaluate("document.fonts.ready")
    tab.wait_for_timeout(300)
    png: bytes = tab.screenshot(full_page=True)
    context.close()
    return png


@pytest.mark.parametrize("page", [page.slug for page in PAGES])
@pytest.mark.parametrize("phone", [False, True], ids=["screen", "phone"])
def test_picture(page: str, phone: bool, browser: Any, address: str, comparable: bool) -> None:
    """What a reader sees: English on a screen once scripts have drawn, Chinese on a dark phone before they do."""
    picture = looks.smaller(take(browser, address, f"{'zh/' if phone else ''}{page}.html", phone))
    name = f"{page}-{'zh-phone-dark' if phone else 'screen'}"
    if WRITE:
        looks.keep(name, picture)
    assert looks.differences(name, picture) == []


def test_a_picture_tells_a_missing_button_from_noise() -> None:
    kept = Image.open(looks.FOLDER / "snr-screen.webp").convert("RGB")
    rng = np.random.default_rng(0)
    shaken = np.clip(np.asarray(kept, dtype=float) + rng.normal(0, 4, (kept.height, kept.width, 3)), 0, 255)
    assert looks.differences("snr-screen", Image.fromarray(shaken.astype(np.uint8))) == []
    without = kept.copy()
    without.paste((247, 243, 236), (60, 120, 84, 144))
    assert looks.differences("snr-screen", without) != []
    assert looks.differences("snr-screen", kept.resize((kept.width, kept.height + 30))) != []
