"""What a page is."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from site_builder.publish import Site
from site_builder.results import Results

# Everything comes from the site itself; inline scripts and styles are refused.
STRICT_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'"
)


@dataclass(frozen=True)
class Page:
    """One page of the site. ``title`` and ``description`` hold no results."""

    slug: str  # file name without .html
    nav: str  # text in the menu; "" keeps it out
    title: str  # <title> and og:title
    description: str  # meta description, one sentence
    template: str  # below templates/
    scripts: tuple[str, ...] = ()  # ES modules below static/, loaded as type=module
    classic_scripts: tuple[str, ...] = ()  # vendored scripts below static/, loaded deferred, before the modules
    styles: tuple[str, ...] = ()  # style sheets below static/, beside css/site.css
    csp: str = STRICT_CSP
    plotly: bool = False  # adds the style sheet link that keeps Plotly within a strict CSP
    indexed: bool = True  # in sitemap.xml
    og_type: str = "website"

    @property
    def file(self) -> str:
        """Name of the file in the site."""
        return f"{self.slug}.html"


@runtime_checkable
class PageModule(Protocol):
    """A module of this package; one that needs results of some kind has ``available(results) -> bool`` as well."""

    PAGE: Page

    def context(self, results: Results, site: Site) -> dict[str, Any]:
        """Variables of the template; may publish data files through ``site``."""
