"""results.html: how well every model does on the synthetic test set, in tabs."""

from typing import Any

from site_builder import findings, tables
from site_builder.figures import charts, interactive, series
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.pages.base import Page
from site_builder.pages.shared import brightness_figure, brightness_label, plots_setup
from site_builder.publish import Site
from site_builder.results import Results, RunResults

PAGE = Page(
    slug="results",
    nav="Results",
    title="Results: log g from faint spectra, model by model · SpecViT",
    description="Accuracy, calibration and cost of SpecViT and its baselines on synthetic test spectra, with intervals and data.",
    template="pages/results.html.j2",
    scripts=("js/plots.js",),
    plotly=True,
)


def _two_models(run: RunResults) -> list[str]:
    """SpecViT and the baseline to fear: the MLP if there is one, else the next model."""
    rival = run.family("mlp") or next((m for m in run.run.models if m.family not in ("specvit", "mean")), None)
    return [run.specvit.name, *([rival.name] if rival else [])]


def _figures(run: RunResults, set_name: str, curve: str, site: Site) -> tuple[dict[str, FigureSvg], dict[str, str]]:
    slice_name = series.brightness_slice(run, curve)
    x, two = brightness_label(slice_name), _two_models(run)
    static = {
        "curve": brightness_figure(site, run),
        "scatter": draw_figure(site, "predicted-true", "Predicted against true log g", charts.predicted_true(run, set_name, two, "True log g (dex)"), (960, 500), (380, 400), charts.PANELS),
        "classes": draw_figure(site, "mae-classes", "Mean absolute error by star class", charts.class_metric(run, set_name, "mae", "Mean absolute error (dex)"), (960, 400), (380, 430), charts.CLASSES, charts.CLASSES_NARROW),
        "residuals": draw_figure(site, "residuals", "Residuals against log g, Teff and [M/H]", charts.residuals(run, set_name, two), (960, 380), (380, 760), charts.PANELS),
        "cost": draw_figure(site, "cost", "R² against training time", charts.cost(run, set_name), (960, 400), margins=charts.PLAIN),
    }
    live = {
        "curve": interactive.curves(site, "r2-brightness", run, curve, slice_name, "r2", "R² of log g", x),
        "scatter": interactive.predicted_true(site, "predicted-true", run, set_name, two, "True log g (dex)"),
        "classes": interactive.class_metric(site, "mae-classes", run, set_name, "mae", "Mean absolute error (dex)"),
        "residuals": interactive.residuals(site, "residuals", run, set_name, two),
        "cost": interactive.cost(site, "cost", run, set_name),
    }
    if run.specvit.has_sigma:
        static["calibration"] = draw_figure(site, "calibration", "Coverage of the stated intervals", charts.calibration(run, curve, slice_name, x), (960, 400), margins=charts.PLAIN)
        live["calibration"] = interactive.calibration(site, "calibration", run, curve, slice_name, x)
    if run.history is not None and run.history.curves:
        static["training"] = draw_figure(site, "training", "Validation R² while training", charts.training(run), (960, 400), margins=charts.PLAIN)
        live["training"] = interactive.training(site, "training", run)
    return static, live


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    run = results.main
    info = run.sets("synthetic")[0]
    slice_name = series.brightness_slice(run, info.name)
    curve = findings.curve_set(run)
    static, live = _figures(run, info.name, curve.name, site)
    rival = run.family("mlp")
    others = [(r, r.sets("synthetic")[0]) for r in results.runs.values() if r is not run and r.sets("synthetic")]
    return {
        "run": run,
        "info": info,
        "set_index": run.run.sets.index(info),
        "slice": slice_name,
        "columns": series.bins(run, info.name, slice_name),
        "classes": run.rows(info.name, "class", run.specvit.name),
        "figs": static,
        "live": live,
        "two": [run.model(name) for name in _two_models(run)],
        "overall": findings.compare(run, info.name),
        "by": findings.by,
        "ends": findings.ends(run, curve.name),
        "tally": findings.tally(run, curve.name, rival) if rival else None,
        "worst": findings.worst_class(run, info.name),
        "calibrated": findings.calibrated_bins(run, curve.name),
        "csv": {name: tables.metrics_csv(site, run, info.name, name) for name in ("all", slice_name, "class")},
        "curve": curve,
        "curve_row": run.row(curve.name, run.specvit.name),
        "curve_csv": tables.metrics_csv(site, run, curve.name, series.brightness_slice(run, curve.name)),
        "curve_path": run.file(f"metrics.{curve.name}.json"),
        "history_csv": tables.history_csv(site, run) if run.history else None,
        "cost_csv": tables.cost_csv(site, run, info.name),
        "metrics_path": run.file(f"metrics.{info.name}.json"),
        "predictions_path": run.file(f"predictions.{info.name}.json"),
        "others": others,
        "plots_setup": plots_setup(site),
    }
