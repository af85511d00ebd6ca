"""Spectral lines that the pages name, and wavelengths in air and in vacuum.

``lines.json`` lists wavelengths as the literature gives them (air, Angstrom) with a source for each;
everything that is drawn is in vacuum, as the spectra are.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("lines.json")


@dataclass(frozen=True)
class Line:
    """One line, or the edge of a band that reaches ``width`` Angstrom to the red."""

    id: str
    label: str
    group: str
    air: float
    vacuum: float
    width: float | None
    note: str
    source: str


@dataclass(frozen=True)
class LineGroup:
    """Lines that a reader switches on and off together."""

    id: str
    title: str
    note: str


def refractive_index(vacuum: float) -> float:
    """Refractive index of dry air (1 atm, 15 C, 0.045 % CO2) at a vacuum wavelength in Angstrom.

    Morton (2000, ApJS 130, 403), after Birch & Downs (1994, Metrologia 31, 315).
    """
    s2 = (1e4 / vacuum) ** 2
    return 1.0 + 8.34254e-5 + 2.406147e-2 / (130.0 - s2) + 1.5998e-4 / (38.9 - s2)


def to_air(vacuum: float) -> float:
    """Wavelength in air of a vacuum wavelength, Angstrom."""
    return vacuum / refractive_index(vacuum)


def to_vacuum(air: float) -> float:
    """Wavelength in vacuum of a wavelength in air, Angstrom; the inverse of ``to_air`` to 1e-9.

    The index depends on the vacuum wavelength, so it is found by iteration, which gains four digits a step.
    """
    vacuum = air
    for _ in range(4):
        vacuum = air * refractive_index(vacuum)
    return vacuum


@cache
def load() -> tuple[tuple[LineGroup, ...], tuple[Line, ...]]:
    """Groups in the order of the list, and lines by wavelength."""
    content = json.loads(LIST.read_text(encoding="utf-8"))
    groups = tuple(LineGroup(**g) for g in content["groups"])
    sources = content["sources"]
    lines = [
        Line(
            id=entry["id"],
            label=entry["label"],
            group=entry["group"],
            air=entry["air"],
            vacuum=round(to_vacuum(entry["air"]), 3),
            width=entry.get("width"),
            note=entry.get("note", ""),
            source=sources[entry["source"]],
        )
        for entry in content["lines"]
    ]
    return groups, tuple(sorted(lines, key=lambda line: line.vacuum))


def between(lo: float, hi: float) -> list[Line]:
    """Lines whose wavelength (or band) touches [lo, hi], vacuum Angstrom."""
    return [line for line in load()[1] if line.vacuum <= hi and line.vacuum + (line.width or 0.0) >= lo]


def for_browser(lo: float, hi: float) -> list[dict[str, object]]:
    """The lines of a band as the pages' scripts read them."""
    return [
        {
            "id": line.id,
            "label": line.label,
            "group": line.group,
            "vacuum": line.vacuum,
            "air": line.air,
            "width": line.width,
        }
        for line in between(lo, hi)
    ]
