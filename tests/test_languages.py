"""Two languages: the catalogues hold exactly the texts that there are, and a Chinese page holds no English sentence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from site_builder import i18n, translate
from site_builder.cli import build
from site_builder.figures import svg
from site_builder.i18n import CHINESE, ENGLISH, N_, Catalogue, finished, ngettext, said, set_type, speaking
from site_builder.i18n import _ as say
from site_builder.markup import worded_svg
from site_builder.texts import prose

ROOT = Path(__file__).resolve().parent.parent
PLACE = re.compile(r"%\(\w+\)s|%%|%?\{[\w\[\]]*(?::[^}]*)?\}")
TAGS = re.compile(r"</?[a-z][^>]*>")


@pytest.fixture(scope="module", params=i18n.DOMAINS)
def domain(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_catalogue_holds_exactly_the_texts_that_there_are(domain: str) -> None:
    content, missing = translate.updated("zh", domain)
    assert missing == []
    path = i18n.catalogue_path("zh", domain)
    assert path.read_bytes() == content, "run python -m site_builder translate"
    with path.open("rb") as file:
        catalog = read_po(file, locale="zh", domain=domain)
    assert not catalog.obsolete
    assert not any(message.fuzzy for message in catalog if message.id)


def test_a_text_that_gets_or_loses_a_plural_keeps_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plural wins where a text stands alone elsewhere; a translation becomes its first form."""
    folder = tmp_path / "zh/LC_MESSAGES"
    folder.mkdir(parents=True)
    old = 'msgid "{n} star"\nmsgstr "{n} 颗星"\n\nmsgid "one run"\nmsgid_plural "{n} runs"\nmsgstr[0] "{n} 次"\n'
    (folder / "site.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n' + old)
    texts = [("a.py", "{n} star"), ("b.py", ("{n} star", "{n} stars")), ("c.py", "{n} star"), ("d.py", "one run")]
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    monkeypatch.setattr(translate, "_site_texts", lambda root: iter(texts))
    content, missing = translate.updated("zh", "site")
    assert missing == ["one run"]
    text = content.decode()
    assert 'msgid "{n} star"\nmsgid_plural "{n} stars"\nmsgstr[0] "{n} 颗星"' in text
    assert "#: a.py b.py c.py" in text
    assert 'msgid "one run"\nmsgstr ""' in text


def test_placeholders_and_tags_agree(domain: str) -> None:
    with i18n.catalogue_path("zh", domain).open("rb") as file:
        catalog = read_po(file, locale="zh", domain=domain)
    count = 0
    for message in catalog:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in texts:
            count += 1
            places, tags = set(PLACE.findall(ids[-1])), sorted(TAGS.findall(ids[-1]))
            if "%(" in ids[-1] or "%%" in ids[-1]:
                assert set(PLACE.findall(text)) - {"%%"} == places - {"%%"}, ids
            elif "{" in ids[-1]:
                assert set(PLACE.findall(text)) == places, ids
            assert sorted(TAGS.findall(text)) == tags, ids
    assert count > 150


def test_every_text_is_found() -> None:
    found = translate.extracted("site")
    for text, place in {
        "Skip to the content": "templates/base.html.j2",
        "Copied": "static/js/common.js",
        "Not found · SpecViT": "site_builder/pages/not_found.py",
        "Ca II triplet": "site_builder/lines.json",
    }.items():
        assert place in found[text][1], text
    assert "{0} layers" in translate.extracted("results")


def test_the_language_is_that_of_the_innermost_block() -> None:
    text = N_("Skip to the content")
    assert say(text) == text
    with speaking(CHINESE):
        assert say(text) == "跳到正文"
        with speaking(ENGLISH):
            assert say(text) == text
        assert say("{first} to {last}", first="20", last="21") == "20 至 21"
    assert say("{first} to {last}", first="20", last="21") == "20 to 21"


def test_a_text_that_is_not_in_the_catalogue_stays() -> None:
    with speaking(CHINESE):
        assert say("Nobody wrote this") == said("Nobody wrote this") == finished("Nobody wrote this")
        assert ngettext("{n} star", "{n} stars", 1) == "1 star"
        assert ngettext("{n} star", "{n} stars", 7) == "7 stars"


def test_texts_of_the_results_keep_their_numbers() -> None:
    with speaking(CHINESE):
        assert said("3 layers") == "3 层"
        assert said("Teff below 6543 K") == "Teff 低于 6543 K"
        assert said("synthetic") == "synthetic"  # a word of the contract: pages say it with _
        assert said(["3 layers"]) == ["3 layers"]


def test_texts_of_figures_are_known_with_their_fields_filled_in() -> None:
    own = Catalogue("zh")
    assert own.finished("Magnitude 20 to 21.5") == "星等 20 至 21.5"
    assert own.finished("SpecViT-Ti, synthetic only") == "SpecViT-Ti（仅合成）"
    assert own.finished("0.25") == "0.25"
    assert own.finished("Nobody wrote") == "Nobody wrote"
    with speaking(CHINESE):
        words = i18n.figure_words({"name": "Bayes limit", "meta": {"part": "Bayes limit"}, "x": ["Bayes limit"]})
    assert words == {"name": "贝叶斯极限", "meta": {"part": "Bayes limit"}, "x": ["Bayes limit"]}


def test_lines_of_a_figure_are_put_together_again() -> None:
    drawn = "<svg><text x='1'>95</text><text>1% of the pixels hit by</text><text>cosmic rays</text><text>A</text></svg>"
    with speaking(CHINESE):
        told = worded_svg(drawn)
        words = i18n.figure_words({"ticktext": ["1% of the pixels<br>hit by cosmic rays"]})
    assert told == "<svg><text x='1'>95</text><text>1% 的像素被宇宙线击中</text><text></text><text>A</text></svg>"
    assert words == {"ticktext": ["1% 的像素被宇宙线击中"]}
    assert worded_svg(drawn) == drawn
    with speaking(CHINESE):  # what stands beside each other is no list
        assert worded_svg("<text>0.5</text><text>Model,</text><text>one</text>").count("（") == 0


def test_chinese_is_set_without_spaces_around_its_punctuation() -> None:
    html = '<p>一句。 <strong>二 句</strong>， 共 3 颗；\n <a href="x y">四</a></p>'
    with speaking(CHINESE):
        assert set_type(html) == '<p>一句。<strong>二句</strong>，共 3 颗；<a href="x y">四</a></p>'
    assert set_type(html) == html


def test_prose_of_results() -> None:
    content = {"title": "A title", "kind": "run", "provenance": {"title": "Left out"}, "selection": {"all of them": 3}}
    assert sorted(prose(content)) == ["A title", "all of them"]


def _no_drawing(draw: Any, size: tuple[int, int], narrow: bool, margins: Any) -> str:
    return f'<?xml?><svg width="1" height="1" viewBox="0 0 {size[0]} {size[1]}" version="1.1"></svg>'


WORDS = re.compile(r"(?:[A-Za-z][A-Za-z'’-]*[ ,;:]+){3,}[A-Za-z'’-]+")


def english(html: str) -> list[str]:
    """Runs of four and more words, three of them without capitals, outside of code and of what is marked as English."""
    html = re.sub(r"<head>.*?</head>|<(script|style|pre|code|math)\b.*?</\1>", "", html, flags=re.S)
    html = re.sub(r'<section class="source-card".*?</section>', "", html, flags=re.S)
    html = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', "", html, flags=re.S)
    said_aloud = re.findall(r'(?:aria-label|title|alt)="([^"]*)"', html)
    text = re.sub(r"<[^>]+>", "\n", re.sub(r"</?(?:strong|em|b|i|a|data|span)\b[^>]*>", "", html))
    runs = [run for part in [text, *said_aloud] for run in WORDS.findall(part)]
    return [run for run in runs if len(re.findall(r"(?<![\w-])[a-z]{3,}(?![\w-])", run)) >= 3]


def test_english_is_noticed() -> None:
    assert english("<p>这里 the network was given 光谱</p>") == ["the network was given"]
    assert english('<p title="what any estimator can">好</p>') == ["what any estimator can"]
    assert english("<p>Le Borgne et al. 2003, <code>python of all the things</code></p>") == []


def test_chinese_pages_of_the_shipped_results_hold_no_english_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    files = build(ROOT / "results")
    pages = {path: content.decode() for path, content in files.items() if path.startswith("zh/")}
    assert len(pages) == 11
    assert {path: found for path, html in pages.items() if (found := english(html))} == {}
    for path, html in pages.items():
        messages = json.loads(
            re.findall(r'<script type="application/json" id="messages">(.*?)</script>', html, re.S)[0]
        )
        assert messages["Copied"] == "已复制", path
