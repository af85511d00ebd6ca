"""How to cite (CITATION.cff), what changed (CHANGELOG.md), what was wrong (corrections.json): one source each."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from site_builder.config import SiteConfig
from site_builder.publish import ROOT

CORRECTIONS = Path(__file__).with_name("corrections.json")


@dataclass(frozen=True)
class Citation:
    """What CITATION.cff says."""

    title: str
    version: str
    date: str
    author: str
    url: str | None
    key: str = "specvit"

    @property
    def bibtex(self) -> str:
        """A BibTeX entry."""
        fields = {
            "author": "{" + self.author + "}",
            "title": "{" + self.title + "}",
            "year": self.date[:4],
            "version": self.version,
        }
        if self.url:
            fields["url"] = self.url
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@software{{{self.key},\n{body}\n}}"


def read_citation(path: Path = ROOT / "CITATION.cff") -> Citation:
    """The flat fields of CITATION.cff that a page needs (no YAML library for five lines)."""
    text = path.read_text(encoding="utf-8")

    def field(name: str) -> str | None:
        found = re.search(rf'^\s*-?\s*{name}:\s*"?([^"\n]+?)"?\s*$', text, flags=re.M)
        return found[1] if found else None

    return Citation(
        title=field("title") or "SpecViT",
        version=field("version") or "0",
        date=field("date-released") or "",
        author=field("name") or "The SpecViT maintainers",
        url=field("repository-code") or field("url"),
    )


def cite(config: SiteConfig) -> Citation:
    """How to cite a site: its own configuration first, then CITATION.cff."""
    given = config.citation
    own = {
        name: value for name in ("title", "author", "version", "date", "url", "key") if (value := getattr(given, name))
    }
    if "author" not in own and config.authors:
        own["author"] = " and ".join(config.authors)
    return replace(read_citation(), **own)


@dataclass(frozen=True)
class Change:
    """One version of the changelog: its heading and its entries by kind."""

    heading: str
    groups: list[tuple[str, list[str]]]


def read_changes(path: Path = ROOT / "CHANGELOG.md") -> list[Change]:
    """Versions with entries, newest first; code marks and link syntax become plain text."""
    changes: list[Change] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            changes.append(Change(line[3:].replace("[", "").replace("]", ""), []))
        elif line.startswith("### ") and changes:
            changes[-1].groups.append((line[4:], []))
        elif line.startswith("- ") and changes and changes[-1].groups:
            changes[-1].groups[-1][1].append(_plain(line[2:]))
        elif line.startswith("  ") and changes and changes[-1].groups and changes[-1].groups[-1][1]:
            changes[-1].groups[-1][1][-1] += " " + _plain(line.strip())
    return [change for change in changes if any(items for _, items in change.groups)]


def _plain(text: str) -> str:
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")


@dataclass(frozen=True)
class Correction:
    """Something that a published page said and that was wrong."""

    date: str
    page: str
    was: str
    right: str


def read_corrections(path: Path = CORRECTIONS) -> list[Correction]:
    """The corrections, newest first; an empty list says that there were none."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return sorted((Correction(**row) for row in rows), key=lambda c: c.date, reverse=True)
