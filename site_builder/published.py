"""Figures published by others: read from ``published.json``, shown as theirs and never as ours."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class PublishedFigure:
    """One number of somebody else, with its source."""

    work: str
    data: str
    quantity: str
    value: float
    unit: str
    source: str
    url: str | None


@cache
def load() -> tuple[PublishedFigure, ...]:
    """All of them, in the order of the file."""
    return tuple(PublishedFigure(**row) for row in json.loads(LIST.read_text(encoding="utf-8"))["rows"])
