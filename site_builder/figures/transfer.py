"""Drawings of the transfer experiments without JavaScript: accuracy against real stars, predicted against catalogue."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from site_builder.contract.transfer import TransferAnswer, TransferStars
from site_builder.design import FAMILIES, STAR_CLASSES, paint
from site_builder.figures import charts, labels
from site_builder.figures import series as s
from site_builder.figures.svg import Draw
from site_builder.i18n import N_, _
from site_builder.results import interval_of
from site_builder.stars import class_word
from site_builder.transfers import STRATEGY_SHORT, Curve, Experiment, Tried

OWN_PANEL = ("specvit", "mlp")  # families whose strategies get a panel each
METRICS = {"r2": "R²", "nmad": N_("NMAD (dex)"), "sigma": N_("Standard deviation (dex)")}
FEW_STARS = 300  # as many are drawn one by one; of more stars, classes of more than FEW_OF_CLASS as a density
FEW_OF_CLASS = 60


@dataclass(frozen=True)
class Panel:
    """Curves that share axes. ``strategies``: told apart by strategy (one model), else by model."""

    title: str
    curves: list[Curve]
    strategies: bool


def panels(e: Experiment, set_name: str) -> list[Panel]:
    """One panel for each network with its strategies, and one for all models that saw real stars only."""
    curves = [c for c in e.curves(set_name) if c.model.family != "mean"]
    own = [m for m in e.file.models if m.family in OWN_PANEL and sum(c.model == m for c in curves) > 1]
    out = [Panel(m.title, [c for c in curves if c.model == m], True) for m in own]
    survey = [c for c in curves if c.strategy == "survey"]
    if len(survey) > 1:
        out.append(Panel(_("Every model, survey only"), survey, False))
    return out


def strategy_style(family: str, strategy: str) -> dict[str, Any]:
    """matplotlib keywords: two-stage is solid and filled, survey only dashed and hollow."""
    own = FAMILIES[family]
    base = {"color": paint(own.token), "marker": own.marker, "linestyle": "solid"}
    if strategy == "survey":
        return base | {"linestyle": (0, (5, 2)), "markerfacecolor": paint("paper"), "markeredgewidth": 1.5}
    return base


def sizes(e: Experiment, set_name: str) -> list[int]:
    """Numbers of real stars that were tried, fewest first."""
    return sorted({t.row.n_real for t in e.rows(set_name) if t.row.n_real})


def _values(points: list[Tried], metric: str) -> tuple[list[float], list[float], list[float]]:
    parts = [interval_of(getattr(t.row, metric)) for t in points]
    return [p[0] for p in parts], [p[1] for p in parts], [p[2] for p in parts]


def _low(panel_list: list[Panel]) -> float:
    """Lower end of the R2 axis: where the curves are; what lies far below is said, not drawn."""
    least = min(t.row.r2.value for p in panel_list for c in p.curves if c.strategy != "synthetic" for t in c.points)
    least = min(
        [least, *(t.row.r2.value for p in panel_list for c in p.curves for t in c.points if t.row.r2.value > -0.6)]
    )
    return max(-0.7, min(0.0, least - 0.08)) if least < 0.1 else max(0.0, least - 0.12)


def _horizontal(ax: Any, one: Tried, colour: str, low: float, xs: tuple[float, float]) -> labels.End | None:
    r2 = one.row.r2
    if r2.value < low:
        ax.annotate(
            _("synthetic only: below the axis"), (0.03, 0.02), xycoords="axes fraction", color=colour, fontsize=11.5
        )
        return None
    ax.fill_between(xs, [max(low, r2.lo)] * 2, [r2.hi] * 2, color=colour, alpha=0.15, linewidth=0)
    ax.plot(xs, [r2.value] * 2, color=colour, linewidth=1.2, linestyle=(0, (1, 2)))
    return labels.End(xs[1], r2.value, _("synthetic"), FAMILIES[one.model.family].token)


def _panel(ax: Any, panel: Panel, ticks: list[int], low: float, narrow: bool) -> None:
    ends: list[labels.End] = []
    xs = (ticks[0] / 1.2, float(ticks[-1]))
    for curve in reversed(panel.curves):
        token = FAMILIES[curve.model.family].token
        if curve.strategy == "synthetic":
            end = _horizontal(ax, curve.points[0], paint(token), low, xs)
            ends += [end] if end else []
            continue
        y, below, above = _values(curve.points, "r2")
        family = curve.model.family
        style = strategy_style(family, curve.strategy) if panel.strategies else charts.line_style(family)
        ax.errorbar([t.row.n_real for t in curve.points], y, yerr=[below, above], capsize=0, elinewidth=1.1,
                    markersize=6, linewidth=1.8, **style)  # fmt: skip
        text = _(STRATEGY_SHORT[curve.strategy]) if panel.strategies else labels.short(curve.model.title)
        ends.append(labels.End(curve.points[-1].row.n_real, y[-1], text, token, curve.strategy == "two-stage"))
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.set_xlim(xs[0] / 1.05, ticks[-1] * (ticks[-1] / ticks[0]) ** (0.5 if narrow else 0.55))
    kept = [
        t for k, t in enumerate(ticks) if k in (0, len(ticks) - 1) or len(ticks) < 5 or k % 2 == (len(ticks) - 1) % 2
    ]
    ax.set_xticks(kept, [f"{t:g}" for t in kept])
    ax.set_ylim(low, 1.0)
    ax.set_xlabel(_("Real stars trained on"))
    ax.set_title(panel.title, loc="left", color=paint("ink"))
    labels.end_labels(ax, ends, True)


def gain(e: Experiment, set_name: str) -> Draw:
    """R2 against the number of real stars: strategies of each network, and all models on real stars alone."""
    found, ticks = panels(e, set_name), sizes(e, set_name)
    low = _low(found)

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots(len(found) if narrow else 1, 1 if narrow else len(found), sharey=True, squeeze=False)
        figure.subplots_adjust(wspace=0.08, hspace=0.42)
        for ax, panel in zip(axes.flat, found, strict=True):
            _panel(ax, panel, ticks, low, narrow)
        axes.flat[0].set_ylabel("R²")

    return draw


def gain_height(e: Experiment, set_name: str, narrow: bool) -> int:
    """Pixels that the drawing needs."""
    return 60 + 290 * len(panels(e, set_name)) if narrow else 400


def answer_of(stars: TransferStars, of: Tried) -> TransferAnswer | None:
    """The answers that a row was computed from."""
    wanted = (of.row.model, of.row.strategy, of.row.augmented, of.row.n_real)
    return next((a for a in stars.answers if (a.model, a.strategy, a.augmented, a.n_real) == wanted), None)


def _one_by_one(ax: Any, true: np.ndarray, predicted: np.ndarray) -> None:
    for name, style in STAR_CLASSES.items():
        pick = s.of_class(true, name)
        if pick.any():
            ax.plot(true[pick], predicted[pick], linestyle="none", marker=style.marker, markersize=4.5, alpha=0.6,
                    color=paint(style.token), markeredgewidth=0, label=class_word(name, "Many"))  # fmt: skip


def _by_density(ax: Any, true: np.ndarray, predicted: np.ndarray, lo: float, hi: float) -> None:
    for name, style in STAR_CLASSES.items():
        pick = s.of_class(true, name)
        if pick.sum() > FEW_OF_CLASS:
            charts.density_panel(ax, s.density(true[pick], predicted[pick], lo, hi, 50), style.token)
        elif pick.any():
            _one_by_one(ax, true[pick], predicted[pick])


def predicted_catalogue(stars: TransferStars, shown: list[tuple[str, TransferAnswer]]) -> Draw:
    """Predicted against catalogue log g, one panel each of ``shown``; on a narrow screen the last alone."""
    true = np.asarray(stars.logg)
    lo, hi = s.axis_range(true)

    def draw(figure: Any, narrow: bool) -> None:
        parts = shown[-1:] if narrow else shown
        axes = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(wspace=0.08)
        for ax, (title, answer) in zip(axes, parts, strict=True):
            predicted = np.clip(np.asarray(answer.predicted), lo - 0.4, hi + 0.4)
            if len(true) <= FEW_STARS:
                _one_by_one(ax, true, predicted)
            else:
                _by_density(ax, true, predicted, lo - 0.5, hi + 0.5)
            ax.plot([lo, hi], [lo, hi], color=paint("ink"), linewidth=1)
            ax.set_xlim(lo, hi)
            ax.set_ylim(lo - 0.5, hi + 0.5)
            ax.set_xlabel(_("Catalogue log g (dex)"))
            ax.set_title(title, loc="left", color=paint("ink"))
        axes[0].set_ylabel(_("Predicted log g (dex)"))

    return draw
