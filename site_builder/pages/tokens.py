"""Tokens: the spectrum as SpecViT reads it, cut into patches."""

from typing import Any

from site_builder import derived
from site_builder import stars as star_list
from site_builder.attention_view import AttentionView, browser_data
from site_builder.figures.patches import draw_patches
from site_builder.i18n import N_, _, said
from site_builder.pages.base import Page
from site_builder.pages.shared import tour_variables
from site_builder.publish import Site
from site_builder.results import Quantity, Results

PAGE = Page(
    slug="tokens",
    nav=N_("Tokens"),
    title=N_("Tokens: a spectrum cut into patches · SpecViT"),
    description=N_("A stellar spectrum cut into the patches that SpecViT reads: their lines and their attention."),
    template="pages/tokens.html.j2",
    scripts=("js/tokens.js",),
    classic_scripts=("vendor/uplot/uPlot.iife.min.js",),
)


def _rows(results: Results, view: AttentionView) -> list[dict[str, Any]]:
    """The table of all patches of one star."""
    path = view.star.attention_path

    def q(pointer: str) -> Quantity:
        return results.quantity(path, pointer)

    return [
        {
            "lo": derived.pixel(results, view.star.path, p * view.patch_size - 0.5),
            "hi": derived.pixel(results, view.star.path, (p + 1) * view.patch_size - 0.5),
            "patch": derived.place(q(f"/rollout/{p}")),
            "norm": q(f"/embedding_norm/{p}"),
            "rollout": q(f"/rollout/{p}"),
            "lines": ", ".join(view.lines_in(p)),
        }
        for p in range(view.n_patches)
    ]


def available(results: Results) -> bool:
    """A run has attention of an example star."""
    return any(run.attention for run in results.runs.values())


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    stars = [s for s in star_list.all_stars(results) if s.attention is not None]
    if not stars:
        return {"star": None, "still": True}
    star = stars[0]
    view = AttentionView(star)
    best = max(range(view.n_patches), key=view.file.rollout.__getitem__)
    title = _("Spectrum of {star} cut into patches, tinted by attention rollout", star=said(star.file.title))
    return {
        "star": star,
        "groups": star_list.options(stars),
        "browser": browser_data(stars, site),
        "lines_url": star_list.publish_lines(site),
        "runs": list({s.run.name: s.run for s in stars}.values()),
        "layers": view.layers,
        "chosen": derived.place(results.quantity(star.attention_path, f"/rollout/{best}")),
        "rows": _rows(results, view),
        "figure_svg": draw_patches(site, "tokens-spectrum", title, view, view.file.rollout, _("rollout")),
        "by_run": star_list.paths_by_run(stars),
        **tour_variables(stars, site, 1),
    }
