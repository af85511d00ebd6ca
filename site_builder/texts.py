"""Which texts there are to translate besides those of templates and Python: those of the results and of scripts.

Texts of results change their numbers with every run, so their catalogue has ``{0}``, ``{1}`` in their place.
"""

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from site_builder import i18n
from site_builder.pages.base import Page
from site_builder.publish import STATIC
from site_builder.results import Results
from site_builder.stars import WORDS

# Fields of the contract that hold words for readers (records of provenance and configurations stay as they are).
PROSE = frozenset(
    {
        "augmentation",
        "band",
        "base",
        "bright",
        "correction",
        "credit",
        "description",
        "faint",
        "group",
        "label_error_source",
        "label_source",
        "loss",
        "method",
        "noise_source",
        "note",
        "precision",
        "recipe",
        "recipes",
        "schedule",
        "source",
        "subset",
        "survey",
        "text",
        "title",
        "value",
        "what",
    }
)
KEYED = frozenset({"augmentation", "selection"})  # their keys are words, too
_SKIPPED = frozenset({"provenance", "config", "predictions", "stars"})


def prose(value: Any, inside: str = "") -> Iterator[str]:
    """Every text for readers in a contract file (parsed JSON); those without a word in them are left out."""
    if isinstance(value, dict):
        for key, part in value.items():
            if inside in KEYED and _words(key):
                yield key
            if key not in _SKIPPED:
                yield from prose(part, inside if inside in ("recipe", "recipes", "augmentation") else key)
        if value.get("kind") == "stress" and "rows" in value:
            yield from (row["label"] for row in value["rows"])
    elif isinstance(value, list):
        for part in value:
            yield from prose(part, inside)
    elif isinstance(value, str) and inside in PROSE and _words(value):
        yield value


def _words(text: str) -> bool:
    """Whether there is a word to translate; single ones are names, or words of the contract (``stars.WORDS``)."""
    return re.search("[a-z]{3}", text) is not None and not re.fullmatch(r"[a-z0-9-]+", text)


@cache
def _imports(static: Path, script: str) -> tuple[str, ...]:
    """A script of ours and all that it imports, by path below ``static``."""
    found: dict[str, None] = {script: None}
    for path in (todo := [script]):
        text = (static / path).read_text(encoding="utf-8")
        for name in re.findall(r'(?:from|import|new URL\()\s*\(?\s*"(\.\.?/[\w./-]+\.js)"', text):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if other not in found and (static / other).is_file():
                found[other] = None
                todo.append(other)
    return tuple(found)


def script_texts(page: Page, results: Results) -> dict[str, Any] | None:
    """What the scripts of a page say, in the language that is being rendered: None in English, where they know.

    Of the results, what scripts read from files of example stars and spectra.
    """
    if i18n.language() is i18n.ENGLISH:
        return None
    own = i18n.catalogue(i18n.language().code)
    modules = {m for script in ("js/common.js", *page.scripts) for m in _imports(STATIC, script)}
    if "js/live/model.js" in modules:  # starts the worker by an address that the page gives it
        modules.update(_imports(STATIC, "js/live/worker.js"))
    places = {f"static/{m}" for m in modules}
    found: dict[str, Any] = {
        key: own.plurals.get(key) or own.texts[key] for key, files in own.places.items() if files & places
    }
    if page.scripts and "js/data.js" in modules:  # reads files of stars
        found |= {word: own.texts[word] for word in WORDS}
        stars = [star for run in results.runs.values() for star in run.examples.values()]
        for star in [*stars, *results.spectra.values(), *results.instruments.values()]:
            fields = [getattr(star, name) for name in sorted(PROSE & set(type(star).model_fields))]
            found |= {text: said for text in fields if isinstance(text, str) and (said := i18n.said(text)) != text}
    return dict(sorted(found.items()))
