"""try.html: reading log g from one's own spectrum, and what the answers look like on known stars."""

from dataclasses import dataclass
from typing import Any

from site_builder.downloads import spectrum_files
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Quantity, Results, difference
from site_builder.stars import Star, all_stars, wavelengths

PAGE = Page(
    slug="try",
    nav="Try it",
    title="Try it: log g of your own spectrum · SpecViT",
    description="Read log g from your own spectrum with the published weights: what is accepted, what is refused.",
    template="pages/try.html.j2",
)


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
    return {
        "answers": answers,
        "within": sum(a.sigmas <= 1 for a in answers),
        "within_two": sum(a.sigmas <= 2 for a in answers),
        "runs": runs,
        "bands": {run.name: _band(results, run.run.instrument) for run in runs},
    }


def _band(results: Results, instrument: str) -> tuple[float, float]:
    wave = wavelengths(results.instruments[instrument].wave)
    return float(wave[0]), float(wave[-1])
