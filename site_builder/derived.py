"""Numbers that pages count or compute from the results, with the places that they were counted in.

``Quantity.op`` says how each follows from its sources; ``RULES`` puts that into words for ``--explain``. Rules that end
in a space take a parameter behind it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from site_builder.attention_view import AttentionView
from site_builder.results import Measured, Quantity, Results
from site_builder.stars import wavelength_at

RULES = {
    "is": "the value there",
    "sub": "the first minus the second",
    "ratio": "the first over the second",
    "ratio2": "the square of the first over the second",
    "len": "how many entries the list has",
    "others": "how many entries the list has, but for one",
    "count": "how many places are named",
    "none": "none of the places named",
    "place": "which entry of the list it is, counted from one",
    "next": "the number there, counted from one",
    "where ": "how many entries of the list have this",
    "files ": "how many files of the list lie there",
    "bytes ": "how large the files of the list are that lie there",
    "pixel ": "the wavelength of this pixel on the axis there",
    "pooled ": "the attention that the pooled output gives to this patch, mean of heads",
    "uniform": "the standard deviation of a uniform prior with these ends",
    "reached": "the least of the curves' best, to two decimals, minus 0.01",
    "even": "the value there times the entries of its list: 1 is an even share",
    "first ": "the first pixel of this patch (from zero) of that size, counted from one",
    "last ": "the last pixel of this patch (from zero) of that size, counted from one",
    "least-sum": "the smallest sum of a row of the weights there",
    "most-sum": "the largest sum of a row of the weights there",
    "shifted ": "the wavelength of this pixel on the axis there, in the frame and medium that the reader chose",
    "one-in": "so many pixels of the window that the reader chose are one row of the table",
    "smoothed": "the value there, smoothed with its neighbours as the reader chose",
    "line ": "the wavelength of this line of the list, in the frame and medium that the reader chose",
    "between ": "this far on the way from the first to the second",
    "pull": "the first minus the second, over the third",
    "mean ": "the mean over noise patterns at this entry of their lists",
    "sd ": "the standard deviation over noise patterns at this entry of their lists",
    "snr ": "the median signal-to-noise ratio of that flux with the noise of that instrument at this magnitude",
    "live": "what the page works out with the answer of this network",
    "needed ": "first over second times the number of such tests in the third, over the fourth, rounded up",
}


def place_of(thing: Any) -> str:
    """The place in the results of something that pages count: a row, a bin, a comparison, a star."""
    if isinstance(thing, str):
        return f"{thing}#"
    if isinstance(thing, Quantity):
        return thing.sources[0]
    if isinstance(thing, Measured):
        return thing.value.sources[0]
    for name in ("place", "other", "gap", "enrichment"):
        if isinstance(found := getattr(thing, name, None), str | Quantity | Measured):
            return found if isinstance(found, str) else place_of(found)
    if callable(measured := getattr(thing, "measured", None)):
        return place_of(measured("r2"))
    return place_of(str(thing.path))


def count(things: Sequence[Any], among: Sequence[Any] = ()) -> Quantity:
    """How many there are, with the place of each; of none, the places of all ``among`` which there could have been."""
    if things:
        return Quantity(len(things), tuple(place_of(thing) for thing in things), "count")
    return Quantity(0, tuple(place_of(thing) for thing in among), "none")


def place(q: Quantity) -> Quantity:
    """Which entry of its list a value is, counted from one."""
    return Quantity(int(q.sources[0].rpartition("/")[2]) + 1, q.sources[:1], "place")


def after(q: Quantity) -> Quantity:
    """A number that the results count from zero, counted from one."""
    return Quantity(int(q.number) + 1, q.sources, "next")


def others(q: Quantity) -> Quantity:
    """One less than the entries of a list (``Results.length``)."""
    return Quantity(int(q.number) - 1, q.sources, "others")


def pixel(results: Results, path: str, at: float) -> Quantity:
    """Wavelength at a fractional pixel of the axis of an instrument or star, vacuum Angstrom."""
    axis = results.files[path].wave  # type: ignore[attr-defined]
    return Quantity(round(wavelength_at(axis, at), 4), (f"{path}#/wave",), f"pixel {at:g}")


def pooled(view: AttentionView, layer: int, patch: int) -> Quantity:
    """Attention of the pooled output to a patch (from 0) in a layer (from 0), mean of heads."""
    path = view.star.attention_path
    value = round(float(view.by_layer[layer, patch]), 6)
    return Quantity(value, (f"{path}#/weights/{layer}", f"{path}#/has_cls"), f"pooled {patch}")


def uniform_sd(lo: Quantity, hi: Quantity) -> Quantity:
    """Standard deviation of a uniform prior."""
    return Quantity(float((hi.number - lo.number) / np.sqrt(12)), lo.sources + hi.sources, "uniform")


def where(results: Results, path: str, pointer: str, field: str, value: str) -> Quantity:
    """How many entries of a list have a value in a field."""
    entries = results.length(path, pointer)
    found = [getattr(entry, field) for entry in getattr(results.files[path], pointer.strip("/"))]
    return Quantity(sum(one == value for one in found), entries.sources, f"where {field}={value}")
