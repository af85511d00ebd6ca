"""Spectra: the inspector for observed and synthetic stars."""

from typing import Any

import numpy as np

from site_builder import lines
from site_builder import stars as star_list
from site_builder.downloads import loose_files, spectrum_files
from site_builder.figures import inspector
from site_builder.figures.spectra import stacked
from site_builder.figures.svg import FigureSvg, decimate, draw_figure
from site_builder.i18n import N_, _
from site_builder.pages.base import STRICT_CSP, Page
from site_builder.publish import Site
from site_builder.results import Results
from site_builder.stars import Loose, Star

PAGE = Page(
    slug="spectra",
    nav=N_("Spectra"),
    title=N_("Spectra: observed and synthetic stars, inspected · SpecViT"),
    description=N_(
        "Inspect observed and synthetic stellar spectra, giants to dwarfs: zoom, name lines, smooth, compare."
    ),
    template="pages/spectra.html.j2",
    scripts=("js/spectra.js",),
    classic_scripts=("vendor/bokeh/bokeh.min.js",),
    # BokehJS writes style elements; scripts stay as strict as on every other page.
    csp=STRICT_CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
)
THUMB = (220, 84)  # size of a small drawing, CSS pixels
COLUMNS = 110
NOISY = 15.0  # SNR per pixel below which a small drawing shows averages
LOOSE_TITLES = {
    "observed": N_("Observed by other surveys"),
    "emulated": N_("Emulated"),
    "synthetic": N_("Computed, H band"),
}


def unique(stars: list[Star]) -> list[Star]:
    """Each star once: two runs may show the same one; observed stars first, then by class and gravity."""
    seen: dict[tuple[str, str], Star] = {}
    for star in stars:
        seen.setdefault((star.file.instrument, star.file.id), star)
    order = {"observed": 0, "synthetic": 1}
    return sorted(
        seen.values(),
        key=lambda s: (order[s.file.origin], star_list.CLASS_ORDER.index(s.file.star_class), s.file.logg, s.key),
    )


def _averaged(wave: np.ndarray, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of equal parts, for what is so noisy that extremes would fill the drawing."""
    parts = [p for p in np.array_split(np.arange(len(wave)), COLUMNS) if len(p)]
    means = [float(np.nanmean(flux[p])) if np.isfinite(flux[p]).any() else np.nan for p in parts]
    return np.array([wave[p].mean() for p in parts]), np.array(means)


def thumbnail(star: Star | Loose, site: Site) -> str:
    """A small drawing of a spectrum, made once for all languages."""
    key = f"thumbnail {star.key}"
    if key not in site.shared:
        site.shared[key] = draw_thumbnail(star)
    drawn: str = site.shared[key]
    return drawn


def draw_thumbnail(star: Star | Loose) -> str:
    """The spectrum as an SVG path in a box of THUMB; gaps stay gaps. All stars share the vertical scale."""
    wave, flux = star_list.wavelengths(star.file.wave), star.file.flux
    noisy = isinstance(star, Loose) and star.file.snr is not None and star.file.snr < NOISY
    x, y = _averaged(wave, flux) if noisy else decimate(wave, flux, COLUMNS)
    width, height = THUMB
    px = (x - wave[0]) / (wave[-1] - wave[0]) * width
    py = np.clip(height - 4 - (y - 0.1) / 1.15 * (height - 8), 1, height - 1)
    parts, pen = [], "M"
    for a, b in zip(px.tolist(), py.tolist(), strict=True):
        if b != b:
            pen = "M"
            continue
        parts.append(f"{pen}{a:.1f} {b:.1f}")
        pen = "L"
    return "".join(parts)


def _one_of_each(own: list[Star], site: Site) -> FigureSvg | None:
    """The first star of every class, above each other: what the inspector's place shows before it, and without it."""
    if not own:
        return None
    same = [s.file for s in own if (s.file.origin, s.file.instrument) == (own[0].file.origin, own[0].file.instrument)]
    chosen = [next(f for f in same if f.star_class == name) for name in dict.fromkeys(f.star_class for f in same)]
    chosen.sort(key=lambda f: f.logg)
    title = _("Spectra of one star of each class, lowest log g at the top")
    return draw_figure(site, "spectra-classes", title, stacked(chosen), (1100, 600), (380, 600), (14, 14, 40, 48))


def _browser(stars: list[Star | Loose], files: dict[str, dict[str, str]], site: Site) -> dict[str, Any]:
    groups, found = lines.load()
    return {
        "document": inspector.publish(site),
        "stars": [{"key": s.key, "url": s.url, **star_list.seen_by(s), **files[s.key]} for s in stars],
        "groups": [{"id": g.id, "title": _(g.title)} for g in groups],
        "lines": lines.for_browser(found[0].vacuum, found[-1].vacuum),
    }


def available(results: Results) -> bool:
    """There are spectra of surveys, or a run has example stars."""
    return bool(results.spectra) or any(run.examples for run in results.runs.values())


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    own = unique(star_list.all_stars(results))
    loose = star_list.loose_spectra(results)
    stars: list[Star | Loose] = [*own, *loose]
    if not stars:
        return {"star": None, "still": True, "loose": []}
    groups = [
        {
            "title": _("{origin}: {kind}", origin=_(origin).capitalize(), kind=star_list.class_word(name, "many")),
            "stars": members,
        }
        for origin in ("observed", "synthetic")
        for name in star_list.CLASS_ORDER
        if (members := [s for s in own if s.file.origin == origin and s.file.star_class == name])
    ]
    groups += [
        {"title": _(title), "stars": [s for s in loose if s.file.origin == origin]}
        for origin, title in LOOSE_TITLES.items()
        if any(s.file.origin == origin for s in loose)
    ]
    files = {s.key: spectrum_files(s, site) for s in own} | {s.key: loose_files(s, site) for s in loose}
    return {
        "star": stars[0],
        "figure_svg": _one_of_each(own, site),
        "cards": [{"star": s, "path": thumbnail(s, site), "files": files[s.key]} for s in stars],
        "groups": groups,
        "line_groups": lines.load()[0],
        "on_at_first": ("ca2", "alkali"),
        "browser": _browser(stars, files, site),
        "lines_url": star_list.publish_lines(site),
        "n_stars": len(stars),
        "undrawn": sum(entry.kind in ("example", "spectrum") for entry in results.undrawn),
        "thumb": THUMB,
        "by_run": {run: [p for p in paths if "/examples/" in p] for run, paths in star_list.paths_by_run(own).items()}
        | ({"loose": [s.path for s in loose]} if loose else {}),
        "credits": sorted({(s.file.survey, s.file.credit, s.file.label_source or _("none")) for s in stars}),
        "loose": loose,
    }
