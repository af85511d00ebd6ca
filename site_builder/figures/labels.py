"""Names at the ends of lines: short where there is little room, and moved apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from site_builder.contract.schema import ModelInfo
from site_builder.design import FAMILIES, paint
from site_builder.figures.series import Series
from site_builder.i18n import _


def spread_labels(values: list[float], gap: float, bounds: tuple[float, float] = (-np.inf, np.inf)) -> list[float]:
    """Move label positions apart until neighbours are ``gap`` from each other, keeping order and bounds."""
    order = np.lexsort((-np.arange(len(values)), np.array(values, float)))  # of equal values the first comes out on top
    placed = np.array(values, float)[order]
    for _turn in range(200):
        moved = False
        for i in range(len(placed) - 1):
            lack = gap - (placed[i + 1] - placed[i])
            if lack > 1e-9:
                placed[i] -= lack / 2
                placed[i + 1] += lack / 2
                moved = True
        if placed[0] < bounds[0]:
            placed += np.maximum(0, bounds[0] + gap * np.arange(len(placed)) - placed)
        if placed[-1] > bounds[1]:
            placed -= np.maximum(0, placed - bounds[1] + gap * np.arange(len(placed))[::-1])
        if not moved:
            break
    out = np.empty_like(placed)
    out[order] = placed
    return out.tolist()


@dataclass(frozen=True)
class End:
    """A name at the end of a line."""

    x: float
    y: float
    text: str
    token: str
    bold: bool = False


def short(title: str) -> str:
    """A model's title for narrow screens: without what stands in brackets."""
    return title.split(" (")[0]


def model_ends(all_series: list[Series], narrow: bool) -> list[End]:
    """The names of models, at their last points."""
    return [
        End(
            one.x[-1],
            one.y[-1],
            end_name(one.model, narrow),
            FAMILIES[one.model.family].token,
            one.model.family == "specvit",
        )
        for one in all_series
    ]


def end_name(model: ModelInfo, narrow: bool) -> str:
    """A model's name where there is little room: at the end of a line."""
    if model.family == "published":
        return _("Published") if narrow else _("Published recipe")
    if model.family == "template":
        return _("Template") if narrow else _("Template fit")
    return short(model.title) if narrow else model.title


def end_labels(ax: Any, ends: list[End], narrow: bool) -> None:
    """Names at the ends of lines, moved apart."""
    lo, hi = sorted(ax.get_ylim())
    gap = (hi - lo) * (0.068 if narrow else 0.05)
    wanted = [min(max(end.y, lo), hi) for end in ends]
    for end, y in zip(ends, spread_labels(wanted, gap, (lo + gap * 0.4, hi)), strict=True):
        ax.annotate(
            end.text,
            (end.x, y),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=paint(end.token),
            fontsize=12 if narrow else 13,
            fontweight="bold" if end.bold else "normal",
            annotation_clip=False,
        )
