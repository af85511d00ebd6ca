"""transfer.html: from synthetic spectra to observed stars; experiments, else sets that runs were tried on."""

from dataclasses import dataclass
from typing import Any

from site_builder import findings, published, tables
from site_builder.contract.schema import InstrumentFile, SetInfo
from site_builder.figures import charts, interactive, interactive_stars, series
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.i18n import N_, _
from site_builder.pages.base import Page
from site_builder.pages.shared import brightness_label, plots_setup
from site_builder.pages.transfer_experiments import shown_experiments
from site_builder.publish import Site
from site_builder.results import Quantity, Results, Row, RunResults
from site_builder.transfers import covered_surveys

PAGE = Page(
    slug="transfer",
    nav=N_("Transfer"),
    title=N_("Transfer: from synthetic spectra to observed stars · SpecViT"),
    description=N_(
        "From synthetic to real stars by three strategies: accuracy, bias, scatter, calibration, star by star."
    ),
    template="pages/transfer.html.j2",
    scripts=("js/plots.js", "js/parts.js"),
)

SINGLE_STARS = 5_000  # as many can be drawn one by one; more are binned


@dataclass(frozen=True)
class ObservedSet:
    """One set of observed stars as the page shows it."""

    run: RunResults
    info: SetInfo
    index: int
    instrument: InstrumentFile
    instrument_path: str
    own: Row
    classes: list[Row]
    bins: list[Row]
    slice: str
    comparisons: list[findings.Comparison]
    scatter: list[findings.Comparison]
    synthetic: tuple[SetInfo, Row] | None
    selection: list[tuple[str, Quantity]]
    figures: dict[str, FigureSvg]
    live: dict[str, str]
    csv: dict[str, str]
    predictions_csv: str | None

    @property
    def predictions_path(self) -> str:
        """Contract file of the predictions."""
        return self.run.file(f"predictions.{self.info.name}.json")

    @property
    def metrics_path(self) -> str:
        """Contract file of the metrics."""
        return self.run.file(f"metrics.{self.info.name}.json")

    @property
    def single(self) -> bool:
        """Whether stars are few enough to be drawn one by one."""
        return self.info.n <= SINGLE_STARS

    @property
    def offset_classes(self) -> list[Row]:
        """Classes whose bias is away from zero beyond its interval."""
        return [r for r in self.classes if r.row.bias.lo > 0 or r.row.bias.hi < 0]


def _figures(site: Site, run: RunResults, info: SetInfo, key: str) -> tuple[dict[str, FigureSvg], dict[str, str]]:
    model = run.specvit.name
    slice_name = series.brightness_slice(run, info.name)
    rival = run.family("mlp")
    two = [model, *([rival.name] if rival else [])]
    label = _("Catalogue log g (dex)")
    x = brightness_label(slice_name)
    static = {
        "stars": draw_figure(
            site,
            f"{key}-stars",
            _("Predicted against catalogue log g of observed stars"),
            charts.predicted_true(run, info.name, two, label),
            (960, 500),
            (380, 400),
            charts.PANELS,
        ),
        "bias": draw_figure(
            site,
            f"{key}-bias",
            _("Bias by star class"),
            charts.class_metric(run, info.name, "bias", _("Bias, predicted − catalogue (dex)")),
            (960, 380),
            (380, 430),
            charts.CLASSES,
            charts.CLASSES_NARROW,
        ),
    }
    if info.n <= SINGLE_STARS:
        stars = interactive_stars.stars(site, f"{key}-stars", run, info.name, model)
    else:
        stars = interactive_stars.predicted_true(site, f"{key}-stars", run, info.name, two, label)
    live = {
        "stars": stars,
        "bias": interactive.class_metric(
            site, f"{key}-bias", run, info.name, "bias", _("Bias, predicted − catalogue (dex)")
        ),
    }
    if len(series.bins(run, info.name, slice_name)) > 1:
        static["nmad"] = draw_figure(
            site,
            f"{key}-nmad",
            _("Scatter against signal-to-noise ratio"),
            charts.curves(run, info.name, slice_name, "nmad", _("NMAD (dex)"), x),
            (960, 400),
            margins=charts.CURVES,
        )
        live["nmad"] = interactive.curves(site, f"{key}-nmad", run, info.name, slice_name, "nmad", _("NMAD (dex)"), x)
    return static, live


def _observed(results: Results, site: Site, run: RunResults, info: SetInfo) -> ObservedSet:
    key = f"{run.name}-{info.name}".replace(".", "-")
    index = run.run.sets.index(info)
    slice_name = series.brightness_slice(run, info.name)
    own = run.row(info.name, run.specvit.name)
    assert own is not None  # checks.check_rows
    synthetic = next(((s, r) for s in run.sets("synthetic") if (r := run.row(s.name, run.specvit.name))), None)
    instrument = results.instruments[run.run.instrument]
    static, live = _figures(site, run, info, key)
    return ObservedSet(
        run=run,
        info=info,
        index=index,
        instrument=instrument,
        instrument_path=results.path_of(instrument),
        own=own,
        classes=run.rows(info.name, "class", run.specvit.name),
        bins=series.bins(run, info.name, slice_name),
        slice=slice_name,
        comparisons=findings.compare(run, info.name, "mae"),
        scatter=findings.compare(run, info.name, "nmad"),
        synthetic=synthetic,
        selection=[(cut, run.q(f"/sets/{index}/selection/{_escape(cut)}")) for cut in info.selection],
        figures=static,
        live=live,
        csv={name: tables.metrics_csv(site, run, info.name, name) for name in ("all", "class", slice_name)},
        predictions_csv=tables.predictions_csv(site, run, info.name) if info.n <= 50 * SINGLE_STARS else None,
    )


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def available(results: Results) -> bool:
    """There are transfer experiments, or a run was evaluated on observed stars."""
    return bool(results.transfers) or any(run.sets("observed") for run in results.runs.values())


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    told = covered_surveys(results)
    rest = [(run, info) for run, info in findings.observed_sets(results) if info.survey not in told]
    return {
        "experiments": shown_experiments(results, site),
        "observed": [_observed(results, site, run, info) for run, info in rest],
        "published": published.load(),
        "by": findings.by,
        "plots_setup": plots_setup(site),
    }
