"""The one Jinja environment, and what a template can call.

Templates get, beside the page's own context:

``num(q, digits, unit, sign, scale)``  a number of the results (a ``Quantity``)
``measured(m, digits, unit, sign)``    a value with its interval (a ``Measured``)
``source_mark(*things, text)``         a mark that opens the provenance of quantities, rows or paths
``fmt(value, digits)``                 a plain number of the layout (never a result)
``site``, ``page``, ``pages``          the build, this page, all pages in the order of the menu
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from site_builder import markup
from site_builder.contract.schema import Provenance
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Measured, Quantity, Results, Row

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@cache
def environment() -> Environment:
    """The environment: everything is escaped, a variable that does not exist is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        num=markup.number,
        measured=markup.interval,
        fmt=markup.format_number,
        mathml=markup.mathml,
        join=markup.join,
    )
    return env


@dataclass(frozen=True)
class SourceCard:
    """One provenance card at the end of a page: the files it speaks for and where they come from."""

    id: str
    provenance: Provenance
    paths: tuple[str, ...]

    @property
    def links(self) -> list[tuple[str, str]]:
        """(address in the site, path) of each file."""
        return [(PUBLISHED_BELOW + path, path) for path in self.paths]


@dataclass
class Sources:
    """Collects the provenance cards of one page while it is rendered."""

    results: Results
    cards: dict[tuple[str, ...], list[SourceCard]] = field(default_factory=dict)

    def mark(self, *things: Quantity | Measured | Row | str, text: str = "") -> Markup:
        """A mark that opens where things come from; one mark per run if they come from several."""
        paths = tuple(dict.fromkeys(p for thing in things for p in _paths(thing)))
        if not paths:
            raise ValueError("a source mark needs at least one result")
        if paths not in self.cards:
            self.cards[paths] = list(self._new_cards(paths))
        cards = self.cards[paths]
        label = text or "Source"
        return markup.concat([markup.source_button(c.id, f"{label}: run {c.provenance.run}", text) for c in cards])

    def _new_cards(self, paths: Sequence[str]) -> Iterable[SourceCard]:
        runs: dict[str, list[str]] = {}
        for path in paths:
            runs.setdefault(self.results.provenance(path).run, []).append(path)
        number = sum(len(c) for c in self.cards.values())
        for i, own in enumerate(runs.values()):
            yield SourceCard(f"source-{number + i + 1}", self.results.provenance(own[0]), tuple(own))

    @property
    def all(self) -> list[SourceCard]:
        """Every card, in the order of the page."""
        return [card for cards in self.cards.values() for card in cards]


def _paths(thing: Quantity | Measured | Row | str) -> tuple[str, ...]:
    if isinstance(thing, str):
        return (thing,)
    if isinstance(thing, Row):
        return (thing.path,)
    return thing.paths


def render_page(page: Page, pages: Sequence[Page], results: Results, site: Site, context: dict[str, Any]) -> bytes:
    """One page as UTF-8 HTML."""
    sources = Sources(results)
    text = (
        environment()
        .get_template(page.template)
        .render(
            page=page,
            pages=pages,
            results=results,
            site=site,
            sources=sources,
            source_mark=sources.mark,
            **context,
        )
    )
    return text.encode()
