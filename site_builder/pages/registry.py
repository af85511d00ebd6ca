"""All pages in the order of the menu."""

from typing import cast

from site_builder.pages import (
    attention,
    data,
    deep_dive,
    index,
    not_found,
    results,
    snr,
    spectra,
    tokens,
    transfer,
    try_it,
)
from site_builder.pages.base import Page, PageModule
from site_builder.results import Results

MODULES: list[PageModule] = [
    cast(PageModule, module)
    for module in (
        index,
        snr,
        tokens,
        attention,
        results,
        transfer,
        spectra,
        try_it,
        deep_dive,
        data,
        not_found,
    )
]


def shown(results: Results) -> list[PageModule]:
    """The pages that these results have something for; the others leave the menu, and links to them go."""
    return [module for module in MODULES if getattr(module, "available", _always)(results)]


def _always(results: Results) -> bool:
    return True


PAGES: list[Page] = [module.PAGE for module in MODULES]
