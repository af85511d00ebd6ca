"""The languages of the site: English in the sources, the others in gettext catalogues below ``locale/``.

An English text is its own key. Python marks texts with ``_``, ``ngettext`` and (where nothing is rendered
yet) ``N_``, templates with ``{% trans %}`` and ``_``, scripts with ``t``. What is being rendered is the
language of the innermost ``speaking`` block. ``docs/translating.md`` says how texts get into the catalogues.

Each language has two: ``site.po`` holds the texts of this project, ``results.po`` those of the shipped
results (titles, recipes, credits), which are looked up wherever a page prints them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from string import Formatter
from typing import Any

LOCALE = Path(__file__).resolve().parent / "locale"
DOMAINS = ("site", "results")


@dataclass(frozen=True)
class Language:
    """One language of the site."""

    code: str  # folder of its catalogues
    tag: str  # of lang and hreflang
    name: str  # in itself
    locale: str  # of og:locale
    folder: str  # of its pages in the site, with a slash, or ""


ENGLISH = Language("en", "en", "English", "en_GB", "")
CHINESE = Language("zh", "zh-Hans", "中文", "zh_CN", "zh/")
LANGUAGES = (ENGLISH, CHINESE)

_CURRENT: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def language() -> Language:
    """The language that is being rendered."""
    return _CURRENT.get()


@contextmanager
def speaking(one: Language) -> Iterator[None]:
    """Render in a language while the block runs."""
    token = _CURRENT.set(one)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def catalogue_path(code: str, domain: str) -> Path:
    """The file of one catalogue."""
    return LOCALE / code / "LC_MESSAGES" / f"{domain}.po"


_NUMBER = re.compile(r"(?<![A-Za-z\d.])\d(?:[\d\u202f.,]*\d)?(?![A-Za-z])")


def numbered(text: str) -> tuple[str, list[str]]:
    """A text of the results with ``{0}``, ``{1}`` for its numbers, and the numbers."""
    if "{" in text:
        return text, []
    place = count()
    return _NUMBER.sub(lambda _: f"{{{next(place)}}}", text), _NUMBER.findall(text)


_FIELD = re.compile(r"\{(\w+)\}")


_PYTHON = "site_builder/"


class Catalogue:
    """The texts of one language, read from its ``.po`` files."""

    def __init__(self, code: str) -> None:
        from babel.messages.pofile import read_po

        self.texts: dict[str, str] = {}  # ours
        self.plurals: dict[str, tuple[str, ...]] = {}
        self.of_results: dict[str, str] = {}  # those of the results, with fields for numbers
        self.places: dict[str, set[str]] = {}  # files in which a text stands
        self.plural_of = lambda n: int(n != 1)
        for domain in DOMAINS:
            with catalogue_path(code, domain).open("rb") as file:
                catalog = read_po(file, locale=code, domain=domain)
            if catalog.num_plurals == 1:
                self.plural_of = lambda n: 0
            for message in catalog:
                if not message.id or not message.string or message.fuzzy:
                    continue
                if isinstance(message.id, tuple | list):
                    self.plurals[message.id[0]] = tuple(message.string)
                    key = message.id[0]
                else:
                    key = message.id
                    assert isinstance(message.string, str)
                    (self.texts if domain == "site" else self.of_results)[key] = message.string
                self.places.setdefault(key, set()).update(path for path, _ in message.locations)

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Texts with ``{fields}`` as patterns, those with the most letters first."""
        # "%{y}" is Plotly's and filled in by the browser, "%(n)s" stands in templates only
        ids = [key for key in self.texts if _FIELD.search(key) and not re.search(r"%\{(?!\{)|%\(", key)]
        ids = [key for key in ids if any(path.startswith(_PYTHON) for path in self.places[key])]
        ids = [key for key in ids if _FIELD.sub("", key).strip()]
        ids.sort(key=lambda key: (-len(_FIELD.sub("", key)), key))
        out = []
        for key in ids:
            names: set[str] = set()
            pattern = ""
            for words, name, _spec, _conversion in Formatter().parse(key):
                pattern += re.escape(words)
                if name:
                    pattern += f"(?P={name})" if name in names else f"(?P<{name}>.+?)"
                    names.add(name)
            out.append((re.compile(pattern, re.S), self.texts[key]))
        return out

    def said(self, text: str) -> str:
        """The translation of a text of the results, with or without its full stop; else the text."""
        for one, end in ((text, ""), (text.removesuffix("."), "。"), (text + ".", "")):
            key, numbers = numbered(one)
            if key in self.of_results:
                out = self.of_results[key].format(*numbers) + end
                return out.removesuffix("。") if one is not text and not end else out
        return text

    def finished(self, text: str) -> str:
        """The translation of a text whose fields are filled in already, as figures hold them; else the text."""
        found = self._finished.get(text)
        if found is None:
            found = self._finished[text] = self._look_up(text)
        return found

    @cached_property
    def _finished(self) -> dict[str, str]:
        return {}

    def _look_up(self, text: str) -> str:
        if not re.search("[A-Za-z]", text):
            return text
        if text in self.texts:
            return self.texts[text]
        if (of_results := self.said(text)) != text:
            return of_results
        for pattern, translated in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                return translated.format(**{k: self.finished(v) for k, v in match.groupdict().items()})
        return text


@cache
def catalogue(code: str) -> Catalogue:
    """The catalogue of a language, read once."""
    return Catalogue(code)


def N_(text: str) -> str:  # the name that gettext tools look for
    """Mark a text for the catalogue; ``_`` translates it where it is rendered."""
    return text


def _(text: str, **values: Any) -> str:
    """A text in the language that is being rendered, ``{fields}`` filled in if values are given."""
    if language() is not ENGLISH:
        text = catalogue(language().code).texts.get(text, text)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, n: int, **values: Any) -> str:
    """The form of a text that goes with a number, fields filled in (``{n}`` is the number)."""
    return plural(one, many, n).format(n=n, **values)


def gettext(text: str) -> str:
    """The translation of a text of a template."""
    return _(text)


def plural(one: str, many: str, n: int) -> str:
    """The translation of a text of a template that goes with a number; the template fills in the fields."""
    own = None if language() is ENGLISH else catalogue(language().code)
    if own is None or one not in own.plurals:
        return one if n == 1 else many
    return own.plurals[one][own.plural_of(n)]


def said(text: Any) -> Any:
    """A text of the results in the language that is being rendered; anything else unchanged."""
    if language() is ENGLISH or type(text) is not str:
        return text
    return catalogue(language().code).said(text)


def finished(text: str) -> str:
    """A text of a figure that was made in English, in the language that is being rendered."""
    return text if language() is ENGLISH else catalogue(language().code).finished(text)


WORDS = frozenset({"text", "name", "hovertemplate", "ticktext", "customdata", "axis_label"})


def figure_words(value: Any, inside: bool = False) -> Any:
    """A figure's JSON with its words (fields in ``WORDS``) in the language that is being rendered."""
    if isinstance(value, Mapping):
        return {k: figure_words(v, k in WORDS) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [figure_words(v, inside) for v in value]
    if not inside or not isinstance(value, str):
        return value
    whole = value.replace("<br>", " ")  # what was broken into lines in English
    return value if (translated := finished(whole)) == whole else translated


# Chinese is set without spaces around its punctuation and between its characters; templates leave them there.
_WIDE = "，。；：、！？（）《》“”"
_HAN = "\u4e00-\u9fff"
_TAGS = r"((?:</?(?:strong|em|b|i|a|span|code)\b[^>]*>)*)"
_SPACES = [
    (re.compile(rf"([{_WIDE}]){_TAGS}[ \n]+"), r"\1\2"),
    (re.compile(rf"[ \n]+{_TAGS}(?=[{_WIDE}])"), r"\1"),
    (re.compile(rf"(?<=[{_HAN}]){_TAGS}[ \n]+(?=(?:<(?:strong|em|b|i|a)\b[^>]*>)?[{_HAN}])"), r"\1"),
]


def set_type(html: str) -> str:
    """A page with the spacing of the language that is being rendered."""
    if language().code != "zh":
        return html
    for pattern, instead in _SPACES:
        html = pattern.sub(instead, html)
    return html
