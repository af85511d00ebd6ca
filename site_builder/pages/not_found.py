"""404.html: what a missing address shows."""

from typing import Any

from site_builder.i18n import N_
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Results

PAGE = Page(
    slug="404",
    nav="",
    title=N_("Not found · SpecViT"),
    description=N_("This address leads to no page of the SpecViT results site."),
    template="pages/404.html.j2",
    indexed=False,
)


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    return {}
