"""The page 404.html."""

from typing import Any

from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Results

PAGE = Page(
    slug="404",
    nav="",
    title="SpecViT: 404",
    description="to be written",
    template="pages/404.html.j2",
)


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    return {}
