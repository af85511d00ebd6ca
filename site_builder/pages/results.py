"""results.html: how well every model does on the synthetic test set, in tabs."""

from typing import Any

from site_builder import comparisons, derived, findings, limits, tables
from site_builder.figures import charts, interactive, interactive_stars, series
from site_builder.figures import limits as limit_charts
from site_builder.figures.svg import Draw, FigureSvg, Margins, draw_figure
from site_builder.i18n import N_, _
from site_builder.pages import results_studies
from site_builder.pages.base import Page
from site_builder.pages.shared import brightness_figure, brightness_label, plots_setup
from site_builder.publish import Site
from site_builder.results import Results, RunResults

PAGE = Page(
    slug="results",
    nav="Results",
    title=N_("Results: log g from faint spectra, model by model · SpecViT"),
    description=N_("Accuracy, calibration and cost of SpecViT and its baselines on synthetic test spectra, with data."),
    template="pages/results.html.j2",
    scripts=("js/plots.js", "js/parts.js"),
)


def _two_models(run: RunResults) -> list[str]:
    """SpecViT and the baseline to fear: the MLP if there is one, else the next model."""
    rival = run.family("mlp") or next((m for m in run.run.models if m.family not in ("specvit", "mean")), None)
    return [run.specvit.name, *([rival.name] if rival else [])]


def _static(run: RunResults, set_name: str, site: Site) -> dict[str, FigureSvg]:
    """The drawings that need no script."""
    two, curve = _two_models(run), findings.curve_set(run).name
    slice_name = series.brightness_slice(run, curve)

    def draw(name: str, title: str, drawing: Draw, height: int, narrow: int, *margins: Margins) -> FigureSvg:
        return draw_figure(site, name, title, drawing, (960, height), (380, narrow), *margins)

    scatter = charts.predicted_true(run, set_name, two, _("True log g (dex)"))
    classes = charts.class_metric(run, set_name, "mae", _("Mean absolute error (dex)"))
    residuals = charts.residuals(run, set_name, two)
    wide, narrow = charts.CLASSES, charts.CLASSES_NARROW
    figures = {
        "curve": brightness_figure(site, run),
        "scatter": draw("predicted-true", _("Predicted against true log g"), scatter, 500, 400, charts.PANELS),
        "classes": draw("mae-classes", _("Mean absolute error by star class"), classes, 400, 430, wide, narrow),
        "residuals": draw("residuals", _("Residuals against the labels"), residuals, 380, 760, charts.PANELS),
        "cost": draw("cost", _("R² against training time"), charts.cost(run, set_name), 400, 330, charts.PLAIN),
    }
    if limits.bins(run, curve):
        figures["gaps"] = draw_figure(
            site,
            "limit-gaps",
            _("R² that each model leaves below the Bayes limit"),
            limit_charts.gaps(run, curve, brightness_label(slice_name)),
            (960, 420),
            (380, 360),
            charts.CURVES,
        )
    if run.specvit.has_sigma:
        drawing = charts.calibration(run, curve, slice_name, brightness_label(slice_name))
        figures["calibration"] = draw("calibration", _("Coverage of the intervals"), drawing, 400, 330, charts.PLAIN)
    if run.history is not None and run.history.curves:
        drawing = charts.training(run)
        figures["training"] = draw("training", _("Validation R² while training"), drawing, 400, 330, charts.PLAIN)
    return figures


def _live(run: RunResults, set_name: str, site: Site) -> dict[str, str]:
    """Addresses of the Plotly figures."""
    two, curve = _two_models(run), findings.curve_set(run).name
    slice_name = series.brightness_slice(run, curve)
    x = brightness_label(slice_name)
    mae = _("Mean absolute error (dex)")
    figures = {
        "curve": interactive.curves(
            site,
            "r2-brightness",
            run,
            curve,
            slice_name,
            "r2",
            _("R² of log g"),
            x,
            limit_charts.traces(run, curve),
            560,
        ),
        "scatter": interactive_stars.predicted_true(site, "predicted-true", run, set_name, two, _("True log g (dex)")),
        "classes": interactive.class_metric(site, "mae-classes", run, set_name, "mae", mae),
        "residuals": interactive_stars.residuals(site, "residuals", run, set_name, two),
        "cost": interactive.cost(site, "cost", run, set_name),
    }
    if limits.bins(run, curve):
        figures["gaps"] = limit_charts.live_gaps(site, "limit-gaps", run, curve, x)
    if run.specvit.has_sigma:
        figures["calibration"] = interactive.calibration(site, "calibration", run, curve, slice_name, x)
    if run.history is not None and run.history.curves:
        figures["training"] = interactive.training(site, "training", run)
    return figures


def _compared(site: Site, shared: comparisons.Shared) -> FigureSvg:
    """The drawing of one set that several runs share."""
    above = 20 * len(shared.runs) + 10
    height, name = 74 + above + 30 * len(shared.models), f"shared-{shared.runs[0].name}-{shared.info.name}"
    title = _("R² of several runs on the same spectra")
    wide, narrow = charts.CLASSES, charts.CLASSES_NARROW
    margins = ((190, wide[1], above, wide[3]), (130, narrow[1], above, narrow[3]))
    return draw_figure(site, name, title, comparisons.draw(shared), (960, height), (380, height), *margins)


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    run = results.main
    info = run.sets("synthetic")[0]
    slice_name = series.brightness_slice(run, info.name)
    curve = findings.curve_set(run)
    rival = run.family("mlp")
    compared = comparisons.shared_sets(list(results.runs.values()))
    beside = [run, *(r for shared in compared if run in shared.runs for r in shared.runs)]
    others = [(r, r.sets("synthetic")[0]) for r in results.runs.values() if r not in beside and r.sets("synthetic")]
    return results_studies.context(run, info.name, curve.name, site) | {
        "run": run,
        "info": info,
        "set_index": run.run.sets.index(info),
        "n_others": derived.others(results.length(run.path, "/models")),
        "slice": slice_name,
        "columns": series.bins(run, info.name, slice_name),
        "classes": run.rows(info.name, "class", run.specvit.name),
        "figs": _static(run, info.name, site),
        "live": _live(run, info.name, site),
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
        "comparisons": compared,
        "comparison_figs": [_compared(site, shared) for shared in compared],
        "plots_setup": plots_setup(site),
        "close": limits.CLOSE,
        "bin_names": limits.names,
        "reach": limits.reach(run, curve.name, run.specvit),
        "ceiling": limits.ceiling(run, curve.name),
        "limits_csv": limit_charts.table_csv(site, run, curve.name) if curve.name in run.limits else None,
    }
