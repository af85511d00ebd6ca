"""What a page is."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from site_builder.publish import Site
from site_builder.results import Results

# Everything comes from the site itself; inline scripts and styles are refused, but for the script whose hash is given.
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
    scripts: tuple[str, ...] = ()  # ES modules below static/, started by js/later.js once a reader is there
    classic_scripts: tuple[str, ...] = ()  # vendored scripts below static/, loaded before the modules
    csp: str = STRICT_CSP
    indexed: bool = True  # in sitemap.xml
    og_type: str = "website"

    @property
    def file(self) -> str:
        """Name of the file in the site."""
        return f"{self.slug}.html"

    def policy(self, script: str) -> str:
        """The policy of the page, with the hash of the one script that is part of it (CSP 3, section 2.3.1)."""
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return self.csp.replace("script-src 'self'", f"script-src 'self' 'sha256-{digest}'")

    def assets(self, address: Callable[[str], str]) -> dict[str, list[str]]:
        """Addresses of the scripts, as js/later.js reads them; ``address`` gives that of a file below static/."""
        return {"classic": [*map(address, self.classic_scripts)], "modules": [*map(address, self.scripts)]}


@runtime_checkable
class PageModule(Protocol):
    """A module of this package; one that needs results of some kind has ``available(results) -> bool`` as well."""

    PAGE: Page

    def context(self, results: Results, site: Site) -> dict[str, Any]:
        """Variables of the template; may publish data files through ``site``."""
