"""deep-dive.html: how it works, drawn and written; recipe, cost, noise, interpolation, limitations."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from site_builder import derived, findings, limits
from site_builder.contract.schema import ExampleFile, InstrumentFile
from site_builder.equations import EQUATIONS
from site_builder.figures import charts, spectra
from site_builder.figures.architecture import architecture
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.i18n import N_, _, said
from site_builder.markup import mathml
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Quantity, Results, RunResults, ratio
from site_builder.stars import Star, all_stars, loose_spectra, wavelengths
from site_builder.transfer_findings import told
from site_builder.transfers import covered_surveys

PAGE = Page(
    slug="deep-dive",
    nav=N_("Deep dive"),
    title=N_("Deep dive: how SpecViT works, and where it stops · SpecViT"),
    description=N_("The architecture drawn as it was run, its equations, the recipe, the noise and its limitations."),
    template="pages/deep-dive.html.j2",
    og_type="article",
)


def _spectrum(results: Results, run: RunResults) -> ExampleFile | None:
    """An example of the run that the architecture is drawn with."""
    stars = sorted(run.examples.values(), key=lambda s: (s.origin != "synthetic", s.logg, s.id))
    return stars[0] if stars else None


def _mlp_width(run: RunResults) -> int | None:
    ratio_of_width = run.run.config.get("vit.mlp_ratio")
    return int(ratio_of_width) * run.run.shape.width if isinstance(ratio_of_width, int | float) else None


def _noise_figure(site: Site, instrument: InstrumentFile) -> tuple[FigureSvg, str] | None:
    """Variance without the star against that of a star at the reference magnitude, and the CSV of both."""
    if instrument.signal_e is None or instrument.background_e2 is None or instrument.magnitude_zero is None:
        return None
    wave = wavelengths(instrument.wave)
    signal, background = np.asarray(instrument.signal_e), np.asarray(instrument.background_e2)
    labels = (
        _("background: sky, dark current, read-out"),
        _("a star of magnitude {magnitude}", magnitude=f"{instrument.magnitude_zero:g}"),
    )
    figure = draw_figure(
        site,
        "noise-model",
        _("Noise model: variance per pixel"),
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


@dataclass(frozen=True)
class Worked:
    """One star at one magnitude: the bound, the posterior, the prior, and what SpecViT answers."""

    star: Star
    index: int

    def ladder(self, name: str) -> Quantity:
        """A column of the ladder, noise pattern 1 where there are several."""
        place = f"/ladder/{name}/{self.index}"
        if name in ("logg", "sigma", "limits/mean", "limits/sd"):
            place = f"/ladder/{name}/0/{self.index}"
        return self.star.q(place)


def _worked(results: Results, run: RunResults) -> list[Worked]:
    """One example star, bright and at the faint end of what was trained on."""
    stars = [s for s in all_stars(results) if s.run is run and s.file.ladder is not None and s.file.ladder.limits]
    if not stars:
        return []
    ladder = stars[0].file.ladder
    assert ladder is not None
    faint = run.run.prior.magnitude[1] if run.run.prior.magnitude else ladder.magnitudes[-1]
    last = min(range(len(ladder.magnitudes)), key=lambda k: abs(ladder.magnitudes[k] - faint))
    return [Worked(stars[0], k) for k in dict.fromkeys((0, last))]


def _limits(results: Results, run: RunResults) -> dict[str, Any]:
    """What the section on information shows; the limits of the curve, or of the test set."""
    curve = findings.curve_set(run).name
    names = [name for name in dict.fromkeys((curve, *run.limits)) if name in run.limits]
    if not names:
        return {"limits_file": None}
    found = limits.bins(run, names[0])
    path = run.file(f"limits.{names[0]}.json")
    return {
        "limits_file": run.limits[names[0]],
        "limits_path": path,
        "limit_sets": names,
        "limit_bins": found,
        "few_limits": limits.spread_out(found, 6),
        "ceiling": limits.ceiling(run, names[0]),
        "reach": limits.reach(run, names[0], run.specvit),
        "close": limits.CLOSE,
        "bin_names": limits.names,
        "prior_sd": results.quantity(path, "/prior_sd"),
        "library": results.quantity(path, "/library"),
        "limit_seconds": results.quantity(path, "/seconds"),
        "worked": _worked(results, run),
    }


@dataclass(frozen=True)
class InstrumentRow:
    """One instrument with its place, its band, and the runs and experiments that use it."""

    results: Results
    file: InstrumentFile
    path: str
    band: tuple[Quantity, Quantity]
    used_by: list[str]

    def q(self, pointer: str) -> Quantity:
        """A value of the instrument file."""
        return self.results.quantity(self.path, pointer)


def _instruments(results: Results) -> list[InstrumentRow]:
    """Every instrument file, that of the main run first."""
    rows = []
    for name, file in results.instruments.items():
        path = f"instruments/{name}.json"
        band = (derived.pixel(results, path, 0), derived.pixel(results, path, file.wave.n - 1))
        used = [said(r.run.title) for r in results.runs.values() if r.run.instrument == name]
        used += [
            _("transfer: {title}", title=said(f.title)) for f in results.transfers.values() if f.instrument == name
        ]
        rows.append(InstrumentRow(results, file, path, band, used))
    return sorted(rows, key=lambda r: (r.file.name != results.main.run.instrument, r.file.name))


def available(results: Results) -> bool:
    """The main run says what shape its SpecViT has."""
    return results.main.run.vit is not None


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    run = results.main
    instrument = results.instruments[run.run.instrument]
    star = _spectrum(results, run)
    wave = wavelengths(star.wave if star else instrument.wave)
    flux = star.flux if star else np.ones(len(wave))
    info = run.sets("synthetic")[0]
    interpolation = results.interpolation
    return _limits(results, run) | {
        "run": run,
        "info": info,
        "instrument": instrument,
        "instrument_path": results.path_of(instrument),
        "star": star,
        "star_path": run.file(f"examples/{star.id}.json") if star else None,
        "drawing": architecture(run.run.shape, wave, flux, _mlp_width(run)),
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
        "observed": [
            (r, s, r.row(s.name, r.specvit.name))
            for r, s in findings.observed_sets(results)
            if s.survey not in covered_surveys(results)
        ],
        "transfers": told(results),
        "instruments": _instruments(results),
        "loose": loose_spectra(results),
        "calibration_method": next((c.method for c in run.calibration.values()), None),
        "calibrated": findings.calibrated_bins(run, findings.curve_set(run).name),
        "runs": list(results.runs.values()),
    }
