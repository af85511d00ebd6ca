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
PAGES: list[Page] = [module.PAGE for module in MODULES]
