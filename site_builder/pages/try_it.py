"""try.html: reading log g from one's own spectrum, and what the answers look like on known stars."""

from dataclasses import dataclass
from typing import Any

from site_builder import derived, live
from site_builder import stars as star_list
from site_builder.downloads import spectrum_files
from site_builder.i18n import N_
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results, difference
from site_builder.stars import Star, all_stars

PAGE = Page(
    slug="try",
    nav=N_("Try it"),
    title=N_("Try it: log g of your own spectrum · SpecViT"),
    description=N_("Read log g from your own spectrum with the published weights: what is accepted, what is refused."),
    template="pages/try.html.j2",
    scripts=("js/try.js",),
    classic_scripts=("vendor/uplot/uPlot.iife.min.js",),
)

MAIN_LINES = ("ca2", "alkali", "mg1")


@dataclass(frozen=True)
class Answer:
    """An observed example star: catalogue, answer, difference, and its spectrum as a table to try."""

    star: Star
    logg: Quantity
    predicted: Quantity
    sigma: Quantity
    gap: Quantity
    csv: str

    @property
    def sigmas(self) -> float:
        """Distance from the catalogue in stated standard deviations."""
        return abs(self.gap.number) / max(self.sigma.number, 1e-9)


def available(results: Results) -> bool:
    """A run has a network for the browser, or an answer on an observed example star."""
    stars = [star for run in results.runs.values() for star in run.examples.values()]
    answered = any(star.origin == "observed" and star.predicted_logg is not None for star in stars)
    return answered or any(run.network is not None for run in results.runs.values())


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    answers = []
    for star in all_stars(results):
        if star.file.origin != "observed" or star.file.predicted_logg is None:
            continue
        logg, predicted = star.q("/logg"), star.q("/predicted_logg")
        sigma = star.q("/predicted_sigma")
        csv = spectrum_files(star, site)["csv"]
        answers.append(Answer(star, logg, predicted, sigma, difference(predicted, logg), csv))
    runs = list({run.run.instrument: run for run in results.runs.values()}.values())
    stars = examples(results)
    page_data = _browser(results, site, stars)
    return {
        "browser": page_data,
        "still": page_data is None,  # nothing for the page's script to do
        "groups": star_list.options(stars),
        "networks": live.networks(results),
        "runtime_version": live.runtime_version(),
        "answers": answers,
        "within": [a for a in answers if a.sigmas <= 1],
        "within_two": [a for a in answers if a.sigmas <= 2],
        "runs": runs,
        "bands": {run.name: _band(results, run.run.instrument) for run in runs},
    }


def examples(results: Results) -> list[Star]:
    """Example stars whose instrument has a network."""
    known = live.networks(results)
    return [s for s in all_stars(results) if s.instrument.name in known]


def _browser(results: Results, site: Site, stars: list[Star]) -> dict[str, Any] | None:
    """What the script needs; None where the results hold no network, or no star to begin with."""
    files = live.browser_data(results, site)
    if files is None or not stars:
        return None
    entries = [
        {
            "key": s.key,
            "label": s.file.title,
            "origin": s.file.origin,
            "logg": s.file.logg,
            "url": s.url,
            "network": s.instrument.name,
            "magnitudes": list(s.run.run.prior.magnitude or ()),
            "noisy": s.run.run.prior.magnitude is not None and s.instrument.signal_e is not None,
            "instrument": PUBLISHED_BELOW + s.instrument_path,
        }
        for s in stars
    ]
    lines = {s.instrument.name: star_list.lines_of(s.file.wave, MAIN_LINES) for s in stars}
    return {"live": files, "stars": entries, "lines": lines}


def _band(results: Results, instrument: str) -> tuple[Quantity, Quantity]:
    path, last = f"instruments/{instrument}.json", results.instruments[instrument].wave.n - 1
    return derived.pixel(results, path, 0), derived.pixel(results, path, last)
