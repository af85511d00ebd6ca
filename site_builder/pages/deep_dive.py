"""deep-dive.html: how it works, drawn and written; recipe, cost, noise, interpolation, limitations."""

from typing import Any

import numpy as np

from site_builder import findings
from site_builder.contract.schema import ExampleFile, InstrumentFile
from site_builder.equations import EQUATIONS
from site_builder.figures import charts, spectra
from site_builder.figures.architecture import architecture
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.markup import mathml
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Quantity, Results, RunResults, ratio
from site_builder.stars import column, wavelengths

PAGE = Page(
    slug="deep-dive",
    nav="Deep dive",
    title="Deep dive: how SpecViT works, and where it stops · SpecViT",
    description="The architecture drawn as it was run, its equations, the recipe, the noise and its limitations.",
    template="pages/deep-dive.html.j2",
    og_type="article",
)


def _spectrum(results: Results, run: RunResults) -> ExampleFile | None:
    """An example of the run that the architecture is drawn with."""
    stars = sorted(run.examples.values(), key=lambda s: (s.origin != "synthetic", s.logg, s.id))
    return stars[0] if stars else None


def _mlp_width(run: RunResults) -> int | None:
    ratio_of_width = run.run.config.get("vit.mlp_ratio")
    return int(ratio_of_width) * run.run.vit.width if isinstance(ratio_of_width, int | float) else None


def _noise_figure(site: Site, instrument: InstrumentFile) -> tuple[FigureSvg, str] | None:
    """Variance without the star against that of a star at the reference magnitude, and the CSV of both."""
    if instrument.signal_e is None or instrument.background_e2 is None or instrument.magnitude_zero is None:
        return None
    wave = wavelengths(instrument.wave)
    signal, background = np.asarray(instrument.signal_e), np.asarray(instrument.background_e2)
    labels = ("background: sky, dark current, read-out", f"a star of magnitude {instrument.magnitude_zero:g}")
    figure = draw_figure(
        site,
        "noise-model",
        "Noise model: variance per pixel",
        spectra.noise_model(wave, signal, None, background, labels),
        (960, 380),
        (380, 360),
        charts.PLAIN,
        charts.PLAIN_TALL,
    )
    sky: list[Any] = [*instrument.sky_e] if instrument.sky_e else [None] * len(wave)
    rows = zip(wave.round(4).tolist(), instrument.signal_e, instrument.background_e2, sky, strict=True)
    csv = site.publish_csv(
        f"tables/noise.{instrument.name}.csv",
        ["wavelength_vacuum_angstrom", "signal_e", "background_e2", "sky_e"],
        rows,
    )
    return figure, csv


def _networks(run: RunResults) -> list[tuple[int, str]]:
    """(place in run.json, title) of the models that have a training recipe."""
    return [(i, m.title) for i, m in enumerate(run.run.models) if m.training is not None]


def _gap(run: RunResults) -> Quantity | None:
    """How many times as many spectra the MLP was shown."""
    models = run.run.models
    index = {m.family: i for i, m in reversed(list(enumerate(models)))}
    if "mlp" not in index or not models[index["specvit"]].n_spectra:
        return None
    return ratio(run.q(f"/models/{index['mlp']}/n_spectra"), run.q(f"/models/{index['specvit']}/n_spectra"))


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    run = results.main
    instrument = results.instruments[run.run.instrument]
    star = _spectrum(results, run)
    wave = wavelengths(star.wave if star else instrument.wave)
    flux = column(star.flux) if star else np.ones(len(wave))
    info = run.sets("synthetic")[0]
    interpolation = results.interpolation
    return {
        "run": run,
        "info": info,
        "instrument": instrument,
        "instrument_path": results.path_of(instrument),
        "star": star,
        "star_path": run.file(f"examples/{star.id}.json") if star else None,
        "drawing": architecture(run.run.vit, wave, flux, _mlp_width(run)),
        "eq": {name: mathml(latex) for name, latex in EQUATIONS.items()},
        "noise": _noise_figure(site, instrument),
        "networks": _networks(run),
        "specvit_index": next(i for i, m in enumerate(run.run.models) if m.family == "specvit"),
        "shown_ratio": _gap(run),
        "interpolation": interpolation,
        "axes": ["teff", "logg", "mh"],
        "overall": findings.compare(run, info.name),
        "by": findings.by,
        "own": run.row(info.name, run.specvit.name),
        "observed": [(r, s, r.row(s.name, r.specvit.name)) for r, s in findings.observed_sets(results)],
        "calibrated": findings.calibrated_bins(run, findings.curve_set(run).name),
        "runs": list(results.runs.values()),
    }
