"""The one Jinja environment, and what a template can call.

Templates get, beside the page's own context:

``num(q, digits, unit, sign, scale)``  a number of the results (a ``Quantity``)
``measured(m, digits, unit, sign)``    a value with its interval (a ``Measured``)
``source_mark(*things, text)``         a mark that opens the provenance of quantities, rows or paths
``counted(things, among)``             how many there are of some rows, bins, stars, with the place of each
``labelled(text, *q)``, ``src(*q)``    a text whose numbers come from these quantities, in their order
``fmt(value, digits)``                 a plain number of the layout (never a result)
``site``, ``page``, ``pages``          the build, this page, all pages in the order of the menu
``{% trans %}``, ``_``, ``ngettext``   texts in the language of the page; texts of the results are looked up unasked
``still``                              true, if a page sets it: its own scripts are not loaded
``star_class(name, form)``             a class of stars in words: "many" (giants) or "Many" (Giants)
``sep(loop)``                          what stands before an item of a list in a sentence: "", ", " or " and "

An address is a path from the top of the site; ``render_page`` makes it relative to the page's folder.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from markupsafe import Markup

from site_builder import derived, i18n, markup
from site_builder.cache import Cache
from site_builder.contract.schema import Provenance
from site_builder.design import FAMILIES
from site_builder.pages import PAGES
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Measured, Quantity, Results, Row
from site_builder.stars import class_word
from site_builder.texts import script_texts

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@pass_context
def _finalize(context: Any, value: Any) -> Any:
    """What a template prints: texts of the results in the language of the page."""
    return i18n.said(value)


def _with_said(function: Any) -> Any:
    """A gettext function of templates whose variables may be texts of the results."""

    @pass_context
    def said(context: Any, *texts: Any, **variables: Any) -> Any:
        return function(context, *texts, **{k: i18n.said(v) for k, v in variables.items()})

    return said


def _counted(things: Sequence[Any], among: Sequence[Any] = ()) -> Markup:
    """How many there are, as a number that knows the place of each."""
    return markup.number(derived.count(things, among))


def _separator(loop: Any, between: str = "", last: str = "") -> str:
    """What stands before an item of a list in a sentence."""
    if loop.first:
        return ""
    return (last or i18n._(" and ")) if loop.last and not between else (between or i18n._(", "))


class Compiled(BytecodeCache):
    """Templates compiled by ``compile_all``, or by an earlier build of the same code."""

    def __init__(self, kept: Cache) -> None:
        self.kept = kept
        self.made: dict[str, bytes] = {}

    @staticmethod
    def name(bucket: Bucket) -> str:
        """What a template's code is kept by."""
        return f"template {bucket.key} {bucket.checksum}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the template's code, if it is there."""
        if content := self.made.get(self.name(bucket)) or self.kept.get(self.name(bucket)):
            bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the template's code."""
        self.kept.put(self.name(bucket), bucket.bytecode_to_string())


def compile_all(site: Site) -> None:
    """Ask for the code of all templates, before anything else is asked for: it needs no results."""
    env = environment(site.cache)
    compiled = env.bytecode_cache
    assert env.loader is not None
    assert isinstance(compiled, Compiled)
    for template in env.list_templates(extensions=["j2"]):
        source, path, _ = env.loader.get_source(env, template)
        bucket = compiled.get_bucket(env, template, path, source)
        if bucket.code is None:
            name = compiled.name(bucket)
            site.later(name, partial(_code, bucket, source, template, path), partial(compiled.made.__setitem__, name))


def _code(bucket: Bucket, source: str, template: str, path: str | None) -> bytes:
    bucket.code = bucket.environment.compile(source, template, path)
    return bucket.bytecode_to_string()


@cache
def environment(kept: Cache | None = None) -> Environment:
    """The environment: everything is escaped, a variable that does not exist is an error.

    Args:
        kept: where compiled templates are kept from one build to the next.
    """
    env = Environment(
        bytecode_cache=Compiled(kept or Cache(None)),
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=_finalize,
    )
    env.filters["said"] = i18n.said
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(i18n.gettext, i18n.plural, newstyle=True)  # type: ignore[attr-defined]
    for name in ("gettext", "ngettext"):
        env.globals[name] = _with_said(env.globals[name])
    env.globals.update(
        num=markup.number,
        measured=markup.interval,
        counted=_counted,
        labelled=markup.labelled,
        src=markup.addresses,
        fmt=markup.format_number,
        mathml=markup.mathml,
        inline_script=markup.inline_script,
        join=markup.join,
        sep=_separator,
        star_class=class_word,
        families=tuple(FAMILIES),
        language=i18n.language,
        languages=i18n.LANGUAGES,
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
        label = text or i18n._("Source")
        names = [i18n._("{label}: run {run}", label=label, run=card.provenance.run) for card in cards]
        return markup.concat([markup.source_button(c.id, n, text) for c, n in zip(cards, names, strict=True)])

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
    """One page as UTF-8 HTML, in the language that is being rendered."""
    sources = Sources(results)
    text = (
        environment(site.cache)
        .get_template(page.template)
        .render(
            page=page,
            pages=pages,
            results=results,
            site=site,
            sources=sources,
            source_mark=sources.mark,
            messages=script_texts(page, results),
            **context,
        )
    )
    absent = {other.file for other in PAGES} - {other.file for other in pages} - {page.file}
    return below(without_links(i18n.set_type(text), absent), i18n.language().folder).encode()


def without_links(html: str, absent: Collection[str]) -> str:
    """A page whose links to pages that are not there are plain text."""
    if not absent:
        return html
    names = "|".join(re.escape(name) for name in sorted(absent))
    return re.sub(rf'<a\b[^>]*\shref="(?:{names})(?:[?#][^"]*)?"[^>]*>(.*?)</a>', r"\1", html, flags=re.S)


# In attributes (data-src is a path in the site, not an address) and in the JSON that scripts read.
_ADDRESS = re.compile(r'(\s(?!data-src)[a-z-]+="|[:\[,] ?")(?=(?:data|assets)/)')


def below(html: str, folder: str) -> str:
    """A page with the addresses of shared files as seen from the folder that the page lies in."""
    return _ADDRESS.sub(lambda m: m[1] + "../" * folder.count("/"), html)
