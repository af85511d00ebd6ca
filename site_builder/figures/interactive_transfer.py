"""Plotly figures of the transfer experiments: a metric against real stars, and every star by model and strategy."""

from typing import Any

import numpy as np

from site_builder.contract.transfer import TransferStars
from site_builder.design import FAMILIES, STAR_CLASSES, paint
from site_builder.figures import series as s
from site_builder.figures.plotly_base import LEGEND_BELOW, bars, once, panel, publish, scatter, style, title
from site_builder.figures.transfer import METRICS, Panel, panels, sizes
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.results import interval_of
from site_builder.stars import class_word
from site_builder.transfers import STRATEGY_TITLES, Curve, Experiment, Tried

INK = paint("ink")


def _text(t: Tried, metric: str) -> list[Any]:
    value = getattr(t.row, metric)
    return [f"[{value.lo:.3f}, {value.hi:.3f}]", t.row.n, t.row.repeats]


def _look(curve: Curve, by_strategy: bool) -> dict[str, Any]:
    look = style(curve.model.family, curve.strategy == "two-stage" and by_strategy)
    if by_strategy and curve.strategy == "survey":
        symbol = FAMILIES[curve.model.family].plotly_marker.removesuffix("-open") + "-open"
        return {"line": look["line"] | {"dash": "dash"}, "marker": look["marker"] | {"symbol": symbol}}
    if by_strategy:
        return {"line": look["line"] | {"dash": "solid"}, "marker": look["marker"]}
    return look


def _line(curve: Curve, metric: str, part: Panel, place: dict[str, str]) -> Any:
    parts = [interval_of(getattr(t.row, metric)) for t in curve.points]
    name = _("{model}, {strategy}", model=curve.model.title, strategy=_(STRATEGY_TITLES[curve.strategy]))
    return scatter(
        x=[t.row.n_real for t in curve.points],
        y=[p[0] for p in parts],
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=part.strategies or curve.model.family not in ("specvit", "mlp"),
        error_y=bars([p[1] for p in parts], [p[2] for p in parts]),
        customdata=[_text(t, metric) for t in curve.points],
        hovertemplate=_("{name}: %{{y:.3f}} %{{customdata[0]}} with %{{x}} stars<extra></extra>", name=name),
        meta={"part": metric},
        **_look(curve, part.strategies),
        **place,
    )


def _band(curve: Curve, metric: str, xs: list[float], place: dict[str, str]) -> list[Any]:
    """Synthetic-only training as a horizontal line in its interval."""
    value = getattr(curve.points[0].row, metric)
    colour = paint(FAMILIES[curve.model.family].token)
    name = _("{model}, {strategy}", model=curve.model.title, strategy=_(STRATEGY_TITLES["synthetic"]))
    shown = f"{value.value:.3f} [{value.lo:.3f}, {value.hi:.3f}]"
    fill = scatter(
        x=[*xs, *xs[::-1]], y=[value.lo] * 2 + [value.hi] * 2, mode="lines", fill="toself", fillcolor=colour,
        opacity=0.15, line={"width": 0}, hoverinfo="skip", showlegend=False, meta={"part": metric}, **place,
    )  # fmt: skip
    line = scatter(
        x=xs, y=[value.value] * 2, mode="lines", name=name, legendgroup=name,
        line={"color": colour, "width": 1.3, "dash": "dot"},
        hovertemplate=_("{name}: {value}<extra></extra>", name=name, value=shown),
        meta={"part": metric}, **place,
    )  # fmt: skip
    return [fill, line]


@once
def gain(site: Site, name: str, e: Experiment, set_name: str) -> str:
    """A metric against the number of real stars; parts ``r2``, ``nmad``, ``sigma`` choose it."""
    found, ticks = panels(e, set_name), sizes(e, set_name)
    traces: list[Any] = []
    notes: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"height": 470, "annotations": notes}
    narrow: dict[str, Any] = {"height": 230 + 300 * len(found), "legend": LEGEND_BELOW["legend"] | {"y": -0.07}}
    by_part: dict[str, Any] = {metric: {"layout": {}} for metric in METRICS}
    for k, part in enumerate(found):
        suffix, place = panel(k)
        for metric in METRICS:
            for curve in part.curves:
                if curve.strategy == "synthetic":
                    traces += _band(curve, metric, [float(ticks[0]), float(ticks[-1])], place)
                else:
                    traces.append(_line(curve, metric, part, place))
            by_part[metric]["layout"][f"yaxis{suffix}"] = title(_(METRICS[metric]) if k == 0 else "")
        width = 1 / len(found)
        domain = [round(k * width + 0.025 * (k > 0), 4), round((k + 1) * width - 0.025 * (k + 1 < len(found)), 4)]
        x_axis = title(_("Real stars trained on"), type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
        layout[f"xaxis{suffix}"] = x_axis | {"domain": domain, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = title("") | {"anchor": f"x{suffix}"} | ({"matches": "y"} if k else {})
        gap = 0.32 / len(found)
        height = (1 - gap * (len(found) - 1)) / len(found)
        top = 1 - k * (height + gap)
        narrow[f"xaxis{suffix}"] = {"domain": [0.0, 1.0]}
        narrow[f"yaxis{suffix}"] = {"domain": [max(0.0, round(top - height, 4)), round(top, 4)]}
        notes.append(
            {
                "text": part.title, "xref": f"x{suffix} domain", "yref": f"y{suffix} domain", "x": 0, "y": 1.01,
                "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"color": INK},
            }
        )  # fmt: skip
    layout["legend"] = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}
    layout["margin"] = {"l": 56, "r": 16, "t": 30, "b": 52}
    return publish(site, name, traces, narrow, by_part, **layout)


def part_of(of: Any) -> str:
    """Name of an answer in a control: model, strategy, augmentation."""
    return f"{of.model}.{of.strategy}{'.augmented' if of.augmented else ''}"


def _about(stars: TransferStars, pick: list[int]) -> list[list[Any]]:
    return [[stars.id[i], round(stars.teff[i]), stars.mh[i], round(stars.snr[i])] for i in pick]


@once
def every_star(site: Site, name: str, stars: TransferStars, first: str) -> str:
    """Every star of a set, shape and colour by class; parts are the answers (``part_of``).

    Args:
        first: the answer that is shown at first.
    """
    true = np.asarray(stars.logg)
    lo, hi = s.axis_range(true)
    picks = {key: np.flatnonzero(s.of_class(true, key)).tolist() for key in STAR_CLASSES}
    picks = {key: pick for key, pick in picks.items() if pick}
    by_part: dict[str, Any] = {}
    for answer in stars.answers:
        columns: list[dict[str, Any]] = [{}]
        for pick in picks.values():
            sure = [f" ± {answer.sigma[i]:.2f}" for i in pick] if answer.sigma else [""] * len(pick)
            columns.append({"y": [round(answer.predicted[i], 3) for i in pick], "text": sure})
        by_part[part_of(answer)] = {"traces": columns}
    diagonal = {"color": INK, "width": 1}
    traces = [scatter(x=[lo, hi], y=[lo, hi], mode="lines", line=diagonal, hoverinfo="skip", showlegend=False)]
    for k, (key, pick) in enumerate(picks.items()):
        own = STAR_CLASSES[key]
        traces.append(
            scatter(
                x=true[pick].tolist(),
                mode="markers",
                name=class_word(key, "Many"),
                marker={"symbol": own.plotly_marker, "color": paint(own.token), "size": 6, "opacity": 0.6},
                customdata=_about(stars, pick),
                hovertemplate="%{customdata[0]}<br>catalogue %{x:.2f}, predicted %{y:.2f}%{text}<br>"
                "%{customdata[1]} K, [M/H] %{customdata[2]:.2f}, SNR %{customdata[3]}<extra></extra>",
                **by_part[first]["traces"][k + 1],
            )
        )
    y = title(_("Predicted log g (dex)"), range=[lo - 0.5, hi + 0.5])
    x = title(_("Catalogue log g (dex)"), range=[lo - 0.05, hi + 0.05])
    return publish(site, name, traces, None, by_part, xaxis=x, yaxis=y, height=560)
