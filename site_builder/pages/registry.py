"""All pages in the order of the menu."""

import importlib
from typing import cast

from site_builder.pages.base import Page, PageModule

NAMES = ("index", "snr", "tokens", "attention", "results", "transfer", "spectra", "try_it", "deep_dive", "data", "not_found")


def _modules() -> list[PageModule]:
    found = []
    for name in NAMES:
        try:
            found.append(cast(PageModule, importlib.import_module(f"site_builder.pages.{name}")))
        except ModuleNotFoundError as error:  # development only: a page that is not written yet
            if error.name != f"site_builder.pages.{name}":
                raise
    return found


MODULES: list[PageModule] = _modules()
PAGES: list[Page] = [module.PAGE for module in MODULES]
