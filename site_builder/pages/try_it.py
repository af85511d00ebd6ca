"""try.html: reading log g from one's own spectrum, and what the answers look like on known stars."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Quantity, Results, difference
from site_builder.stars import Star, all_stars, column, wavelengths

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


def spectrum_csv(site: Site, star: Star) -> str:
    """The star's spectrum as ``python -m model predict`` reads it; returns the address."""
    file = star.file
    wave, flux = wavelengths(file.wave), column(file.flux)
    sigma = column(file.sigma) if file.sigma else np.full(len(wave), np.nan)
    rows = [
        (f"{w:.3f}", f"{f:.4f}", f"{1 / s**2:.4f}")
        for w, f, s in zip(wave, flux, sigma, strict=True)
        if f == f and s == s and s > 0
    ]
    return site.publish_csv(f"spectra/{file.id}.csv", ["wave", "flux", "ivar"], rows)


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    answers = []
    for star in all_stars(results):
        if star.file.origin != "observed" or star.file.predicted_logg is None:
            continue
        logg, predicted = star.q("/logg"), star.q("/predicted_logg")
        sigma = star.q("/predicted_sigma")
        answers.append(Answer(star, logg, predicted, sigma, difference(predicted, logg), spectrum_csv(site, star)))
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
