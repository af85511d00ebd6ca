"""Plotly figures of the studies: scaling, ablations, what attention buys, calibration histograms."""

from typing import Any

from site_builder import published, studies
from site_builder.design import FAMILIES, paint
from site_builder.figures.plotly_base import (
    AXIS,
    LEGEND_BELOW,
    bars,
    panel,
    publish,
    rows_domain,
    scatter,
    style,
    title,
)
from site_builder.figures.studies import GROUP, PANEL_TITLES, ROW, attention_panels, wrapped
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
        hovertemplate="%{y:.3f} %{customdata[0]}; %{customdata[1]:,} shown or fitted to",
        **style(model.family, model.family == "specvit"),
        **place,
    )


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
                name=f"{curve.work}, as published",
                opacity=0.8,
                line={"color": colour, "width": 1, "dash": "dot"},
                marker={"color": colour, "size": 6, "symbol": own.plotly_marker.removesuffix("-open") + "-open"},
                hovertemplate="%{y:.3f}",
            )
        )
    x = title("Distinct training spectra", type="log", dtick=1)
    low = LEGEND_BELOW | {"height": 320 + 24 * len(traces)}
    return publish(
        site, name, traces, low, xaxis=x, yaxis=title("R² on the test set"), hovermode="x unified", height=500
    )


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
                    hovertemplate="R² %{x:.3f} %{customdata[0]}; %{customdata[1]:,} parameters",
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
        xaxis=title("R² on the test set"),
        yaxis=axis,
        showlegend=False,
        shapes=rules,
        annotations=notes,
        height=y + 110,
    )


def _training(run: RunResults, column: str, place: dict[str, Any], legend: bool) -> list[Any]:
    out = []
    for _, curve, model in studies.networks(run):
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
    conditions = studies.stress(run)
    names = list(dict.fromkeys(n for _, rows in conditions for n in rows))
    out = []
    for j, name in enumerate(names):
        model = run.model(name)
        rows = [(i, rows[name]) for i, (_, rows) in enumerate(conditions) if name in rows]
        parts = [interval_of(r.row.r2) for _, r in rows]
        out.append(
            scatter(
                x=[p[0] for p in parts],
                y=[i + (j - (len(names) - 1) / 2) * 0.22 for i, _ in rows],
                mode="markers",
                name=model.title,
                legendgroup=model.name,
                showlegend=legend,
                marker=style(model.family)["marker"],
                error_x=bars([p[1] for p in parts], [p[2] for p in parts]),
                customdata=[[r.row.label, r.row.bias.value] for _, r in rows],
                hovertemplate="%{customdata[0]}: R² %{x:.3f}, bias %{customdata[1]:+.3f} dex",
                **place,
            )
        )
    ticks = [wrapped(label, 22).replace("\n", "<br>") for label, _ in conditions]
    axis = {"tickvals": list(range(len(ticks))), "ticktext": ticks, "range": [len(ticks) - 0.5, -0.5]}
    return out, axis | {"showgrid": False}


def attention(site: Site, name: str, run: RunResults) -> str:
    """SpecViT against networks without attention, one panel a question."""
    panels = attention_panels(run)
    traces: list[Any] = []
    layout: dict[str, Any] = {"height": 380 * ((len(panels) + 1) // 2), "hovermode": "closest"}
    narrow: dict[str, Any] = {"height": 330 * len(panels)}
    rows = (len(panels) + 1) // 2
    for k, what in enumerate(panels):
        suffix, place = panel(k)
        y_axis: dict[str, Any] = {}
        if what == "few":
            few = [n for n in studies.scaling(run) if run.model(n).family in ("specvit", *studies.RIVALS)]
            traces += [_scaled(run, n, place | {"legendgroup": n, "showlegend": k == 0}) for n in few]
        elif what == "stress":
            more, y_axis = _stress(run, place, k == 0)
            traces += more
        else:
            traces += _training(run, what, place, k == 0)
        y_title, x_title = PANEL_TITLES[what]
        left = 0.0 if k % 2 == 0 else 0.58
        x_type = {} if what == "stress" else {"type": "log", "dtick": 1}
        layout[f"xaxis{suffix}"] = AXIS | title(x_title, domain=[left, left + 0.42], anchor=f"y{suffix}", **x_type)
        head = {} if what == "stress" else title(y_title)
        layout[f"yaxis{suffix}"] = head | {"domain": rows_domain(k // 2, rows, 0.13), "anchor": f"x{suffix}"} | y_axis
        narrow[f"xaxis{suffix}"] = {"domain": [0, 1]}
        narrow[f"yaxis{suffix}"] = {"domain": rows_domain(k, len(panels), 0.08)}
    return publish(site, name, traces, narrow, **layout)
