"""``python -m site_builder translate``: every text into the catalogues, and what is not translated yet."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from site_builder import i18n
from site_builder.contract.io import write_atomic
from site_builder.publish import ROOT
from site_builder.texts import prose

_SCRIPT = {"t": None, "tn": (1, 2)}
_TEMPLATE = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
_SOURCES: list[tuple[str, str, str, dict[str, Any] | None, dict[str, str]]] = [
    ("site_builder", "**.py", "python", None, {}),
    ("templates", "**.j2", "jinja2.ext:babel_extract", None, _TEMPLATE | {"silent": "false"}),
    ("static/js", "**.js", "javascript", _SCRIPT, {}),
]


def _site_texts(root: Path) -> Iterator[tuple[str, Any]]:
    """(file, text or pair of forms) of everything that is marked."""
    from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

    for folder, pattern, method, keywords, options in _SOURCES:
        found = extract_from_dir(
            root / folder, [(pattern, method)], {pattern: options}, keywords=keywords or DEFAULT_KEYWORDS
        )
        for path, _line, text, _comments, _context in found:
            yield f"{folder}/{path}", text
    for path, parts in (("published.json", ("rows", "transfer", "scaling")), ("lines.json", ("groups",))):
        content = json.loads((root / "site_builder" / path).read_text(encoding="utf-8"))
        yield from ((f"site_builder/{path}", text) for text in _listed({key: content[key] for key in parts}))


def _listed(content: dict[str, Any]) -> Iterator[str]:
    """Texts of our own lists: figures of others, and groups of lines."""
    fields = ("work", "data", "quantity", "source", "strategy", "stars", "title", "note", "about")
    for part in content.values():
        for row in part if isinstance(part, list) else [part]:
            if isinstance(row, dict):
                yield from (text for key in fields if isinstance(text := row.get(key), str) and text)
                yield from _listed({"": row["curves"]} if "curves" in row else {})


def _result_texts(root: Path) -> Iterator[tuple[str, Any]]:
    """(file, text with fields for numbers) of the shipped results."""
    for path in sorted((root / "results").rglob("*.json")):
        if path.name.startswith(("index.", "predictions.", "history.")) or path.parent.name == "attention":
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        for text in prose(content):
            yield f"results/{path.parent.name}/", i18n.numbered(text)[0]


def extracted(domain: str, root: Path = ROOT) -> dict[str, tuple[Any, set[str]]]:
    """Every text of a domain by its key: (text or pair of forms, files that it stands in)."""
    out: dict[str, tuple[Any, set[str]]] = {}
    for path, text in _site_texts(root) if domain == "site" else _result_texts(root):
        key = text[0] if isinstance(text, tuple | list) else text
        known = out.setdefault(key, (text, set()))
        known[1].add(path)
        if isinstance(text, tuple | list) and not isinstance(known[0], tuple | list):
            out[key] = (text, known[1])
    return out


def updated(code: str, domain: str, root: Path = ROOT) -> tuple[bytes, list[str]]:
    """The catalogue with exactly the texts that there are, and the keys that have no translation."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    path = i18n.catalogue_path(code, domain)
    old = Catalog(locale=code)
    if path.is_file():
        with path.open("rb") as file:
            old = read_po(file, locale=code, domain=domain)
    who = "The SpecViT maintainers"
    new = Catalog(locale=code, domain=domain, project="SpecViT", version="1", copyright_holder=who, fuzzy=False)
    new.header_comment = f"# {domain.capitalize()} texts; brought up to date by python -m site_builder translate."
    new.last_translator = new.language_team = who
    new.creation_date = new.revision_date = datetime(2026, 11, 25, tzinfo=UTC)  # else every run would change the file
    missing = []
    for key, (text, files) in sorted(extracted(domain, root).items(), key=lambda item: (min(item[1][1]), item[0])):
        known = old.get(key)
        kept: Any = known.string if known is not None and not known.fuzzy else ""
        plural = isinstance(text, tuple | list)
        if plural != isinstance(kept, tuple | list):
            kept = (kept,) if plural and kept else ""
        comments = list(known.user_comments) if known is not None else []
        new.add(tuple(text) if plural else text, kept, [(f, 1) for f in sorted(files)], user_comments=comments)
        if not kept or (plural and not all(kept)):
            missing.append(key)
    buffer = io.BytesIO()
    write_po(buffer, new, width=0, include_lineno=False, ignore_obsolete=True)
    return buffer.getvalue(), missing


def write_catalogues(root: Path = ROOT) -> list[str]:
    """Bring every catalogue up to date; returns lines to print."""
    lines = []
    for one in i18n.LANGUAGES[1:]:
        for domain in i18n.DOMAINS:
            content, missing = updated(one.code, domain, root)
            path = i18n.catalogue_path(one.code, domain)
            write_atomic(path, content)
            lines += [f"{path.relative_to(ROOT)}: {len(missing)} to translate", *(f"  {key}" for key in missing)]
    return lines
