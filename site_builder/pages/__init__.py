"""One module a page: ``PAGE`` and ``context(results, site)``; ``PAGES`` is the order of the menu."""

from site_builder.pages.base import STRICT_CSP, Page, PageModule
from site_builder.pages.registry import MODULES, PAGES, shown

__all__ = ["MODULES", "PAGES", "STRICT_CSP", "Page", "PageModule", "shown"]
