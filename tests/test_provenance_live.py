"""Every number that the scripts of a page write comes from somewhere as well: pages as their readers have them.

What is drawn (a chart with its axes, its legend and the reading below it) comes from the files that the mark beside it
opens, as drawings of the builder do; every other number says its places and how it follows from them, and follows.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from site_builder import explain, i18n
from site_builder.derived import RULES
from tests.factory import make_results
from tests.pages import Document, derive
from tests.site_fixture import build_site, scroll_through, serve
from tests.test_provenance import Folder

DOINGS: dict[str, Callable[[Any], object]] = {  # what a reader does on a page
    "index": lambda page: page.locator("#home-magnitude").press("End"),
    "snr": lambda page: (page.locator("#snr-magnitude").press("End"), page.click("#snr-seed")),
    "tokens": lambda page: (
        page.select_option("#tok-color", "gradient-fine"), page.locator("#tok-patch").press("End"),
    ),
    "attention": lambda page: (
        page.select_option("#att-by", "fisher-fine"), page.locator("#att-map [tabindex]").first.press("ArrowDown"),
    ),
    "spectra": lambda page: page.click("#spe-numbers summary"),
}  # fmt: skip
SPOKEN = "[role=status]"  # says again what a page shows
DRAWN = ".stage, .scale, #tok-layers, #att-grid, #att-map, #att-bar"
CHOSEN = {"live", "shifted ", "smoothed", "line ", "one-in"}  # what follows from a choice of the reader as well
ORDER = re.compile(r"Step \d of \d|第 \d 步")  # the guided tour is a list of the page
Reader = Callable[[str], tuple[explain.Node, str, set[str]]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("live")
    return build_site(make_results(out / "results", n_stars=90, n_pixels=256), out / "site")


@pytest.fixture(scope="module")
def read(root: Path, browser: Any) -> Iterator[Reader]:
    """Opens a page as a reader does: all of it, its HTML without what is drawn, and the files of results fetched."""

    with serve(root) as address:

        def reader(path: str) -> tuple[explain.Node, str, set[str]]:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            fetched: set[str] = set()
            page.on("response", lambda r: fetched.add(r.url.removeprefix(address)))
            page.goto(address + path)
            page.mouse.move(2, 2)
            page.wait_for_selector("html.is-live")
            scroll_through(page)
            DOINGS[Path(path).stem](page)
            page.wait_for_timeout(300)
            page.wait_for_load_state("networkidle")
            whole = page.evaluate("() => document.documentElement.outerHTML")
            out = f"{DRAWN}, {SPOKEN}"
            page.evaluate("out => document.querySelectorAll(out).forEach((node) => node.remove())", out)
            rest = page.evaluate("() => document.documentElement.outerHTML")
            context.close()
            return explain.tree(whole), rest, {f for f in fetched if f.startswith("data/results/")}

        yield reader


def is_drawn(node: explain.Node) -> bool:
    classes = node.attrs.get("class", "").split()
    return any(
        one[1:] in classes if one.startswith(".") else one[1:] == node.attrs.get("id") for one in DRAWN.split(", ")
    )


def bare(html: str, root: Path, language: i18n.Language) -> list[tuple[str, str]]:
    """Numbers that say no place and are on no list, and the texts around them."""
    found = explain.explain({"page": html.encode()}, "page", explain.Texts(Folder(root), language))
    return [(one.text, one.where) for one in found if one.kind == "nothing"]


@pytest.mark.parametrize("language", i18n.LANGUAGES, ids=lambda language: language.code)
@pytest.mark.parametrize("name", DOINGS)
def test_numbers_that_scripts_write_follow_from_their_places(
    name: str, language: i18n.Language, root: Path, read: Reader
) -> None:
    path = f"{language.folder}{name}.html"
    files, cache = Folder(root), {}
    page, rest, fetched = read(path)
    cards = {n.attrs.get("id", ""): n for n in page.walk() if "source-card" in n.attrs.get("class", "").split()}
    named = {card: tuple(explain.card_files(node)) for card, node in cards.items()}
    assert fetched
    assert fetched <= {one for paths in named.values() for one in paths}, "a mark opens the record of what is read"
    drawn = [node for node in page.walk() if is_drawn(node)]
    assert drawn
    assert {explain.drawing(node, named, "").kind for node in drawn} == {"figure"}
    shown = Document()
    shown.feed(rest)
    with i18n.speaking(language):
        for number in shown.numbers:
            rule = number.op if number.op in RULES else f"{number.op.partition(' ')[0]} "
            assert rule in RULES, number
            if rule not in CHOSEN:
                assert number.says(derive(files, number, cache)), number
    assert [place for _, place in bare(rest, root, language) if not ORDER.search(place)] == []


def test_a_number_that_a_script_just_writes_is_found(root: Path, read: Reader) -> None:
    _, rest, _ = read("snr.html")
    assert bare(rest, root, i18n.ENGLISH) == []
    typed = re.sub(r'(id="snr-out-logg">)<span[^>]*>([^<]*)</span>', r"\1\2", rest)
    assert len(bare(typed, root, i18n.ENGLISH)) == 1
