"""Plotly figures of predictions: densities, residuals, single stars.

plotly-basic has no heat map (and heat maps need inline styles), so a density is drawn as the filled
outlines of its cells.
"""

from typing import Any

import numpy as np

from site_builder.design import FAMILIES, STAR_CLASSES, paint
from site_builder.figures import series as s
from site_builder.figures.charts import LABELS
from site_builder.figures.plotly_base import once, panel, publish, scatter, style, title
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.results import RunResults
from site_builder.stars import class_word

INK = paint("ink")


def _cells(d: s.Density, token: str, place: dict[str, str]) -> list[Any]:
    """One trace a level of a density; pointing into a cell names how many stars it holds."""
    traces = []
    for i, level in enumerate(d.levels):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for left, right, bottom, top in s.blocks_of(d, level):
            xs += [left, right, right, left, left, None]
            ys += [bottom, bottom, top, top, bottom, None]
        stars = (
            _("1 star per cell")
            if level[1] == 1
            else _("{least} to {most} stars per cell", least=level[0], most=level[1])
        )
        traces.append(
            scatter(
                x=xs,
                y=ys,
                mode="lines",
                fill="toself",
                fillcolor=paint(token),
                opacity=s.opacity(i, len(d.levels)),
                line={"width": 0},
                hoveron="fills",
                hoverinfo="name",
                name=stars,
                **place,
            )
        )
    return traces


def _guides(lo: float, hi: float, middle: s.Running, place: dict[str, str]) -> list[Any]:
    """The diagonal, and the median prediction."""
    diagonal = {"color": INK, "width": 1}
    return [
        scatter(x=[lo, hi], y=[lo, hi], mode="lines", line=diagonal, hoverinfo="skip", **place),
        scatter(
            x=middle.x,
            y=middle.median,
            mode="lines+markers",
            name=_("median prediction"),
            line={"color": INK, "width": 1.6, "dash": "dash"},
            marker={"size": 5, "color": INK},
            hovertemplate=_("median prediction %{y:.2f} at %{x:.2f}<extra></extra>"),
            **place,
        ),
    ]


@once
def predicted_true(site: Site, name: str, run: RunResults, set_name: str, models: list[str], x: str) -> str:
    """Predicted against true log g, one panel a model, as filled cells."""
    lo, hi = s.axis_range(np.asarray(run.predictions[set_name].logg))
    traces: list[Any] = []
    notes: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"showlegend": False, "height": 480, "annotations": notes}
    for k, model in enumerate(models):
        suffix, place = panel(k)
        d, middle = s.predicted_along(run, set_name, model)
        traces += _cells(d, FAMILIES[run.model(model).family].token, place)
        traces += _guides(lo, hi, middle, place)
        left, right = k / len(models) + 0.03 * (k > 0), (k + 1) / len(models) - 0.03 * (k + 1 < len(models))
        layout[f"xaxis{suffix}"] = title(x, range=[lo, hi], domain=[left, right])
        layout[f"yaxis{suffix}"] = title("" if k else _("Predicted log g (dex)"), range=[lo, hi], anchor=f"x{suffix}")
        notes.append(
            {
                "text": run.model(model).title,
                "xref": f"x{suffix} domain",
                "yref": "paper",
                "x": 0,
                "y": 1.02,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"color": INK},
            }
        )
    return publish(site, name, traces, **layout)


def _band(r: s.Running, family: str, place: dict[str, str]) -> Any:
    """The central 68 % of residuals."""
    return scatter(
        x=r.x + r.x[::-1],
        y=r.hi + r.lo[::-1],
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=paint(FAMILIES[family].token),
        opacity=0.13,
        hoverinfo="skip",
        showlegend=False,
        **place,
    )


@once
def residuals(site: Site, name: str, run: RunResults, set_name: str, models: list[str]) -> str:
    """Median residual and central 68 % against each label."""
    traces: list[Any] = []
    layout: dict[str, Any] = {}
    for k, (column, words) in enumerate(LABELS):
        suffix, place = panel(k)
        for model in models:
            family = run.model(model).family
            r = s.residuals_along(run, set_name, model, column)
            line = scatter(
                x=r.x,
                y=r.median,
                mode="lines+markers",
                name=run.model(model).title,
                legendgroup=model,
                showlegend=k == 0,
                customdata=[list(row) for row in zip(r.lo, r.hi, r.n, strict=True)],
                hovertemplate=_(
                    "median %{y:.3f}, 68 % in [%{customdata[0]:.2f}, %{customdata[1]:.2f}], n = %{customdata[2]}"
                ),
                **style(family),
                **place,
            )
            traces += [_band(r, family, place), line]
        domain = [k / 3 + 0.02 * (k > 0), (k + 1) / 3 - 0.02]
        layout[f"xaxis{suffix}"] = title(_(words), domain=domain)
        y = title("" if k else _("Predicted − true log g (dex)"), anchor=f"x{suffix}", showticklabels=k == 0)
        layout[f"yaxis{suffix}"] = y | {"zeroline": True, "zerolinecolor": INK} | ({"matches": "y"} if k else {})
    return publish(site, name, traces, **layout)


@once
def stars(site: Site, name: str, run: RunResults, set_name: str, model: str) -> str:
    """Every observed star: predicted against catalogue log g, shape and colour by class."""
    table = run.predictions[set_name]
    true, predicted = np.asarray(table.logg), np.asarray(table.predicted[model])
    sigma = table.sigma.get(model, [0.0] * len(true))
    ids = table.id or [str(i) for i in range(len(true))]
    lo, hi = s.axis_range(true)
    diagonal = {"color": INK, "width": 1}
    traces = [scatter(x=[lo, hi], y=[lo, hi], mode="lines", line=diagonal, hoverinfo="skip", showlegend=False)]
    for key, own in STAR_CLASSES.items():
        pick = np.flatnonzero(s.of_class(true, key)).tolist()
        about = [
            [ids[i], round(float(sigma[i]), 2), round(table.teff[i]), float(table.mh[i]), round(table.snr[i])]
            for i in pick
        ]
        traces.append(
            scatter(
                x=true[pick].tolist(),
                y=predicted[pick].tolist(),
                mode="markers",
                name=class_word(key, "Many"),
                marker={"symbol": own.plotly_marker, "color": paint(own.token), "size": 5, "opacity": 0.55},
                customdata=about,
                hovertemplate="%{customdata[0]}<br>catalogue %{x:.2f}, predicted %{y:.2f} ± %{customdata[1]}<br>"
                "%{customdata[2]} K, [M/H] %{customdata[3]:.2f}, SNR %{customdata[4]}<extra></extra>",
            )
        )
    y = title(_("Predicted log g (dex)"), range=[lo - 0.3, hi + 0.3])
    return publish(site, name, traces, xaxis=title(_("Catalogue log g (dex)"), range=[lo, hi]), yaxis=y, height=560)
