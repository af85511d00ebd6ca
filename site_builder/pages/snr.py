"""The SNR explorer: one synthetic star made fainter step by step, with the answers that belong to each step."""

from typing import Any

import numpy as np

from site_builder import derived, findings, limits, live, markup
from site_builder import stars as star_list
from site_builder.contract.schema import Ladder
from site_builder.design import paint
from site_builder.figures import answers, series
from site_builder.figures.svg import FigureSvg, decimate, draw_figure
from site_builder.i18n import N_, _, said
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results, RunResults, difference
from site_builder.stars import Star

PAGE = Page(
    slug="snr",
    nav=N_("SNR"),
    title=N_("SNR explorer: one star, fainter and fainter · SpecViT"),
    description=N_("Make a synthetic star fainter and see its spectrum drown in real noise while SpecViT reads on."),
    template="pages/snr.html.j2",
    scripts=("js/snr.js",),
    classic_scripts=("vendor/uplot/uPlot.iife.min.js",),
)

MAIN_LINES = ("ca2", "alkali", "mg1")  # few enough to leave the noise its place


def ladder_of(star: Star) -> Ladder:
    """The star's ladder; only called for stars that have one."""
    assert star.file.ladder is not None
    return star.file.ladder


def candidates(results: Results) -> list[Star]:
    """Stars with a ladder whose instrument has a noise model."""
    return [s for s in star_list.all_stars(results) if s.file.ladder is not None and s.instrument.signal_e is not None]


def noise_sigma(star: Star, magnitude: float) -> np.ndarray:
    """Standard deviation per pixel in units of the median flux, shape (n,); see InstrumentFile."""
    i = star.instrument
    if i.signal_e is None or i.background_e2 is None or i.magnitude_zero is None or i.n_exposures is None:
        raise ValueError(f"{i.name} has no noise model")
    unit = np.array(i.signal_e) * 10 ** (-0.4 * (magnitude - i.magnitude_zero))
    flux = star.file.flux
    return np.sqrt((np.array(i.background_e2) + unit * flux) / i.n_exposures) / unit


def spectrum_figure(site: Site, star: Star, magnitude: float) -> FigureSvg:
    """A star's noise-free spectrum with its noise at a magnitude, and the sky."""
    wave = star_list.wavelengths(star.file.wave)
    flux, sigma = star.file.flux, noise_sigma(star, magnitude)

    def draw(figure: Any, narrow: bool) -> None:
        axes, sky = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        columns = 130 if narrow else 300
        for sign in (-1, 1):
            x, y = decimate(wave, flux + sign * sigma, columns)
            axes.plot(x, y, color=paint("flux-noisy"), lw=0.7, alpha=0.7)
        x, y = decimate(wave, flux, columns)
        axes.plot(x, y, color=paint("specvit"), lw=1.1)
        room = 4 * float(np.median(sigma))  # as the live figure: sky lines may leave it
        axes.set_ylim(flux.min() - room, flux.max() + room)
        axes.set_ylabel(_("flux / {by}", by="median"))
        if star.instrument.sky_e is not None:
            x, y = decimate(wave, np.array(star.instrument.sky_e), columns)
            sky.fill_between(x, 0, y, color=paint("sky"), lw=0.4)
        sky.set_ylabel(_("sky (e⁻)"))
        sky.set_xlabel(_("vacuum wavelength (Å)"))
        sky.set_xlim(wave[0], wave[-1])

    title = _(
        "Noise-free spectrum of {star} with one standard deviation of noise on either side, and the sky",
        star=said(star.file.title),
    )
    return draw_figure(site, "snr-spectrum", title, draw, wide=(960, 470), narrow=(380, 400))


def _ladder_figure(site: Site, star: Star) -> FigureSvg:
    ladder = ladder_of(star)
    m = np.array(ladder.magnitudes)
    logg, sigma = np.array(ladder.logg), np.array(ladder.sigma)

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots()
        axes.plot(np.tile(m, len(logg)), logg.ravel(), ".", ms=2.5, color=paint("flux-noisy"))
        axes.fill_between(m, logg[0] - sigma[0], logg[0] + sigma[0], color=paint("specvit"), alpha=0.18, lw=0)
        if ladder.limits is not None:
            axes.plot(m, ladder.limits.mean[0], color=paint("bayes"), lw=1.2)
        axes.plot(m, logg[0], color=paint("specvit"), lw=1.5)
        axes.axhline(star.file.logg, color=paint("ink"), lw=1.1, ls=(0, (5, 3)))
        axes.set_xlabel(_("magnitude"))
        axes.set_ylabel(_("log g"))

    title = _("Predicted log g of {star} over magnitude", star=said(star.file.title))
    return draw_figure(site, "snr-ladder", title, draw, wide=(420, 380), narrow=(380, 300))


def _answers_figure(site: Site, star: Star, index: int) -> FigureSvg | None:
    ladder = ladder_of(star)
    if ladder.limits is None:
        return None
    drawing = answers.draw(ladder, ladder.limits, star.file.logg, star.run.run.prior.logg, 0, index)
    title = _(
        "SpecViT's answer for {star}, the exact posterior and the Cramér-Rao bound on one axis",
        star=said(star.file.title),
    )
    wide, narrow = (220, 10, 4, 42), (10, 10, 6, 42)
    return draw_figure(site, "snr-answers", title, drawing, (960, 188), (380, 240), wide, narrow)


def population(run: RunResults) -> list[limits.Limit]:
    """The Bayes limit of all stars at each magnitude, where the run has it for its curve."""
    return limits.bins(run, findings.curve_set(run).name) if run.sets("synthetic") else []


def _population_data(run: RunResults) -> list[dict[str, Any]]:
    """What the script shows of it: one entry a bin."""
    out = []
    for one in population(run):
        row = one.row(run.specvit.name)
        if row is not None and row.row.lo is not None and row.row.hi is not None:
            r2, rmse = round(one.bin.r2.value, 3), round(one.bin.rmse.value, 3)
            places = [markup.addresses(q) for q in (*one.span, *(one.measured(m).value for m in ("r2", "rmse")))]
            ends = list(one.ends)
            out.append({"ends": ends, "lo": row.row.lo, "hi": row.row.hi, "r2": r2, "rmse": rmse, "places": places})
    return out


def nearest(found: list[limits.Limit], magnitude: float) -> limits.Limit | None:
    """The bin whose middle is nearest to a magnitude."""

    def distance(one: limits.Limit) -> float:
        row = one.row(one.run.specvit.name)
        return abs(series.position(row) - magnitude) if row else np.inf

    return min(found, key=distance, default=None)


def _limit_numbers(star: Star) -> list[dict[str, Quantity]]:
    """Posterior mean and spread and both bounds at each magnitude, noise pattern 1; empty without limits."""
    ladder = ladder_of(star)
    if ladder.limits is None:
        return []
    return [
        {
            "mean": star.q(f"/ladder/limits/mean/0/{k}"),
            "sd": star.q(f"/ladder/limits/sd/0/{k}"),
            "crlb3": star.q(f"/ladder/limits/crlb3/{k}"),
            "crlb5": star.q(f"/ladder/limits/crlb5/{k}"),
        }
        for k in range(len(ladder.magnitudes))
    ]


def _browser(results: Results, stars: list[Star], index: int) -> dict[str, Any]:
    """What the script needs to know before it has loaded a star."""
    return {
        "default_index": index,
        "stars": [
            {
                "run": s.run.name,
                "id": s.file.id,
                "url": s.url,
                "instrument": PUBLISHED_BELOW + s.instrument_path,
                "instrument_name": s.instrument.name,
                "magnitudes": ladder_of(s).magnitudes,
                "seeds": ladder_of(s).seeds,
                "prior": list(s.run.run.prior.logg),
                "run_url": PUBLISHED_BELOW + s.run.file("run.json"),
            }
            for s in stars
        ],
        "population": {s.run.name: _population_data(s.run) for s in stars},
        "lines": {s.instrument.name: star_list.lines_of(s.file.wave, MAIN_LINES) for s in stars},
    }


def available(results: Results) -> bool:
    """A run has a synthetic example star at several magnitudes."""
    return bool(candidates(results))


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    stars = candidates(results)
    if not stars:
        return {"star": None, "still": True}
    star = stars[0]
    ladder = ladder_of(star)
    index = len(ladder.magnitudes) // 2
    same = len({s.instrument.name for s in stars}) == 1
    residuals = [difference(star.q(f"/ladder/logg/0/{k}"), star.q("/logg")) for k in range(len(ladder.magnitudes))]
    return {
        "star": star,
        "ladder": ladder,
        "index": index,
        "paths": [p for s in stars for p in (s.path, s.instrument_path)],
        "residuals": residuals,
        "residual": residuals[index],
        "groups": star_list.options(stars),
        "browser": _browser(results, stars, index)
        | {"live": live.browser_data(results, site, star.instrument.name) if same else None},
        "spectrum": spectrum_figure(site, star, ladder.magnitudes[index]),
        "answers": _ladder_figure(site, star),
        "three": _answers_figure(site, star, index),
        "limit_numbers": _limit_numbers(star),
        "everyone": nearest(population(star.run), ladder.magnitudes[index]),
        "prior_sd": derived.uniform_sd(star.run.q("/prior/logg/0"), star.run.q("/prior/logg/1")),
    }
