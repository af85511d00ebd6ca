"""Hostile texts in the results and hostile files of a reader: how many were tried, and what became of them."""

import tempfile
from pathlib import Path

from common import Section, main
from pydantic import ValidationError

from model.surveys import formats
from site_builder import checks, site_files
from site_builder.contract import BadInput
from site_builder.explain import tree
from site_builder.figures import svg
from site_builder.publish import Site
from site_builder.results import Results
from tests import hostile
from tests.factory import make_results

PLAIN = "Words "  # no name that the contract would take, and no word of a list


def _no_drawing(draw: object, size: tuple[int, int], *_: object) -> str:
    return f'<svg viewBox="0 0 {size[0]} {size[1]}"></svg>'


def _pages(results: Results) -> dict[str, dict[str, int]]:
    """Elements of each page by tag, and the attributes that run."""
    svg._draw = _no_drawing  # elements of pages are counted, and drawings take a minute each time
    site = Site()
    site_files.render_all(results, site)
    out: dict[str, dict[str, int]] = {}
    for path in (p for p in site.files if p.endswith(".html")):
        counts = out.setdefault(path, {})
        for node in tree(site.files[path].decode()).walk():
            for name in (node.tag, *(a for a in node.attrs if a.startswith("on"))):
                counts[name] = counts.get(name, 0) + 1
    return out


def _refused(results: Results, path: str, place: tuple[str | int, ...], text: str, only: tuple = checks.CHECKS) -> bool:
    kind = str(type(results.files[path]).model_fields["kind"].default)
    try:
        changed = hostile.with_text(results, path, place, text)
        for check in (c for c in only if kind in checks.LOOKS_AT[c.__name__]):
            check(changed)
    except (ValidationError, BadInput, KeyError, StopIteration, AssertionError):  # a name that something else must bear
        return True
    return False


def measure() -> Section:
    section = Section(
        "Hostile texts and files",
        "Every text field of the contract that takes any text, with each text of `tests/hostile.py` (tags, quotes, "
        "template syntax, bidi marks, NUL, a megabyte), and files that claim 10 GB or unpack to a thousand times their "
        "size. A text is refused in one sentence, or it is words: all pages keep their elements. A file is refused in "
        "one sentence.",
        ["what", "fields or files", "tried", "refused", "words on pages", "anything else"],
    )
    with tempfile.TemporaryDirectory() as folder:
        results = Results.load(make_results(Path(folder) / "results", n_stars=60, n_pixels=64))
        fields = hostile.text_fields(results)
        free = [f for f in fields if not _refused(results, *f, PLAIN)]
        odd = sum(not _refused(results, *f, text, (checks.check_texts,)) for f in free for text in hostile.REFUSED)
        tried = len(free) * len(hostile.REFUSED)
        section.rows.append(["texts that must not pass", str(len(free)), str(tried), str(tried - odd), "0", str(odd)])
        plain = results
        for path, place in free:
            plain = hostile.with_text(plain, path, place, PLAIN)
        before, broken = _pages(plain), 0
        for text in hostile.ESCAPED:
            attacked = results
            for path, place in free:
                attacked = hostile.with_text(attacked, path, place, PLAIN + text)
            after = _pages(attacked)
            broken += sum(after[path] != before[path] for path in before)
        tried = len(free) * len(hostile.ESCAPED)
        row = ["texts that are words", str(len(free)), str(tried), "0", str(tried), f"{broken} pages"]
        section.rows.append(row)
        files = hostile.write(Path(folder), hostile.claims() | {"bomb.fits.gz": hostile.bomb()})
        kept = 0
        for path in files:
            for read in (formats.read_any, formats.read_rows):
                try:
                    read(path)
                except BadInput:
                    kept += 1
        section.rows.append(
            ["files, command line", str(len(files)), str(2 * len(files)), str(kept), "0", str(2 * len(files) - kept)]
        )
    section.note = (
        f"Fields of the contract that hold text: {len(fields)}; the others of them take names or words of a list."
    )
    return section


if __name__ == "__main__":
    main(measure)
