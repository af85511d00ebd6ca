"""Plotly figures of metrics: curves, star classes, calibration, training, cost."""

from typing import Any

from site_builder.design import STAR_CLASSES, paint
from site_builder.figures import series as s
from site_builder.figures.plotly_base import LEGEND_BELOW, bars, once, publish, scatter, style, title
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.results import RunResults
from site_builder.stars import class_word


def brightness_axis(text: str, run: RunResults, set_name: str, slice_name: str) -> dict[str, Any]:
    """Axis of brightness: magnitudes, or a logarithmic axis of SNR with a tick at each bin."""
    if slice_name != "snr":
        return title(text)
    ticks = [s.position(row) for row in s.bins(run, set_name, slice_name)]
    return title(text, type="log", tickvals=ticks, ticktext=[f"{t:.0f}" for t in ticks])


@once
def curves(
    site: Site,
    name: str,
    run: RunResults,
    set_name: str,
    slice_name: str,
    metric: str,
    y: str,
    x: str,
    extra: list[Any] | None = None,
    height: int = 440,
) -> str:
    """A metric against brightness, all models, with intervals; ``extra`` traces are drawn below them."""
    traces = list(extra or [])
    for one in s.metric_series(run, set_name, slice_name, metric):
        interval = [f"[{v - b:.3f}, {v + a:.3f}]" for v, b, a in zip(one.y, one.below, one.above, strict=True)]
        traces.append(
            scatter(
                x=one.x,
                y=one.y,
                name=one.model.title,
                mode="lines+markers",
                error_y=bars(one.below, one.above),
                customdata=[list(pair) for pair in zip(interval, one.n, strict=True)],
                hovertemplate="%{y:.3f} %{customdata[0]}, n = %{customdata[1]}",
                **style(one.model.family, one.model.family == "specvit"),
            )
        )
    axis = brightness_axis(x, run, set_name, slice_name)
    y_axis = title(y)
    if extra and metric == "r2":  # the bound falls far below zero; the models decide what is shown
        low = min(min(one.y) for one in s.metric_series(run, set_name, slice_name, metric))
        y_axis = title(y, range=[min(0.0, max(low - 0.05, -0.6)), 1.0])
    narrow = LEGEND_BELOW | {"height": 330 + 24 * len(traces)} if len(traces) > 5 else None
    return publish(site, name, traces, narrow, xaxis=axis, yaxis=y_axis, hovermode="x unified", height=height)


@once
def class_metric(site: Site, name: str, run: RunResults, set_name: str, metric: str, x: str) -> str:
    """A metric per star class and model, with intervals."""
    present = [c for c in STAR_CLASSES if any(r.row.label == c for r in run.rows(set_name, "class"))]
    models = [m for m in run.run.models if run.rows(set_name, "class", m.name)]
    places = list(range(len(present), 0, -1))
    traces = []
    for j, model in enumerate(models):
        rows = [run.row(set_name, model.name, "class", c) for c in present]
        parts = [s.interval_of(getattr(r.row, metric)) if r else (None, 0.0, 0.0) for r in rows]
        offset = (j - (len(models) - 1) / 2) * s.class_step(len(models))
        traces.append(
            scatter(
                x=[p[0] for p in parts],
                y=[place - offset for place in places],
                mode="markers",
                name=model.title,
                marker=style(model.family, model.family == "specvit")["marker"],
                error_x=bars([p[1] for p in parts], [p[2] for p in parts]),
                customdata=[[class_word(c, "Many"), r.row.n if r else 0] for c, r in zip(present, rows, strict=True)],
                hovertemplate="%{customdata[0]} (n = %{customdata[1]}): %{x:.3f} dex",
            )
        )
    ticks = {"tickvals": places, "ticktext": [class_word(c, "Many") for c in present], "showgrid": False}
    return publish(site, name, traces, xaxis=title(x, rangemode="tozero"), yaxis=ticks)


@once
def calibration(site: Site, name: str, run: RunResults, set_name: str, slice_name: str, x: str) -> str:
    """Coverage of the stated intervals per bin."""
    traces = []
    for model in run.run.models:
        rows = [r for r in s.model_bins(run, set_name, slice_name, model.name) if r.row.coverage68 is not None]
        for field, nominal in (("coverage68", "68 %"), ("coverage95", "95 %")):
            if rows:
                traces.append(
                    scatter(
                        x=[s.position(r) for r in rows],
                        y=[100 * getattr(r.row, field) for r in rows],
                        mode="lines+markers",
                        name=_("{model}, {nominal} interval", model=model.title, nominal=nominal),
                        hovertemplate=_("%{y:.1f} % of stars"),
                        **style(model.family),
                    )
                )
    ink = {"color": paint("ink"), "width": 1}
    lines: list[dict[str, Any]] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": v, "y1": v, "line": ink} for v in s.NOMINAL
    ]
    axis = brightness_axis(x, run, set_name, slice_name)
    return publish(site, name, traces, xaxis=axis, yaxis=title(_("Stars within the interval (%)")), shapes=lines)


@once
def training(site: Site, name: str, run: RunResults) -> str:
    """R2 on the validation set against spectra shown."""
    history = run.history
    assert history is not None
    traces = []
    for curve in history.curves:
        model = run.model(curve.model)
        traces.append(
            scatter(
                x=curve.presentations,
                y=curve.val_r2,
                mode="lines",
                name=model.title,
                line=style(model.family, model.family == "specvit")["line"],
                customdata=[[t / 60, m] for t, m in zip(curve.seconds, curve.val_mae, strict=True)],
                hovertemplate=_("R² %{y:.3f}, MAE %{customdata[1]:.3f} dex after %{customdata[0]:.1f} min"),
            )
        )
    low = max(-0.05, min(min(c.val_r2) for c in history.curves))
    high = min(1.0, 1.12 * max(max(c.val_r2) for c in history.curves))
    x = title(_("Spectra shown, each with fresh noise"), type="log")
    return publish(site, name, traces, xaxis=x, yaxis=title(_("R² on the validation set"), range=[low, high]))


@once
def cost(site: Site, name: str, run: RunResults, set_name: str) -> str:
    """R2 on the test set against training time."""
    traces = []
    for model in run.run.models:
        row = run.row(set_name, model.name)
        if row is None or model.family == "mean" or model.train_seconds <= 0:
            continue
        value, below, above = s.interval_of(row.row.r2)
        traces.append(
            scatter(
                x=[model.train_seconds / 60],
                y=[value],
                mode="markers",
                name=model.title,
                marker=style(model.family)["marker"] | {"size": 12},
                error_y=bars([below], [above]),
                customdata=[[model.n_parameters, model.n_spectra]],
                hovertemplate=_(
                    "R² %{y:.3f} after %{x:.1f} min; %{customdata[0]:,} parameters, %{customdata[1]:,} spectra shown"
                ),
            )
        )
    x = title(_("Training time on the machine of the run (minutes)"), type="log")
    return publish(site, name, traces, xaxis=x, yaxis=title(_("R² on the test set")))
