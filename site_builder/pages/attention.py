"""Attention: what each layer and head looks at, drawn over the spectrum it looked at."""

from typing import Any

from site_builder import derived
from site_builder import stars as star_list
from site_builder.attention_view import AttentionView, browser_data
from site_builder.contract.attribution import Measure
from site_builder.figures.heads import draw_heads, height
from site_builder.figures.measures import draw_deletion, draw_measures
from site_builder.figures.patches import draw_patches
from site_builder.i18n import N_, _, said
from site_builder.pages.base import Page
from site_builder.pages.shared import tour_variables
from site_builder.publish import Site
from site_builder.results import Results
from site_builder.tour import ON_TOKENS
from site_builder.worth import TITLES, publish_worth, worth_of

SHOWN: tuple[Measure, ...] = ("attention", "rollout", "gradient", "occlusion", "fisher")  # deletion curves drawn

PAGE = Page(
    slug="attention",
    nav=N_("Attention"),
    title=N_("Attention: where SpecViT looks · SpecViT"),
    description=N_("Every attention weight of SpecViT for example stars: layers, heads, and every head's map."),
    template="pages/attention.html.j2",
    scripts=("js/attention.js",),
    classic_scripts=("vendor/uplot/uPlot.iife.min.js",),
)


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
    overall = view.by_layer.mean(axis=0).tolist()
    title = _(
        "Spectrum of {star}, each patch tinted by its attention averaged over layers and heads",
        star=said(star.file.title),
    )
    given = star.run.attribution.get(star.file.id)
    return {
        "star": star,
        "view": view,
        "measures_fig": None if given is None else draw_measures(site, view, given),
        **tour_variables(stars, site, ON_TOKENS + 1),
        **_worth(star, site),
        "groups": star_list.options(stars),
        "browser": browser_data(stars, site),
        "lines_url": star_list.publish_lines(site),
        "by_run": star_list.paths_by_run(stars),
        "rows": [
            {
                "patch": derived.place(results.quantity(star.attention_path, f"/rollout/{p}")),
                "lo": derived.pixel(results, star.path, p * view.patch_size - 0.5),
                "hi": derived.pixel(results, star.path, (p + 1) * view.patch_size - 0.5),
                "layers": [derived.pooled(view, k, p) for k in range(view.layers)],
                "lines": ", ".join(view.lines_in(p)),
            }
            for p in range(view.n_patches)
        ],
        "spectrum": draw_patches(site, "attention-spectrum", title, view, overall, _("attention")),
        "heads": draw_heads(site, view),
        "heads_height": height(view),
    }


def _worth(star: star_list.Star, site: Site) -> dict[str, Any]:
    """Variables of what attention is worth, for the run of the star."""
    found = worth_of(star.run)
    if found is None:
        return {"worth": None}
    return {
        "worth": found,
        "titles": TITLES,
        "worth_csv": publish_worth(found, site),
        "deletion_fig": draw_deletion(site, found, found.patch, SHOWN),
    }
