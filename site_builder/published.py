"""Figures published by others: read from ``published.json``, shown as theirs and never as ours."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from site_builder.results import Quantity

LIST = Path(__file__).with_name("published.json")
ADDRESS = "data/published.json"  # in the site


class _Listed:
    """An entry of the list with its place in it."""

    place: str

    def q(self, name: str) -> Quantity:
        """A number of it."""
        return Quantity(getattr(self, name), (f"{ADDRESS}#{self.place}/{name}",))


@dataclass(frozen=True)
class PublishedFigure(_Listed):
    """One number of somebody else, with its source."""

    work: str
    data: str
    quantity: str
    value: float
    unit: str
    source: str
    url: str | None
    place: str


@cache
def load() -> tuple[PublishedFigure, ...]:
    """All of them, in the order of the file."""
    rows = json.loads(LIST.read_text(encoding="utf-8"))["rows"]
    return tuple(PublishedFigure(**row, place=f"/rows/{i}") for i, row in enumerate(rows))


@dataclass(frozen=True)
class PublishedCurve:
    """R2 against the number of training spectra, as somebody else published it."""

    work: str
    family: str
    n_spectra: tuple[int, ...]
    r2: tuple[float, ...]
    source: str
    about: str


@cache
def scaling() -> tuple[PublishedCurve, ...]:
    """The published scaling curves, in the order of the file."""
    part = json.loads(LIST.read_text(encoding="utf-8"))["scaling"]
    return tuple(
        PublishedCurve(c["work"], c["family"], tuple(part["n_spectra"]), tuple(c["r2"]), part["source"], part["about"])
        for c in part["curves"]
    )


@dataclass(frozen=True)
class PublishedTransfer(_Listed):
    """What somebody else reached on real stars of a survey."""

    survey: str
    work: str
    strategy: str
    stars: str
    r2: float
    sigma: float
    source: str
    place: str


@cache
def transfer(survey: str) -> tuple[PublishedTransfer, ...]:
    """The references for a survey, in the order of the file."""
    rows = json.loads(LIST.read_text(encoding="utf-8"))["transfer"]
    found = [PublishedTransfer(**row, place=f"/transfer/{i}") for i, row in enumerate(rows)]
    return tuple(one for one in found if one.survey == survey)
