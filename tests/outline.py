"""The outline of a page: its elements, names and addresses as indented text, without prose, numbers and drawings.

What a template says changes with the results; how a page is built does not. One line is one element: tag, id, classes,
what assistive technology is told, and the text of what is a name (headings, buttons, labels, column heads). Elements of
a sentence are left out, drawings are one line, and what is repeated is counted.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
NAMED = frozenset({"title", "h1", "h2", "h3", "h4", "button", "label", "legend", "summary"})
# Elements of a sentence; those with an id, or that a reader can operate, are kept.
INLINE = frozenset(
    {"abbr", "b", "bdi", "br", "cite", "code", "data", "dfn", "em", "i", "kbd", "small", "span", "strong", "sub"}
    | {"sup", "time", "var", "wbr"}
)
DRAWN = frozenset({"svg", "math"})  # one line, whatever is inside
SHOWN = ("type", "name", "rel", "for", "href", "src", "lang", "hreflang", "media", "property", "hidden", "tabindex")
LEFT_OUT = frozenset({"aria-valuetext", "data-src", "data-scale", "data-op"})


@dataclass
class Element:
    """An element with what it contains."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""


class _Tree(HTMLParser):
    """Builds the tree, and refuses a page whose tags do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag != self.open[-1].tag:
            raise ValueError(f"line {self.getpos()[0]}: </{tag}> where <{self.open[-1].tag}> is open")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def tree(html: str) -> Element:
    """The page as a tree.

    Raises:
        ValueError: a tag is closed that is not open, or is left open; the line is named.
    """
    parser = _Tree()
    parser.feed(html)
    parser.close()
    if len(parser.open) > 1:
        raise ValueError(f"<{parser.open[-1].tag}> is never closed")
    return parser.root


def outline(html: str) -> str:
    """The outline of a page, one element a line."""
    return "\n".join(line for child in tree(html).children for line in _lines(child)) + "\n"


def _lines(element: Element) -> list[str]:
    if _left_out(element):
        return _inside(element)
    return [_head(element), *("  " + line for line in ([] if element.tag in DRAWN else _inside(element)))]


def _inside(element: Element) -> list[str]:
    """The children's lines; of equal neighbours one is written, with their number."""
    if element.tag == "select":  # what there is to choose comes from the results
        return []
    children = element.children
    if "source-card" in element.attributes.get("class", ""):  # one for every file: alike but for its links
        children = [child for child in children if child.tag != "dl"]
    blocks = [block for child in children if (block := _lines(child))]
    lines: list[str] = []
    while blocks:
        first = blocks[0]
        n = next((i for i, block in enumerate(blocks) if block != first), len(blocks))
        lines += [first[0] + (f" × {n}" if n > 1 else ""), *first[1:]]
        del blocks[:n]
    return lines


def _left_out(element: Element) -> bool:
    a = element.attributes
    return element.tag in INLINE and not ({"id", "role", "tabindex", "popover"} & set(a))


def _head(element: Element) -> str:
    a, tag = element.attributes, element.tag
    named = f"#{_address(a['id'])}" if "id" in a else ""
    parts = [tag + named + "".join(f".{one}" for one in a.get("class", "").split())]
    for name, value in a.items():
        if name in LEFT_OUT or not (name in SHOWN or name == "role" or name.startswith(("aria-", "data-", "popover"))):
            continue
        said = _words(value) if name == "aria-label" else _address(value)
        parts.append(f"{name}={said}" if value else name)
    text = _words(element.text)
    if text and (tag in NAMED or a.get("scope") == "col" or (tag == "a" and len(text) < 40)):
        parts.append(f"“{text}”")
    return " ".join(parts)


def _words(text: str) -> str:
    """A text without its numbers, which are the results'."""
    return " ".join(re.sub(r"[−+-]?\d([\d.,\u202f\u00a0]*\d)?", "0", text).split())


def _address(text: str) -> str:
    """An id or an address without what changes with the assets, or with the order of marks."""
    return re.sub(r"\bsource-\d+", "source-N", re.sub(r"(?<=assets/)[0-9a-f]{12}/", "", text))
