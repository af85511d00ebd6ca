"""The tabs of results.html that show studies: calibration histograms, scaling, what attention buys, ablations."""

from typing import Any

from site_builder import findings, published, studies, tables
from site_builder.figures import interactive_studies, labels, pit
from site_builder.figures import studies as drawings
from site_builder.figures.svg import FigureSvg, Margins, draw_figure
from site_builder.i18n import _, said
from site_builder.publish import Site
from site_builder.results import RunResults

SCALING: Margins = (46, 4, 36, 52)
DOTS: Margins = (220, 14, 8, 52)
DOTS_NARROW: Margins = (118, 12, 8, 52)
PANELS: Margins = (46, 12, 74, 52)
PANELS_NARROW: Margins = (46, 12, 104, 52)
SMALL: Margins = (36, 8, 30, 50)


def static(run: RunResults, set_name: str, site: Site) -> dict[str, FigureSvg]:
    """Drawings of the studies that the run has."""
    out = {}
    if run.scaling is not None:
        title = _("R² against the number of distinct training spectra")
        out["scaling"] = draw_figure(
            site, "scaling", title, drawings.scaling(run), (960, 480), (380, 380), SCALING, SCALING
        )
    if run.ablations is not None:
        height = drawings.ablation_height(run)
        title = _("R² with one choice changed at a time")
        sizes = ((960, height), (380, height))
        out["ablations"] = draw_figure(site, "ablations", title, drawings.ablations(run), *sizes, DOTS, DOTS_NARROW)
    panels = drawings.attention_panels(run)
    if panels and len(drawings.compared(run)) > 1:
        title = _("SpecViT against networks without attention")
        small, rows = len(panels) - ("stress" in panels), len(studies.stress(run))
        below = 130 + 38 * rows if rows else 0
        sizes = ((960, 300 * bool(small) + below + 80), (380, 300 * small + (130 + 66 * rows if rows else 0) + 60))
        out["attention"] = draw_figure(site, "attention", title, drawings.attention(run), *sizes, PANELS, PANELS_NARROW)
    if set_name in run.calibration and any(m == run.specvit for m in pit.models(run, set_name)):
        title = _("Where the truth falls in the distributions that {model} states", model=said(run.specvit.title))
        out["pit"] = draw_figure(
            site, "pit", title, pit.draw(run, set_name, run.specvit), (960, 460), (380, 560), SMALL, SMALL
        )
    return out


def live(run: RunResults, set_name: str, site: Site, drawn: dict[str, FigureSvg]) -> dict[str, str]:
    """Addresses of the Plotly figures of the same."""
    make = {
        "scaling": lambda: interactive_studies.scaling(site, "scaling", run),
        "ablations": lambda: interactive_studies.ablations(site, "ablations", run),
        "attention": lambda: interactive_studies.attention(site, "attention", run),
        "pit": lambda: pit.live(site, "pit", run, set_name),
    }
    return {name: make[name]() for name in drawn}


def csvs(run: RunResults, set_name: str, site: Site) -> dict[str, str]:
    """The tables behind them."""
    out = {}
    if run.scaling is not None:
        out["scaling"] = tables.scaling_csv(site, run)
    if run.ablations is not None:
        out["ablations"] = tables.ablations_csv(site, run)
    if run.stress is not None:
        out["stress"] = tables.stress_csv(site, run)
    if set_name in run.calibration:
        out["pit"] = tables.pit_csv(site, run, set_name)
    return out


def context(run: RunResults, set_name: str, curve: str, site: Site) -> dict[str, Any]:
    """Variables of the tabs.

    Args:
        set_name: the test set.
        curve: the set with the brightness bins.
    """
    drawn = static(run, curve, site)
    found, scaled = studies.sizes(run), studies.scaling(run)
    return {
        "study_figs": drawn,
        "study_live": live(run, curve, site, drawn),
        "study_csv": csvs(run, curve, site),
        "pit_models": pit.models(run, curve) if curve in run.calibration else [],
        "scaled": scaled,
        "sizes": found,
        "size_of": {p.point.n_spectra: p.quantity("n_spectra") for points in scaled.values() for p in points},
        "smallest": studies.at_size(run, found[0]) if found else [],
        "most": studies.at_size(run, found[-1]) if found else [],
        "published_scaling": published.scaling(),
        "ablated": studies.ablations(run),
        "stressed": studies.stress(run),
        "stress_models": [m for m in run.run.models if any(m.name in rows for _, rows in studies.stress(run))],
        "rivalries": studies.rivalries(run, set_name),
        "arrivals": studies.arrivals(run),
        "limit_sets": list(run.limits),
        "short": labels.short,
        "calibrated_95": findings.calibrated_bins(run, curve, "coverage95", 0.95),
    }
