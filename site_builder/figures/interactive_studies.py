"""Plotly figures of the studies: scaling, ablations, what attention buys, calibration histograms."""

from typing import Any

from site_builder import published, studies
from site_builder.design import FAMILIES, paint
from site_builder.figures.plotly_base import (
    AXIS,
    LEGEND_BELOW,
    bars,
    once,
    panel,
    publish,
    scatter,
    style,
    title,
)
from site_builder.figures.studies import (
    GROUP,
    LEAST,
    PANEL_TITLES,
    ROW,
    attention_panels,
    compared,
    stress_rows,
    wrapped,
)
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.results import RunResults, interval_of


def _scaled(run: RunResults, name: str, place: dict[str, Any]) -> Any:
    points, model = studies.scaling(run)[name], run.model(name)
    parts = [interval_of(p.point.r2) for p in points]
    text = [[f"[{p.point.r2.lo:.3f}, {p.point.r2.hi:.3f}]", p.point.presentations] for p in points]
    return scatter(
        x=[p.point.n_spectra for p in points],
        y=[p[0] for p in parts],
        mode="lines+markers",
        name=model.title,
        error_y=bars([p[1] for p in parts], [p[2] for p in parts]),
        customdata=text,
        hovertemplate=_("%{y:.3f} %{customdata[0]}; %{customdata[1]:,} shown or fitted to"),
        **style(model.family, model.family == "specvit"),
        **place,
    )


@once
def scaling(site: Site, name: str, run: RunResults) -> str:
    """R2 on the test set against distinct training spectra, with the published curves."""
    traces = [_scaled(run, model, {}) for model in studies.scaling(run)]
    for curve in published.scaling():
        own = FAMILIES[curve.family]
        colour = paint(own.token)
        traces.append(
            scatter(
                x=list(curve.n_spectra),
                y=list(curve.r2),
                mode="lines+markers",
                name=_("{work}, as published", work=curve.work),
                opacity=0.8,
                line={"color": colour, "width": 1, "dash": "dot"},
                marker={"color": colour, "size": 6, "symbol": own.plotly_marker.removesuffix("-open") + "-open"},
                hovertemplate="%{y:.3f}",
            )
        )
    x = title(_("Distinct training spectra"), type="log", dtick=1)
    low = LEGEND_BELOW | {"height": 320 + 24 * len(traces)}
    return publish(
        site, name, traces, low, xaxis=x, yaxis=title(_("R² on the test set")), hovermode="x unified", height=500
    )


@once
def ablations(site: Site, name: str, run: RunResults) -> str:
    """R2 of every changed choice, one row each."""
    groups = studies.ablations(run)
    labels: list[str] = []
    traces, notes, rules = [], [], []
    y = 0.0
    ticks: list[float] = []
    for group, rows in groups:
        y += GROUP
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y - ROW / 2, "yref": "y", "showarrow": False}
        notes.append(place | {"text": group, "font": {"color": paint("ink"), "weight": 600}})
        first = y
        for one in rows:
            value, below, above = interval_of(one.row.r2)
            token = "ink" if one.row.base else "specvit" if one.verdict != "alike" else "ink-3"
            interval = f"[{one.row.r2.lo:.3f}, {one.row.r2.hi:.3f}]"
            traces.append(
                scatter(
                    x=[value],
                    y=[y + ROW / 2],
                    mode="markers",
                    name=f"{group}: {one.row.value}",
                    error_x=bars([below], [above]),
                    marker={"color": paint(token), "size": 9, "symbol": "circle-open" if one.row.base else "circle"},
                    customdata=[[interval, one.row.n_parameters]],
                    hovertemplate=_("R² %{x:.3f} %{customdata[0]}; %{customdata[1]:,} parameters"),
                )
            )
            labels.append(one.row.value)
            ticks.append(y + ROW / 2)
            y += ROW
        base = next((one.row.r2.value for one in rows if one.row.base), None)
        if base is not None:
            line = {"color": paint("ink"), "width": 1}
            rules.append({"type": "line", "x0": base, "x1": base, "y0": first, "y1": y, "line": line})
    axis = {"tickvals": ticks, "ticktext": labels, "range": [y + 6, 0], "showgrid": False, "showline": False}
    return publish(
        site,
        name,
        traces,
        {"height": y + 110},
        xaxis=title(_("R² on the test set")),
        yaxis=axis,
        showlegend=False,
        shapes=rules,
        annotations=notes,
        height=y + 110,
    )


def _training(run: RunResults, column: str, place: dict[str, Any], legend: bool) -> list[Any]:
    out = []
    for _place, curve, model in studies.networks(run):
        values = getattr(curve, column)
        out.append(
            scatter(
                x=[v / 60 for v in values] if column == "seconds" else values,
                y=curve.val_r2,
                mode="lines",
                name=model.title,
                legendgroup=model.name,
                showlegend=legend,
                line=style(model.family, model.family == "specvit")["line"],
                hovertemplate="R² %{y:.3f} at %{x:,.4~g}",
                **place,
            )
        )
    return out


def _stress(run: RunResults, place: dict[str, Any], legend: bool) -> tuple[list[Any], dict[str, Any]]:
    conditions = stress_rows(run)
    models = compared(run)
    out = []
    for j, model in enumerate(models):
        rows = [(i, r2) for i, (_, found) in enumerate(conditions) for one, r2 in found if one == model]
        parts = [interval_of(r2) for _, r2 in rows]
        inside = [p[0] >= LEAST for p in parts]
        own = style(model.family)["marker"]
        out.append(
            scatter(
                x=[max(p[0], LEAST) for p in parts],
                y=[i + (j - (len(models) - 1) / 2) * 0.24 for i, _ in rows],
                mode="markers",
                name=model.title,
                legendgroup=model.name,
                showlegend=legend,
                marker=own | {"symbol": [own["symbol"] if ok else "triangle-left" for ok in inside]},
                error_x=bars(
                    [p[1] * ok for p, ok in zip(parts, inside, strict=True)],
                    [p[2] * ok for p, ok in zip(parts, inside, strict=True)],
                ),
                customdata=[[conditions[i][0], r2.value] for i, r2 in rows],
                hovertemplate="%{customdata[0]}: R² %{customdata[1]:.3f}",
                **place,
            )
        )
    ticks = [wrapped(label, 26).replace("\n", "<br>") for label, _ in conditions]
    axis = {"tickvals": list(range(len(ticks))), "ticktext": ticks, "range": [len(ticks) - 0.5, -0.5]}
    return out, axis | {"showgrid": False}


def _places(panels: list[str], conditions: int, narrow: bool) -> tuple[int, list[tuple[list[float], list[float]]]]:
    """Height of the figure, and (x, y) domains of the panels: small ones side by side, the stress tests below."""
    small = [name for name in panels if name != "stress"]
    heights = [300] * len(small) if narrow else [300] * bool(small)
    heights += [70 + (46 if narrow else 38) * conditions] * ("stress" in panels)
    gap = 76
    total = sum(heights) + gap * (len(heights) - 1)
    tops = [1 - (sum(heights[:k]) + gap * k) / total for k in range(len(heights))]
    rows = [[max(0.0, round(top - h / total, 4)), round(top, 4)] for top, h in zip(tops, heights, strict=True)]
    if narrow:
        return total + 110, [([0.0, 1.0], row) for row in rows]
    wide = (1 - 0.1 * (len(small) - 1)) / max(1, len(small))
    places = [([round(k * (wide + 0.1), 4), round(k * (wide + 0.1) + wide, 4)], rows[0]) for k in range(len(small))]
    return total + 110, places + [([0.2, 1.0], rows[-1])] * ("stress" in panels)


@once
def attention(site: Site, name: str, run: RunResults) -> str:
    """SpecViT against networks without attention, one panel a question."""
    panels, conditions = attention_panels(run), len(studies.stress(run))
    names = [m.name for m in compared(run) if m.name in studies.scaling(run)]
    traces: list[Any] = []
    (height, wide), (tall, slim) = (_places(panels, conditions, narrow) for narrow in (False, True))
    layout: dict[str, Any] = {"height": height, "hovermode": "closest"}
    narrow: dict[str, Any] = {"height": tall}
    for k, what in enumerate(panels):
        suffix, place = panel(k)
        y_axis: dict[str, Any] = {}
        if what == "few":
            traces += [_scaled(run, n, place | {"legendgroup": n, "showlegend": k == 0}) for n in names]
        elif what == "stress":
            more, y_axis = _stress(run, place, k == 0)
            traces += more
        else:
            traces += _training(run, what, place, k == 0)
        y_title, x_title = (_(text) for text in PANEL_TITLES[what])
        x_type = {} if what == "stress" else {"type": "log", "dtick": 1}
        head = {} if what == "stress" else title(y_title)
        layout[f"xaxis{suffix}"] = AXIS | title(x_title, domain=wide[k][0], anchor=f"y{suffix}", **x_type)
        layout[f"yaxis{suffix}"] = head | {"domain": wide[k][1], "anchor": f"x{suffix}"} | y_axis
        narrow[f"xaxis{suffix}"] = {"domain": slim[k][0]}
        narrow[f"yaxis{suffix}"] = {"domain": slim[k][1]}
    return publish(site, name, traces, narrow, **layout)
