"""Check of what readers are told in words: nothing invisible, nothing that turns a line around."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from site_builder.checks.base import refuse
from site_builder.results import Results

# Control characters but tab and line feed, and Unicode's marks, embeddings, overrides and isolates of direction.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")


LONGEST = 20_000  # characters; a page can hold no more of one text


def check_texts(results: Results) -> None:
    """Texts hold no control characters, no marks that turn the direction of a line, and no more than a page can."""
    for path, file in results.files.items():
        for field, text in _texts(file, ""):
            if found := INVISIBLE.search(text):
                problem = f"holds the invisible character U+{ord(found[0]):04X}"
                refuse(results, path, field, problem, "take it out of the exported text")
            if len(text) > LONGEST:
                problem = f"is a text of {len(text)} characters, and pages hold at most {LONGEST} of one"
                refuse(results, path, field, problem, "shorten it")


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """(field, text) of every text of a file, keys included; columns of numbers are passed by."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), f"{field}.{name}".lstrip("."))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield field, str(key)
            yield from _texts(part, f"{field}.{_shown(str(key))}")
    elif isinstance(value, list | tuple) and value and not isinstance(value[0], int | float):
        for i, part in enumerate(value):
            yield from _texts(part, f"{field}.{i}")


def _shown(key: str) -> str:
    return INVISIBLE.sub("?", key)
