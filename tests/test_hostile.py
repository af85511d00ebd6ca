"""Hostile texts in every field of the results, hostile names, and files that claim far more than they are."""

import json
import os
import re
import resource
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from pydantic import ValidationError

from model.surveys import formats
from site_builder import checks, site_files
from site_builder.contract import BadInput
from site_builder.contract.io import read_file, sentence
from site_builder.contract.schema import Index, IndexEntry, NetworkFile
from site_builder.explain import tree
from site_builder.figures import svg
from site_builder.publish import Site
from site_builder.results import Results
from tests import hostile
from tests.factory import make_results
from tests.site_fixture import serve

ROOT = Path(__file__).resolve().parent.parent
MARK = "hOsTiLe"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results.load(make_results(tmp_path_factory.mktemp("results"), n_stars=60, n_pixels=64))


@pytest.fixture(scope="module")
def free(results: Results) -> list[tuple[str, tuple[str | int, ...]]]:
    """Text fields that take any text: the contract and the checks leave them alone."""
    found = []
    for path, place in hostile.text_fields(results):
        try:
            changed = hostile.with_text(results, path, place, MARK)
            kind = str(type(results.files[path]).model_fields["kind"].default)
            for check in (c for c in checks.CHECKS if kind in checks.LOOKS_AT[c.__name__]):
                check(changed)
        except (ValidationError, BadInput, StopIteration, KeyError, AssertionError):
            continue
        found.append((path, place))
    return found


def built(results: Results, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, bytes]:
    monkeypatch.setattr(svg, "_draw", lambda draw, size, *_: f'<svg viewBox="0 0 {size[0]} {size[1]}"></svg>')
    site = Site()
    site_files.render_all(results, site)
    return site.files


def test_every_text_field_is_refused_in_one_sentence_or_taken(results: Results) -> None:
    fields = hostile.text_fields(results)
    assert len(fields) > 150
    tried = 0
    for path, place in fields:
        for text in hostile.REFUSED:
            tried += 1
            if place[0] == "provenance" and place[1] != "command" and text != hostile.REFUSED[0]:
                continue  # the same in every kind of file
            try:
                changed = hostile.with_text(results, path, place, text)
            except ValidationError as error:
                said = sentence(error)
                assert "\n" not in said
                continue
            with pytest.raises(BadInput) as caught:
                checks.check_texts(changed)
            assert Path(path).name in str(caught.value)
            assert str(caught.value).isprintable()
    assert tried > 900


def test_hostile_texts_are_words_on_every_page(
    results: Results, free: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every free field holds one of the texts, in a second build another one; pages keep their elements."""
    assert len(free) > 40
    plain = results
    for path, place in free:
        plain = hostile.with_text(plain, path, place, MARK)
    before = {p: tree(c.decode()) for p, c in built(plain, monkeypatch).items() if p.endswith(".html")}
    for shift in (0, len(hostile.ESCAPED) // 2):
        attacked, texts = results, list(hostile.ESCAPED[shift:] + hostile.ESCAPED[:shift])
        for i, (path, place) in enumerate(free):
            attacked = hostile.with_text(attacked, path, place, MARK + texts[i % len(texts)])
        after = {p: c.decode() for p, c in built(attacked, monkeypatch).items() if p.endswith(".html")}
        assert sum(page.count(MARK) for page in after.values()) > 200
        words = [text for text in texts if any(f"{MARK}{escape(text)}" in page for page in after.values())]
        assert len(words) > len(texts) / 2  # the fields of the others are not shown
        for path, page in after.items():
            other = tree(page)
            for tag in ("script", "img", "svg", "a", "style", "iframe"):
                count = sum(n.tag == tag for n in before[path].walk())
                assert count == sum(n.tag == tag for n in other.walk()), (path, tag)
            for node in other.walk():
                assert not any(name.startswith("on") for name in node.attrs), (path, node.tag)
                assert not re.match(r"\s*javascript:", node.attrs.get("href", "")), path
                if node.tag == "script" and "json" in node.attrs.get("type", ""):
                    json.loads(node.text)


@pytest.mark.parametrize(
    "path",
    ["../index.json", "runs/../../x.json", "/etc/passwd.json", "runs//x.json", "C:\\x.json", "runs/x.json\n", ".x.json",
     "runs/%2e%2e/x.json", "runs/x/..", "a" * 300 + "/../x.json"],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(ValidationError):
        IndexEntry(path=path, kind="run", sha256="0" * 64, bytes=2)


@pytest.mark.parametrize("name", ["../network.onnx", "/etc/passwd", "a/b.onnx", "..", ".onnx", "network.onnx\x00.json"])
def test_no_attachment_lies_elsewhere(name: str) -> None:
    content = json.loads((ROOT / "results/runs/specvit-ti-pfs-mr/network.json").read_text())
    NetworkFile.model_validate(content)
    with pytest.raises(ValidationError):
        NetworkFile.model_validate(content | {"file": name})


def test_a_network_of_10_gb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    """Whether its description claims the size (no page could serve it) or the file alone has it."""
    index = Index.model_validate_json((ROOT / "results/index.json").read_bytes())
    entry = next(e for e in index.files if e.kind == "network")
    content = json.loads((ROOT / "results" / entry.path).read_text())
    with pytest.raises(ValidationError, match="less than or equal to 100000000"):
        NetworkFile.model_validate(content | {"bytes": 10**10})
    (tmp_path / entry.path).parent.mkdir(parents=True)
    shutil.copy(ROOT / "results" / entry.path, tmp_path / entry.path)
    with (tmp_path / entry.path).with_name("network.onnx").open("wb") as file:
        file.truncate(10**10)  # takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=r"its sha256 is not the one that network\.json gives"):
        read_file(tmp_path, entry)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 250


def test_a_file_of_10_gb_where_the_index_lists_a_small_one_is_not_read(tmp_path: Path) -> None:
    index = Index.model_validate_json((ROOT / "results/index.json").read_bytes())
    entry = next(e for e in index.files if e.kind == "metrics")
    (tmp_path / entry.path).parent.mkdir(parents=True)
    shutil.copy(ROOT / "results" / entry.path, tmp_path / entry.path)
    os.truncate(tmp_path / entry.path, 10**10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=r"its sha256 is not the one that index\.json lists"):
        read_file(tmp_path, entry)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 250


# A reader's files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("claims")
    return hostile.write(folder, hostile.claims() | {"bomb.fits.gz": hostile.bomb()})


def test_claims_of_10_gb_and_bombs_are_refused_before_memory_is_taken(files: list[Path]) -> None:
    for path in files:
        for read in (formats.read_any, formats.read_rows):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with pytest.raises(BadInput) as caught:
                read(path)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert grown < 250, (path.name, grown)
            assert "\n" not in str(caught.value)
            assert "llocate" not in str(caught.value), "memory was asked for"


def test_the_browser_refuses_the_same_files(files: list[Path], browser: Any) -> None:
    with serve(ROOT / "static") as address, serve(files[0].parent) as beside:
        page = browser.new_page(bypass_csp=True)
        page.route("**/given/*", lambda route: route.continue_(url=beside + route.request.url.rpartition("/")[2]))
        page.goto(address + "favicon.svg")
        for path in files:
            said = page.evaluate(
                """async ([name, module]) => {
                  const { readFile } = await import(module);
                  const bytes = new Uint8Array(await (await fetch('/given/' + name)).arrayBuffer());
                  try { const s = await readFile(bytes, name); s.take(0, "Angstrom"); return 'read'; }
                  catch (error) { return [error.constructor.name, error.message]; }
                }""",
                [path.name, address + "js/live/read.js"],
            )
            assert said != "read", path.name
            assert said[0] == "Refusal", (path.name, said)
            assert "\n" not in said[1]
        page.close()


def test_dollars_in_a_title_are_no_mathematics() -> None:
    site = Site()

    def draw(figure: Any, narrow: bool) -> None:
        figure.subplots().set_title(r"$\frac{$ costs $1 or $\nothing$")

    drawn = str(svg.draw_figure(site, "dollars", "Dollars", draw).wide)
    assert r"$\frac{$ costs $1 or $\nothing$" in drawn
