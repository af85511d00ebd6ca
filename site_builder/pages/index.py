"""The page index.html."""

from typing import Any

from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import Results

PAGE = Page(
    slug="index",
    nav="Home",
    title="SpecViT: index",
    description="to be written",
    template="pages/index.html.j2",
)


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    return {}
