"""What several pages need."""

from typing import Any

from site_builder import findings, i18n
from site_builder.design import stand_ins
from site_builder.figures import charts, limits, series
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.figures.tour import draw_tour
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.results import RunResults
from site_builder.stars import Star
from site_builder.tour import STEPS, tour_of


def plots_setup(site: Site) -> dict[str, Any]:
    """What ``static/js/plots.js`` reads: where Plotly is, and which stand-in is which token."""
    return {
        "plotly": site.asset("vendor/plotly/plotly-basic.min.js"),
        "style": site.asset("css/plotly.css"),
        "standIns": stand_ins(),
    }


def brightness_label(slice_name: str) -> str:
    """Axis label of the brightness slice."""
    if slice_name == "magnitude":
        return _("Magnitude")
    return _("SNR per pixel")


def brightness_figure(site: Site, run: RunResults) -> FigureSvg:
    """R2 of every model against brightness: on the home page and on that of the results, drawn once."""
    key = f"brightness {run.name} {i18n.language().code}"
    if key not in site.shared:
        curve = findings.curve_set(run).name
        slice_name = series.brightness_slice(run, curve)
        over = limits.overlay(run, curve)
        drawing = charts.curves(run, curve, slice_name, "r2", _("R² of log g"), brightness_label(slice_name), over)
        title = _("R² of every model against brightness")
        if over:
            title = _("R² of every model against brightness, with the limits of any estimator")
        wide, narrow = ((960, 580), (380, 420)) if over else ((960, 480), (380, 330))
        site.shared[key] = draw_figure(site, "r2-brightness", title, drawing, wide, narrow, charts.CURVES)
    figure: FigureSvg = site.shared[key]
    return figure


def tour_variables(stars: list[Star], site: Site, first: int) -> dict[str, Any]:
    """Variables of the guided tour on a page that has its steps from one on."""
    tour = tour_of(stars)
    return {"tour": tour, "tour_figs": {} if tour is None else draw_tour(site, tour), "first": first, "steps": STEPS}
