"""``python -m audit``: build the site, measure every page, say which budget is not kept (then the exit code is 1)."""

import argparse
import datetime
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from playwright.sync_api import sync_playwright

from audit import measure, report
from audit.budgets import Measured, merge
from audit.measure import Lighthouse, note
from site_builder.cli import build
from site_builder.i18n import LANGUAGES
from site_builder.pages import PAGES
from site_builder.publish import write_site

ROOT = Path(__file__).resolve().parent.parent
AGAIN = 2  # more runs of a page whose speed is beyond its budget; the median counts
FORMS, SCHEMES = ("phone", "screen"), ("light", "dark")


def one_page(lighthouse: Lighthouse, address: str, page: str, form: str, scheme: str) -> Measured:
    """One page with Lighthouse; its speed in the light theme only, and more than once where it seems too slow."""
    runs = [lighthouse.measure(address, page, form, scheme, fast=scheme == "dark")]
    while len(runs) <= AGAIN and (runs[0].broken() or runs[0].error):
        runs.append(lighthouse.measure(address, page, form, scheme, fast=scheme == "dark"))
    good = [run for run in runs if not run.error]
    return merge(good) if good else runs[0]


class State:
    """Views that were measured, a line of JSON each in a file, so that an audit that was cut goes on.

    Args:
        path: the file; None keeps nothing.
        hashes: of each page; views of a page that was another one do not count.
    """

    def __init__(self, path: Path | None, hashes: Mapping[str, str]) -> None:
        self.path, self.hashes = path, hashes
        text = path.read_text(encoding="utf-8") if path and path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last line
        if path and whole != text:
            path.write_text(whole, encoding="utf-8")
        found = [(entry.pop("hash"), Measured(**entry)) for entry in map(json.loads, whole.splitlines())]
        self.kept = {key(one): one for value, one in found if hashes.get(one.page) == value}

    def done(self) -> None:
        """The audit is whole: the next one measures anew."""
        if self.path:
            self.path.unlink(missing_ok=True)

    def add(self, one: Measured) -> None:
        """Keep a view, unless it could not be measured."""
        self.kept[key(one)] = one
        if self.path and not one.error:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one) | {"hash": self.hashes[one.page]}) + "\n")


def key(one: Measured) -> tuple[str, str, str]:
    """What makes a view one of its own."""
    return one.page, one.form, one.scheme


def page_hashes(files: Mapping[str, bytes], address: str) -> dict[str, str]:
    """Hash of each page and of all files that are no pages, the same wherever the site is served."""
    own = {path: hashlib.sha256(files[path].replace(address.encode(), b"")).digest() for path in sorted(files)}
    shared = b"".join(path.encode() + b"\0" + own[path] for path in own if not path.endswith(".html"))
    pages = [path.removesuffix(".html") for path in own if path.endswith(".html")]
    return {page: hashlib.sha256(shared + own[f"{page}.html"]).hexdigest()[:16] for page in pages}


def every_page(
    address: str, pages: Iterable[str], forms: Sequence[str], schemes: Sequence[str], state: State
) -> report.Audit:
    """Measure the pages of the site at this address that were not measured before."""
    measured: list[Measured] = []
    with Lighthouse() as lighthouse, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=measure.chromium())
        for page in pages:
            for form in forms:
                for scheme in schemes:
                    one = state.kept.get((page, form, scheme))
                    if one is None:
                        one = one_page(lighthouse, address, page, form, scheme)
                        measure.read_through(browser, address, one)
                        state.add(one)
                        note(report.line(one))
                    measured.append(one)
        tools = {"Lighthouse": lighthouse.version, "Chromium": browser.version}
        browser.close()
    return report.Audit(datetime.date.today(), tools, measured)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if every page is within every budget, else 1."""
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="pages such as index or zh/snr; without any, all")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--form", choices=FORMS, help="on this kind of screen only")
    parser.add_argument("--scheme", choices=SCHEMES, help="in this theme only")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep each view there, and do not measure it again")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report there")
    args = parser.parse_args(arguments)
    pages = args.pages or [language.folder + page.slug for language in LANGUAGES for page in PAGES]
    forms = [args.form] if args.form else FORMS
    schemes = [args.scheme] if args.scheme else SCHEMES
    with tempfile.TemporaryDirectory() as folder, measure.serving(Path(folder)) as root:
        address = root + "SpecViT/"
        files = build(args.results, address)
        write_site(Path(folder) / "SpecViT", files)
        state = State(args.state, page_hashes(files, address))
        audit = every_page(address, pages, forms, schemes, state)
    text = audit.markdown()
    if args.write:
        args.write.write_text(text, encoding="utf-8")
    state.done()
    print(text)
    return 1 if audit.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
