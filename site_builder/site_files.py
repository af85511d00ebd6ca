"""Every file of the site: pages, published results, schemas, and what crawlers read."""

from site_builder.contract.io import read_bytes
from site_builder.pages import MODULES, PAGES
from site_builder.publish import Site
from site_builder.render import render_page
from site_builder.results import PUBLISHED_BELOW, Results


def render_all(results: Results, site: Site) -> None:
    """Fill ``site`` with everything that is published."""
    publish_results(results, site)
    for module in MODULES:
        page = module.PAGE
        html = render_page(page, PAGES, results, site, module.context(results, site))
        site.publish(page.file, html)
    site.publish(".nojekyll", b"")


def publish_results(results: Results, site: Site) -> None:
    """Every contract file, unchanged, below ``data/results/``."""
    for path in ["index.json", *results.files]:
        site.publish(PUBLISHED_BELOW + path, read_bytes(results.root / path))
