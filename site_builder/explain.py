"""Where every number of a built page comes from: ``build.py --explain PAGE``, and its test.

A page is read as a visitor gets it. Each number in its visible text is one of these:

``value``      shown by ``markup.number``: a JSON pointer into the results, and how the value follows from it
``text``       part of a text of a published file (a title, a recipe, the name of a star), found by its words
``figure``     drawn; it comes from the files that the mark under the figure opens
``record``     in a provenance card
``convention`` on the reviewed list ``conventions.json``: definitions, names of figures and the like
``nothing``    none of these; no page may hold one
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from site_builder import i18n
from site_builder.citation import cite, read_changes, read_corrections
from site_builder.config import Own
from site_builder.contract import BadInput
from site_builder.pages import PAGES
from site_builder.results import PUBLISHED_BELOW

LIST = Path(__file__).with_name("conventions.json")
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
UNSEEN = frozenset({"script", "style", "template", "head", "math"})
_TOKEN = re.compile(r"(?<![A-Za-z\d.])\d(?:[\d\u2009.,]*\d)?")  # digits behind a letter are part of a name: DR10
WORDY = 16  # a text that begins with a number must be longer (bytes) to be found inside another
_HEX = re.compile(r"[0-9a-f]{8,64}")


@dataclass
class Node:
    """One element of a page."""

    tag: str
    attrs: dict[str, str]
    parent: "Node | None" = None
    children: list["Node | str"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """This element and all below it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def up(self) -> Iterator["Node"]:
        """This element and all that it lies in, innermost first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    @property
    def text(self) -> str:
        """All text inside."""
        return "".join(c if isinstance(c, str) else c.text for c in self.children)


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Node("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        for node in self.at.up():
            if node.tag == tag and node.parent is not None:
                self.at = node.parent
                return

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def tree(html: str) -> Node:
    """The elements of a page."""
    parser = _Tree()
    parser.feed(html)
    return parser.root


@dataclass(frozen=True)
class Found:
    """One number of a page (or one text, or one figure, with all its numbers) and where it comes from.

    ``sources`` are addresses in the site with a JSON pointer behind ``#``, or names of files of the repository.
    """

    text: str
    kind: str
    sources: tuple[str, ...] = ()
    op: str = "is"
    where: str = ""


@dataclass(frozen=True)
class Convention:
    """A number that is no result: a pattern of the text around it, and why it may stand there."""

    pattern: re.Pattern[str]
    why: str


@cache
def conventions() -> tuple[Convention, ...]:
    """The reviewed list."""
    rows = json.loads(LIST.read_text(encoding="utf-8"))["rows"]
    return tuple(Convention(re.compile(row["pattern"], re.I), row["why"]) for row in rows)


class Texts:
    """Every text with a number in the published files, by its words in one language."""

    def __init__(self, files: Mapping[str, bytes], language: i18n.Language, own: Own | None = None) -> None:
        self.whole: dict[str, str] = {}
        self.by_number: dict[str, list[str]] = {}
        self.hashes: dict[str, str] = {}
        with i18n.speaking(language):
            for text, source in _texts(files, own or Own()):
                self._add(text, source)
        for known in self.by_number.values():
            known.sort(key=len, reverse=True)

    def _add(self, text: str, source: str) -> None:
        if _HEX.fullmatch(text):
            self.hashes.setdefault(text[:8], source)
        for one in {text, str(i18n.said(text)), i18n.gettext(text)}:
            key = _plain(one)
            first = _TOKEN.search(key)
            if first and key not in self.whole:
                self.whole[key] = source
                if re.match(r"[^\W\d]|\d-[^\W\d]", key) or (len(key.encode()) > WORDY and re.search(r"[^\W\d]", key)):
                    self.by_number.setdefault(first[0], []).append(key)

    def take(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """What is left of a text when all that is known is taken out, and (text, source) of what was."""
        plain = _plain(text)
        if (source := self.whole.get(plain)) is not None:
            return "", [(text.strip(), source)]
        found = []
        for match in _HEX.finditer(plain):
            if match[0][:8] in self.hashes:
                found.append((match[0], self.hashes[match[0][:8]]))
                plain = plain.replace(match[0], " " * len(match[0]), 1)
        for token in dict.fromkeys(_TOKEN.findall(plain)):
            for key in self.by_number.get(token, ()):
                pattern = rf"(?<![A-Za-z\d]){re.escape(key)}(?![A-Za-z\d])"
                if key in plain and re.search(pattern, plain):
                    found.append((key, self.whole[key]))
                    plain = re.sub(pattern, lambda m: "\n" * len(m[0]), plain)
        return plain, found


def _plain(text: str) -> str:
    """A text as it is compared: without case, final stop and differences of spacing."""
    return re.sub(r"[^\S\u2009]+", " ", text.replace("\u2212", "-")).strip().rstrip(".。").casefold()


def _texts(files: Mapping[str, bytes], own: Own) -> Iterator[tuple[str, str]]:
    """(text, source) of every text of the published files, and of those that pages quote."""
    for path in sorted(files):
        if re.fullmatch(r"data/(results/(?!.*/predictions\.).*|published|lines)\.json", path):
            yield from _strings(json.loads(files[path]), f"{path}#")
    for change in read_changes():
        for text in [change.heading, *(item for _, items in change.groups for item in items)]:
            yield text, "CHANGELOG.md"
    for correction in read_corrections():
        for text in (correction.date, correction.page, correction.was, correction.right):
            yield text, "site_builder/corrections.json"
    for line in cite(own.config).bibtex.splitlines():
        yield line, "CITATION.cff"
    yield cite(own.config).version, "CITATION.cff"
    yield from _strings(own.config.model_dump(mode="json"), "site.toml#")


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, place
    elif isinstance(value, list):
        for i, part in enumerate(value):
            if isinstance(part, dict | list | str):
                yield from _strings(part, f"{place}/{i}")
    elif isinstance(value, dict):
        for key, part in value.items():
            below = f"{place}/{key.replace('~', '~0').replace('/', '~1')}"
            yield key, below
            yield from _strings(part, below)


def explain(files: Mapping[str, bytes], path: str, texts: Texts) -> list[Found]:
    """Every number of the visible text of one page, in its order.

    Args:
        files: the built site.
        path: the page in it, for example ``zh/snr.html``.
        texts: the texts of the site in the language of the page.
    """
    page = tree(files[path].decode())
    cards = {n.attrs.get("id", ""): n for n in page.walk() if "source-card" in n.attrs.get("class", "").split()}
    files_of = {name: tuple(card_files(card)) for name, card in cards.items()}
    found: list[Found] = []
    where = ""

    def visit(node: Node) -> None:
        nonlocal where
        if node.tag in UNSEEN:
            return
        if node.tag in ("h1", "h2", "h3", "summary", "caption"):
            where = " ".join(node.text.split())
        if node.tag == "time" and _plain(node.attrs.get("datetime", "")) in texts.whole:
            found.append(Found(node.text, "text", (texts.whole[_plain(node.attrs["datetime"])],), "is", where))
        elif "data-src" in node.attrs and node.attrs.get("class") == "num":
            found.append(_value(node, where))
        elif node.tag == "svg":
            if _TOKEN.search("".join(c.text for c in node.walk() if c.tag == "text")):
                found.append(drawing(node, files_of, where))
        elif node.attrs.get("id") in cards:
            found.extend(_record(node, files_of[node.attrs["id"]]))
        elif "data-src" in node.attrs:
            found.extend(_labelled(node, texts, where))
        else:
            for child in node.children:
                if isinstance(child, Node):
                    visit(child)
                elif _TOKEN.search(child):
                    found.extend(_read(child, texts, where))

    for node in page.children:
        if isinstance(node, Node):
            visit(node)
    return found


def card_files(card: Node) -> Iterator[str]:
    """Addresses of the contract files that a provenance card speaks for."""
    for node in card.walk():
        address = unquote(node.attrs.get("href", "")).removeprefix("../")
        if address.startswith(PUBLISHED_BELOW):
            yield address


def _value(node: Node, where: str) -> Found:
    sources = tuple(unquote(s) for s in node.attrs.get("data-src", "").split())
    return Found(node.text, "value" if sources else "nothing", sources, node.attrs.get("data-op", "is"), where)


def _record(card: Node, paths: tuple[str, ...]) -> Iterator[Found]:
    text = " ".join(card.text.split())
    yield Found(text, "record", tuple(f"{path}#/provenance" for path in paths))


def drawing(node: Node, files_of: Mapping[str, tuple[str, ...]], where: str) -> Found:
    """A drawing: the marks of the innermost figure, list or section that has some speak for it."""
    name = node.attrs.get("aria-labelledby", "").removesuffix("-title") or "drawing"
    for around in node.up():
        if around.tag in ("figure", "section", "li", "div"):
            marks = [n.attrs.get("popovertarget", "") for n in around.walk() if n.tag == "button"]
            paths = dict.fromkeys(p for mark in marks for p in files_of.get(mark, ()))
            if paths:
                return Found(f"figure {name}", "figure", tuple(f"{path}#" for path in paths), "is", where)
    return Found(f"figure {name}", "nothing", (), "is", where)


def _labelled(node: Node, texts: Texts, where: str) -> Iterator[Found]:
    """An element that may hold no others (an option): its numbers come from its sources, in their order."""
    sources = [unquote(s) for s in node.attrs["data-src"].split()]
    rest, known = texts.take(node.text)
    for text, source in known:
        yield Found(text, "text", (source,), "is", where)
    tokens = [match[0] for match in re.finditer(rf"[-+\u2212]?{_TOKEN.pattern}", rest)]
    for i, token in enumerate(tokens):
        if i < len(sources):
            yield Found(token, "value", (sources[i],), node.attrs.get("data-op", "is"), where)
        else:
            yield Found(token, "nothing", (), "is", " ".join(node.text.split())[:120])


def _read(text: str, texts: Texts, where: str) -> Iterator[Found]:
    """The numbers of a bare text."""
    rest, known = texts.take(text)
    for one, source in known:
        yield Found(one, "text", (source,), "is", where)
    for convention in conventions():
        for match in convention.pattern.finditer(rest):
            if _TOKEN.search(match[0]):
                yield Found(match[0].strip(), "convention", (), convention.why, where)
        rest = convention.pattern.sub(" ", rest)
    for match in _TOKEN.finditer(rest):
        yield Found(match[0], "nothing", (), "is", " ".join(text.split())[:120])


HEADER = ("number", "rule", "from", "run", "config", "commit", "data", "seed", "machine")


def known(page: str) -> str:
    """Path of a page in the site, from what a user calls it (``snr``, ``snr.html``, ``zh/snr``).

    Raises:
        BadInput: there is no such page.
    """
    paths = {one.folder + p.file for p in PAGES for one in i18n.LANGUAGES}
    path = page if page.endswith(".html") else f"{page}.html"
    if path not in paths:
        names = ", ".join(p.slug for p in PAGES)
        raise BadInput(f"--explain {page} is no page of the site; give one of {names}, or zh/ and one of them.")
    return path


def listing(files: Mapping[str, bytes], path: str, own: Own | None = None) -> Iterator[tuple[str, ...]]:
    """``HEADER``, then one row of text for each number of a page.

    Raises:
        BadInput: these results leave the page out.
    """
    if path not in files:
        raise BadInput(f"--explain {path}: these results have nothing for that page; give one that the menu has.")
    language = next(one for one in reversed(i18n.LANGUAGES) if path.startswith(one.folder))
    yield HEADER
    for found in explain(files, path, Texts(files, language, own)):
        rule = found.op if found.kind == "value" else found.kind
        if found.kind == "convention":
            yield (found.text, rule, found.op, *[""] * 6)
        else:
            text = " ".join(found.text.split())
            yield (text, rule, " ".join(found.sources), *_records(files, found.sources))


def _records(files: Mapping[str, bytes], sources: tuple[str, ...]) -> tuple[str, ...]:
    """Run, config, commit, data, seed and machine of the files that a number comes from; several with '; '."""
    found: dict[tuple[str, ...], None] = {}
    for path in dict.fromkeys(source.partition("#")[0] for source in sources):
        p = _provenance(files, path)
        if p:
            data = ", ".join(f"{name} {sha[:12]}" for name, sha in p["data_sha256"].items())
            m = p["machine"]
            machine = f"{m['cpu']}, {m['cores']} cores{', ' + m['gpu'] if m['gpu'] else ''}"
            commit = p["commit"][:12] + ("+" if p["dirty"] else "")
            found[p["run"], p["config_sha256"][:12], commit, data, str(p["seed"]), machine] = None
    return tuple("; ".join(column) for column in zip(*found, strict=True)) or ("",) * 6


def _provenance(files: Mapping[str, bytes], path: str) -> dict[str, Any] | None:
    if not path.startswith(PUBLISHED_BELOW):
        return None
    content: dict[str, Any] = json.loads(files[path])
    return content.get("provenance")
