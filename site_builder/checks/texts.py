"""Check of what readers are told in words: nothing invisible, nothing that turns a line around."""

import re
from typing import Any

from pydantic import BaseModel

from site_builder.checks.base import refuse
from site_builder.results import Results

# Control characters but tab and line feed, and Unicode's marks, embeddings, overrides and isolates of direction.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")


LONGEST = 20_000  # characters; a page can hold no more of one text


Place = tuple[Any, str]  # where something stands: the place of what it is in, or None, and its name there


def check_texts(results: Results) -> None:
    """Texts hold no control characters, no marks that turn the direction of a line, and no more than a page can."""
    for path, file in results.files.items():
        texts: list[tuple[Place | None, str]] = []
        _gather(file, None, texts)
        for place, text in texts:
            if found := INVISIBLE.search(text):
                problem = f"holds the invisible character U+{ord(found[0]):04X}"
                refuse(results, path, _field(place), problem, "take it out of the exported text")
            if len(text) > LONGEST:
                problem = f"is a text of {len(text)} characters, and pages hold at most {LONGEST} of one"
                refuse(results, path, _field(place), problem, "shorten it")


def _gather(value: Any, place: Place | None, texts: list[tuple[Place | None, str]]) -> None:
    """Every text of a file with its place, keys included; columns of numbers are passed by."""
    if isinstance(value, str):
        texts.append((place, value))
    elif isinstance(value, BaseModel):
        for name, part in value.__dict__.items():
            _gather(part, (place, name), texts)
    elif isinstance(value, dict):
        for key, part in value.items():
            texts.append((place, str(key)))
            _gather(part, (place, str(key)), texts)
    elif isinstance(value, list | tuple) and value and not isinstance(value[0], int | float):
        for i, part in enumerate(value):
            _gather(part, (place, str(i)), texts)


def _field(place: Place | None) -> str:
    """The name of a place, as in ``rows.3.label``."""
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(INVISIBLE.sub("?", name))
    return ".".join(reversed(names))
