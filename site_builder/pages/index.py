"""index.html: the claim, its three numbers, the story, and the ways on."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from site_builder import findings, limits, live, tables
from site_builder.contract.schema import ExampleFile
from site_builder.figures import plate, series, spectra
from site_builder.i18n import N_
from site_builder.markup import concat, line_names, wave_ticks
from site_builder.pages import snr
from site_builder.pages.base import Page
from site_builder.pages.shared import brightness_figure
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results, RunResults
from site_builder.transfer_findings import told
from site_builder.transfers import covered_surveys
from site_builder.worth import worth_of

PAGE = Page(
    slug="index",
    nav=N_("Home"),
    title=N_("SpecViT: reading a star's surface gravity from its deep-red spectrum"),
    description=N_(
        "A Vision Transformer that reads log g from faint stellar spectra, measured against simpler models."
    ),
    template="pages/index.html.j2",
    scripts=("js/home.js",),
    classic_scripts=("vendor/uplot/uPlot.iife.min.js",),
)

WAYS = (
    ("snr", N_("Dim one star and watch its spectrum drown in noise, and the answer widen.")),
    ("tokens", N_("What the network is given: the spectrum in patches, each with what it weighs.")),
    ("attention", N_("Which patches attend to which, layer by layer and head by head.")),
    ("results", N_("Every model on the same spectra: accuracy, calibration, training, cost.")),
    ("transfer", N_("The network that only ever saw synthetic spectra, shown observed stars.")),
    ("spectra", N_("An inspector for the example spectra: pan, zoom, name the lines.")),
    ("try", N_("Read log g from your own spectrum with the published weights.")),
    ("deep-dive", N_("The architecture drawn, the equations, the recipe, the noise, the limits of it all.")),
    ("data", N_("Every exported file with schema, hash and download; how to cite; how to publish your own.")),
)


@dataclass(frozen=True)
class PlateRow:
    """One strip of the plate: a star, the address of its picture, its numbers."""

    star: ExampleFile
    path: str
    image: str
    logg: Quantity
    teff: Quantity
    predicted: Quantity | None
    sigma: Quantity | None


def plate_rows(results: Results, site: Site, count: int = 7) -> tuple[list[PlateRow], tuple[Markup, Markup]]:
    """Strips of observed example stars (synthetic ones where none were observed) and the scales above and below."""
    found: dict[str, tuple[RunResults, ExampleFile]] = {}
    for run in results.runs.values():
        for star in run.examples.values():
            found.setdefault(star.id, (run, star))
    observed = {k: v for k, v in found.items() if v[1].origin == "observed"}
    if not found:
        return [], (concat([]), concat([]))
    chosen = plate.choose([star for _, star in (observed or found).values()], count)
    lo, hi = plate.band(chosen)
    rows = []
    for star in chosen:
        path = found[star.id][0].file(f"examples/{star.id}.json")
        image = site.publish(f"data/plates/{star.id}.png", plate.strip(star, lo, hi))
        answer = star.predicted_logg is not None
        rows.append(
            PlateRow(
                star,
                path,
                image,
                results.quantity(path, "/logg"),
                results.quantity(path, "/teff"),
                results.quantity(path, "/predicted_logg") if answer else None,
                results.quantity(path, "/predicted_sigma") if answer and star.predicted_sigma is not None else None,
            )
        )
    return rows, (line_names(lo, hi, spectra.line_groups(lo, hi)), wave_ticks(lo, hi))


def fading(results: Results, site: Site) -> dict[str, Any] | None:
    """The star that a slider makes fainter: the explorer's first; None where there is none."""
    star = next(iter(snr.candidates(results)), None)
    if star is None:
        return None
    ladder = snr.ladder_of(star)
    index = len(ladder.magnitudes) // 2
    return {
        "star": star,
        "index": index,
        "steps": len(ladder.magnitudes),
        "some": range(0, len(ladder.magnitudes), max(1, (len(ladder.magnitudes) - 1) // 6)),
        "figure": snr.spectrum_figure(site, star, ladder.magnitudes[index]),
        "browser": {
            "star": star.url,
            "instrument": PUBLISHED_BELOW + star.instrument_path,
            "network": star.instrument.name,
            "live": live.browser_data(results, site, star.instrument.name),
        },
    }


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    run = results.main
    info = run.sets("synthetic")[0]
    curve = findings.curve_set(run)
    slice_name = series.brightness_slice(run, curve.name)
    known = covered_surveys(results)
    observed = [(r, s) for r, s in findings.observed_sets(results) if s.survey not in known]
    rows, scale = plate_rows(results, site)
    observed_rows = [(r, s, r.row(s.name, r.specvit.name), findings.compare(r, s.name, "nmad")) for r, s in observed]
    rival = run.family("mlp")
    return {
        "run": run,
        "info": info,
        "slice": slice_name,
        "own": run.row(info.name, run.specvit.name),
        "observed": observed_rows,
        "transfers": told(results),
        "overall": findings.compare(run, info.name),
        "by": findings.by,
        "ends": findings.ends(run, curve.name),
        "worst": findings.worst_class(run, info.name),
        "calibrated": findings.calibrated_bins(run, curve.name),
        "tally": findings.tally(run, curve.name, rival) if rival else None,
        "ways": WAYS,
        "plate": rows,
        "plate_paths": [row.path for row in rows],
        "scale": scale,
        "figure_curve": brightness_figure(site, run),
        "csv": tables.metrics_csv(site, run, curve.name, slice_name),
        "metrics_path": run.file(f"metrics.{curve.name}.json"),
        "reach": limits.reach(run, curve.name, run.specvit, info.name if info.name in run.limits else None),
        "ceiling": limits.ceiling(run, curve.name),
        "close": limits.CLOSE,
        "bin_names": limits.names,
        "limits_path": run.file(f"limits.{curve.name}.json"),
        "curve_own": run.row(curve.name, run.specvit.name),
        "fading": fading(results, site),
        "worth": worth_of(run),
    }
