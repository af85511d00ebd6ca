"""Every file of the site: pages, published results, schemas, and what crawlers read."""

import json
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from site_builder import i18n, published
from site_builder.citation import cite
from site_builder.figures import plate
from site_builder.jobs import apart
from site_builder.pages import Page, shown
from site_builder.publish import Site
from site_builder.render import render_page
from site_builder.results import PUBLISHED_BELOW, Results
from site_builder.schemas import schema_files


def render_all(results: Results, site: Site) -> None:
    """Fill ``site`` with everything that is published."""
    publish_results(results, site)
    for name, content in schema_files().items():
        site.publish(f"data/schema/{name}", content)
    site.publish(published.ADDRESS, published.LIST.read_bytes())
    if site.base_url:
        publish_for_crawlers(results, site)
    english, *others = i18n.LANGUAGES
    with i18n.speaking(english):
        asked = ask(results, site)
        site.make_all()  # all drawings at once, then the pages that show them
    rest = apart(lambda: _new_files(results, site, others)) if site.processes > 1 else None
    with i18n.speaking(english):
        render_pages(results, site, asked)
    for path, content in (rest() if rest else _new_files(results, site, others)).items():
        site.publish(path, content)
    site.publish(".nojekyll", b"")


def _new_files(results: Results, site: Site, languages: Sequence[i18n.Language]) -> dict[str, bytes]:
    """The files that other languages add; English comes first, whose figures they share."""
    site.processes = 1  # there is hardly anything left to draw
    before = set(site.files)
    for language in languages:
        with i18n.speaking(language):
            asked = ask(results, site)
            site.make_all()
            render_pages(results, site, asked)
    return {path: site.files[path] for path in site.files if path not in before}


def ask(results: Results, site: Site) -> list[tuple[Page, dict[str, Any]]]:
    """Every page with the variables of its template, in the language that is being rendered."""
    return [(module.PAGE, module.context(results, site)) for module in shown(results)]


def render_pages(results: Results, site: Site, asked: Sequence[tuple[Page, dict[str, Any]]]) -> None:
    """Every page in the language that is being rendered."""
    described = json_ld(results, site)
    pages = [page for page, _ in asked]
    for page, context in asked:
        context["json_ld"] = described if page.slug in ("index", "data") else None
        site.publish(i18n.language().folder + page.file, render_page(page, pages, results, site, context))


def publish_results(results: Results, site: Site) -> None:
    """Every contract file and what is attached to it, unchanged, below ``data/results/``."""
    site.publish(PUBLISHED_BELOW + "index.json", results.index_bytes)
    for entry in results.index.files:
        site.publish_copy(PUBLISHED_BELOW + entry.path, results.place(entry.path), entry.sha256)
    for path, file in results.files.items():
        for name, (sha256, _size) in file.attachments.items():
            beside = results.place(path).parent / name
            site.publish_copy(f"{PUBLISHED_BELOW}{path.rpartition('/')[0]}/{name}", beside, sha256)


def publish_for_crawlers(results: Results, site: Site) -> None:
    """sitemap.xml, robots.txt and the social card: they need the site's address."""
    from site_builder.figures.card import card

    pages = [module.PAGE for module in shown(results)]
    urls = "".join(_sitemap_entry(site, p, language) for p in pages if p.indexed for language in i18n.LANGUAGES)
    spaces = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml"'
    sitemap = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {spaces}>{urls}</urlset>\n'
    site.publish("sitemap.xml", sitemap.encode())
    site.publish("robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n".encode())
    stars = [star for _, star in results.observed_examples()]
    stars = stars or [star for run in results.runs.values() for star in run.examples.values()]
    key = f"card {site.own.key()}"
    site.later(key, lambda: card(plate.choose(stars, 4), site.own), lambda content: site.publish("card.png", content))


def _sitemap_entry(site: Site, page: Page, language: i18n.Language) -> str:
    """One page in one language, with what it is called in all of them."""

    def address(one: i18n.Language) -> str:
        return escape(site.absolute(one.folder + page.file) or "", {'"': "&quot;"})

    tags = [(one.tag, address(one)) for one in i18n.LANGUAGES] + [("x-default", address(i18n.ENGLISH))]
    links = "".join(f'<xhtml:link rel="alternate" hreflang="{tag}" href="{url}"/>' for tag, url in tags)
    return f"<url><loc>{address(language)}</loc>{links}</url>"


def json_ld(results: Results, site: Site) -> dict[str, Any]:
    """The site as schema.org describes data sets and software; no results in it."""
    citation = cite(site.own.config)
    creator = {"@type": "Organization", "name": citation.author}
    newest = max(file.provenance.created for file in results.files.values())
    distribution = [
        {
            "@type": "DataDownload",
            "encodingFormat": "application/json",
            "contentUrl": site.absolute(PUBLISHED_BELOW + path) or PUBLISHED_BELOW + path,
        }
        for path in results.files
        if path.endswith(("run.json",)) or "/metrics." in path or "/predictions." in path
    ]
    dataset = {
        "@type": "Dataset",
        "name": i18n._("SpecViT results: log g of synthetic and observed stellar spectra"),
        "description": i18n._(
            "Predictions, metrics with bootstrap intervals, training curves and attention weights of SpecViT and its "
            "baselines, with provenance."
        ),
        "inLanguage": i18n.language().tag,
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "creator": creator,
        "version": citation.version,
        "dateModified": newest[:10],
        "variableMeasured": ["log g", "standard deviation of log g"],
        "distribution": distribution,
    }
    software = {
        "@type": "SoftwareSourceCode",
        "name": citation.title,
        "author": creator,
        "version": citation.version,
        "programmingLanguage": "Python",
    }
    if site.base_url:
        dataset["url"] = site.base_url
    return json.loads(json.dumps({"@context": "https://schema.org", "@graph": [dataset, software]}))
