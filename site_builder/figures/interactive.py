"""Plotly figures, made here in Python and drawn by the vendored plotly-basic.

They are published as JSON with the stand-in colours of ``design.paint``; ``static/js/plots.js`` puts
the colours of the theme in. plotly-basic has no heat map (and heat maps need inline styles), so a
density is drawn as filled outlines of its cells.
"""

from typing import Any

import numpy as np

from site_builder.design import FAMILIES, SANS, STAR_CLASSES, paint
from site_builder.figures import series as s
from site_builder.figures.charts import LABELS, axis_range
from site_builder.publish import Site
from site_builder.results import RunResults

AXIS = {
    "gridcolor": paint("grid"),
    "linecolor": paint("rule-strong"),
    "zeroline": False,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": paint("rule-strong"),
    "showline": True,
    "automargin": True,
}
LAYOUT: dict[str, Any] = {
    "font": {"family": SANS, "size": 13, "color": paint("ink-2")},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 56, "r": 16, "t": 48, "b": 52},
    "hoverlabel": {"bgcolor": paint("paper"), "bordercolor": paint("rule-strong"), "font": {"family": SANS, "color": paint("ink")}},
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    "height": 440,
}


def publish(site: Site, name: str, traces: list[Any], **layout: Any) -> str:
    """Publish ``data/figures/<name>.plotly.json`` and return its address."""
    import plotly.graph_objects as go

    axes = {k: AXIS | v for k, v in layout.items() if k.startswith(("xaxis", "yaxis"))}
    rest = {k: v for k, v in layout.items() if k not in axes}
    figure = go.Figure(data=traces, layout=go.Layout(**(LAYOUT | rest | axes), template={}))
    return site.publish_json(f"figures/{name}.plotly.json", figure.to_plotly_json())


def _line(family: str, lead: bool = False) -> dict[str, Any]:
    style = FAMILIES[family]
    colour = paint(style.token)
    return {
        "line": {"color": colour, "dash": style.plotly_dash, "width": 2.6 if lead else 1.6},
        "marker": {"color": colour, "symbol": style.plotly_marker, "size": 9 if lead else 7},
    }


def curves(site: Site, name: str, run: RunResults, set_name: str, slice_name: str, metric: str, y: str, x: str) -> str:
    """A metric against brightness, all models, with intervals."""
    import plotly.graph_objects as go

    traces = []
    for one in s.metric_series(run, set_name, slice_name, metric):
        traces.append(
            go.Scatter(
                x=one.x, y=one.y, name=one.model.title, mode="lines+markers",
                error_y={"type": "data", "symmetric": False, "array": one.above, "arrayminus": one.below, "thickness": 1.2, "width": 0},
                customdata=[[f"[{v - b:.3f}, {v + a:.3f}]", n] for v, b, a, n in zip(one.y, one.below, one.above, one.n, strict=True)],
                hovertemplate="%{y:.3f} %{customdata[0]}, n = %{customdata[1]}",
                **_line(one.model.family, one.model.family == "specvit"),
            )
        )
    axis: dict[str, Any] = {"title": {"text": x}}
    if slice_name == "snr":
        axis |= {"type": "log"}
    return publish(site, name, traces, xaxis=axis, yaxis={"title": {"text": y}}, hovermode="x unified")


def predicted_true(site: Site, name: str, run: RunResults, set_name: str, models: list[str], x: str) -> str:
    """Predicted against true log g, one panel a model, as filled cells."""
    import plotly.graph_objects as go

    table = run.predictions[set_name]
    true = np.asarray(table.logg)
    lo, hi = axis_range(true)
    traces: list[Any] = []
    layout: dict[str, Any] = {"hovermode": "closest", "showlegend": False, "height": 480, "annotations": []}
    for k, model in enumerate(models):
        suffix = "" if k == 0 else str(k + 1)
        family = run.model(model).family
        predicted = np.asarray(table.predicted[model])
        d = s.density(true, predicted, lo, hi)
        for i, level in enumerate(d.levels):
            cells = s.cells_of(d, level)
            xs = [v for cx, _, z in cells for v in (cx, cx + z, cx + z, cx, cx, None)]
            ys = [v for _, cy, z in cells for v in (cy, cy, cy + z, cy + z, cy, None)]
            text = f"{level[0]} star" if level[1] == 1 else f"{level[0]} to {level[1]} stars"
            traces.append(
                go.Scatter(
                    x=[None if v is None else round(v, 4) for v in xs], y=[None if v is None else round(v, 4) for v in ys],
                    mode="lines", fill="toself", fillcolor=paint(FAMILIES[family].token), opacity=round(0.14 + 0.82 * i / max(1, len(d.levels) - 1), 3),
                    line={"width": 0}, hoveron="fills", name=f"{text} per cell", hoverinfo="name", xaxis=f"x{suffix}", yaxis=f"y{suffix}",
                )
            )
        middle = s.running(true, predicted, 12)
        traces.append(go.Scatter(x=[lo, hi], y=[lo, hi], mode="lines", line={"color": paint("ink"), "width": 1}, hoverinfo="skip", xaxis=f"x{suffix}", yaxis=f"y{suffix}"))
        traces.append(
            go.Scatter(x=middle.x, y=middle.median, mode="lines+markers", name="median prediction", line={"color": paint("ink"), "width": 1.6, "dash": "dash"},
                       marker={"size": 5, "color": paint("ink")}, hovertemplate="median prediction %{y:.2f} at %{x:.2f}<extra></extra>", xaxis=f"x{suffix}", yaxis=f"y{suffix}")
        )
        width = 1 / len(models)
        layout[f"xaxis{suffix}"] = {"title": {"text": x}, "range": [lo, hi], "domain": [k * width + 0.03 * (k > 0), (k + 1) * width - 0.03 * (k + 1 < len(models))]}
        layout[f"yaxis{suffix}"] = {"range": [lo, hi], "anchor": f"x{suffix}", "title": {"text": "Predicted log g (dex)" if k == 0 else ""}}
        layout["annotations"].append({"text": run.model(model).title, "xref": f"x{suffix} domain", "yref": "paper", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"color": paint("ink")}})
    return publish(site, name, traces, **layout)


def class_metric(site: Site, name: str, run: RunResults, set_name: str, metric: str, x: str) -> str:
    """A metric per star class and model, with intervals."""
    import plotly.graph_objects as go

    present = [c for c in STAR_CLASSES if any(r.row.label == c for r in run.rows(set_name, "class"))]
    models = [m for m in run.run.models if run.rows(set_name, "class", m.name)]
    traces = []
    for j, model in enumerate(models):
        rows = [run.row(set_name, model.name, "class", c) for c in present]
        parts = [s.interval_of(getattr(r.row, metric)) if r else (None, 0.0, 0.0) for r in rows]
        line = _line(model.family, model.family == "specvit")
        traces.append(
            go.Scatter(
                x=[p[0] for p in parts], y=[i - (j - (len(models) - 1) / 2) * 0.13 for i in range(len(present), 0, -1)], mode="markers", name=model.title, marker=line["marker"],
                error_x={"type": "data", "symmetric": False, "array": [p[2] for p in parts], "arrayminus": [p[1] for p in parts], "width": 0, "thickness": 1.2},
                customdata=[[c, r.row.n if r else 0] for c, r in zip(present, rows, strict=True)],
                hovertemplate="%{customdata[0]}s (n = %{customdata[1]}): %{x:.3f} dex",
            )
        )
    ticks = {"tickvals": list(range(len(present), 0, -1)), "ticktext": [f"{c.capitalize()}s" for c in present], "showgrid": False}
    return publish(site, name, traces, xaxis={"title": {"text": x}, "rangemode": "tozero"}, yaxis=ticks, hovermode="closest")


def residuals(site: Site, name: str, run: RunResults, set_name: str, models: list[str]) -> str:
    """Median residual and central 68 % against each label."""
    import plotly.graph_objects as go

    table = run.predictions[set_name]
    true = np.asarray(table.logg)
    traces: list[Any] = []
    layout: dict[str, Any] = {"hovermode": "closest"}
    for k, (column, text) in enumerate(LABELS):
        suffix = "" if k == 0 else str(k + 1)
        place = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        for model in models:
            r = s.running(np.asarray(getattr(table, column)), np.asarray(table.predicted[model]) - true)
            line = _line(run.model(model).family)
            traces.append(
                go.Scatter(x=r.x + r.x[::-1], y=r.hi + r.lo[::-1], fill="toself", mode="lines", line={"width": 0}, fillcolor=line["line"]["color"],
                           opacity=0.13, hoverinfo="skip", showlegend=False, **place)
            )
            traces.append(
                go.Scatter(x=r.x, y=r.median, mode="lines+markers", name=run.model(model).title, legendgroup=model, showlegend=k == 0,
                           customdata=[[lo, hi, n] for lo, hi, n in zip(r.lo, r.hi, r.n, strict=True)],
                           hovertemplate="median %{y:.3f}, 68 % in [%{customdata[0]:.2f}, %{customdata[1]:.2f}], n = %{customdata[2]}", **line, **place)
            )
        layout[f"xaxis{suffix}"] = {"title": {"text": text}, "domain": [k / 3 + 0.02 * (k > 0), (k + 1) / 3 - 0.02]}
        layout[f"yaxis{suffix}"] = {"anchor": f"x{suffix}", "matches": "y" if k else None, "zeroline": True, "zerolinecolor": paint("ink"),
                                    "title": {"text": "Predicted − true log g (dex)" if k == 0 else ""}, "showticklabels": k == 0}
    return publish(site, name, traces, **layout)


def calibration(site: Site, name: str, run: RunResults, set_name: str, slice_name: str, x: str) -> str:
    """Coverage of the stated intervals per bin."""
    import plotly.graph_objects as go

    traces = []
    for model in run.run.models:
        rows = sorted(run.rows(set_name, slice_name, model.name), key=lambda r: r.row.lo or 0.0)
        for field, nominal in (("coverage68", "68 %"), ("coverage95", "95 %")):
            ys = [getattr(r.row, field) for r in rows]
            if not ys or ys[0] is None:
                continue
            xs = [r.row.median_snr if slice_name == "snr" else ((r.row.lo or 0) + (r.row.hi or 0)) / 2 for r in rows]
            traces.append(
                go.Scatter(x=xs, y=[100 * v for v in ys], mode="lines+markers", name=f"{model.title}, {nominal} interval",
                           hovertemplate="%{y:.1f} % of stars", **_line(model.family))
            )
    lines = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": v, "y1": v, "line": {"color": paint("ink"), "width": 1}} for v in (68.27, 95)
    ]
    axis = {"title": {"text": x}} | ({"type": "log"} if slice_name == "snr" else {})
    return publish(site, name, traces, xaxis=axis, yaxis={"title": {"text": "Stars within the interval (%)"}}, shapes=lines, hovermode="closest")


def training(site: Site, name: str, run: RunResults) -> str:
    """R2 on the validation set against spectra shown."""
    import plotly.graph_objects as go

    history = run.history
    assert history is not None
    traces = []
    for curve in history.curves:
        model = run.model(curve.model)
        line = _line(model.family, model.family == "specvit")
        traces.append(
            go.Scatter(x=curve.presentations, y=curve.val_r2, mode="lines", name=model.title, line=line["line"],
                       customdata=[[t / 60, m] for t, m in zip(curve.seconds, curve.val_mae, strict=True)],
                       hovertemplate="R² %{y:.3f}, MAE %{customdata[1]:.3f} dex after %{customdata[0]:.1f} min")
        )
    low = max(-0.05, min(min(c.val_r2) for c in history.curves))
    return publish(site, name, traces, xaxis={"type": "log", "title": {"text": "Spectra shown, each with fresh noise"}},
                   yaxis={"title": {"text": "R² on the validation set"}, "range": [low, min(1.0, 1.12 * max(max(c.val_r2) for c in history.curves))]}, hovermode="closest")


def cost(site: Site, name: str, run: RunResults, set_name: str) -> str:
    """R2 on the test set against training time."""
    import plotly.graph_objects as go

    traces = []
    for model in run.run.models:
        row = run.row(set_name, model.name)
        if row is None or model.family == "mean" or model.train_seconds <= 0:
            continue
        value, below, above = s.interval_of(row.row.r2)
        line = _line(model.family, model.family == "specvit")
        traces.append(
            go.Scatter(x=[model.train_seconds / 60], y=[value], mode="markers", name=model.title, marker=line["marker"] | {"size": 12},
                       error_y={"type": "data", "symmetric": False, "array": [above], "arrayminus": [below], "width": 0, "thickness": 1.2},
                       customdata=[[model.n_parameters, model.n_spectra]],
                       hovertemplate="R² %{y:.3f} after %{x:.1f} min; %{customdata[0]:,} parameters, %{customdata[1]:,} spectra shown")
        )
    return publish(site, name, traces, xaxis={"type": "log", "title": {"text": "Training time on the machine of the run (minutes)"}},
                   yaxis={"title": {"text": "R² on the test set"}}, hovermode="closest")


def stars(site: Site, name: str, run: RunResults, set_name: str, model: str) -> str:
    """Every observed star: predicted against catalogue log g, shape and colour by class."""
    import plotly.graph_objects as go

    table = run.predictions[set_name]
    true, predicted = np.asarray(table.logg), np.asarray(table.predicted[model])
    sigma = np.asarray(table.sigma.get(model, np.zeros(len(true))))
    ids = table.id or [str(i) for i in range(len(true))]
    lo, hi = axis_range(true)
    edges = {"giant": (-np.inf, 2.5), "subgiant": (2.5, 3.5), "dwarf": (3.5, np.inf)}
    traces: list[Any] = [go.Scatter(x=[lo, hi], y=[lo, hi], mode="lines", line={"color": paint("ink"), "width": 1}, hoverinfo="skip", showlegend=False)]
    for key, style in STAR_CLASSES.items():
        pick = np.flatnonzero((true >= edges[key][0]) & (true < edges[key][1]))
        traces.append(
            go.Scatter(
                x=true[pick].tolist(), y=predicted[pick].tolist(), mode="markers", name=f"{key.capitalize()}s",
                marker={"symbol": style.plotly_marker, "color": paint(style.token), "size": 5, "opacity": 0.55},
                customdata=[[ids[i], round(float(sigma[i]), 2), round(table.teff[i]), table.mh[i], round(table.snr[i])] for i in pick.tolist()],
                hovertemplate="%{customdata[0]}<br>catalogue %{x:.2f}, predicted %{y:.2f} ± %{customdata[1]}<br>%{customdata[2]} K, [M/H] %{customdata[3]:.2f}, SNR %{customdata[4]}<extra></extra>",
            )
        )
    return publish(site, name, traces, xaxis={"title": {"text": "Catalogue log g (dex)"}, "range": [lo, hi]},
                   yaxis={"title": {"text": "Predicted log g (dex)"}, "range": [lo - 0.3, hi + 0.3]}, hovermode="closest", height=560)
