"""A small site in a browser, for tests of pages: built from made-up results, served on the loopback interface."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from site_builder.cli import build
from site_builder.i18n import language
from site_builder.pages import PAGES, PageModule
from site_builder.publish import Site, write_site
from site_builder.render import render_page
from site_builder.results import Results
from site_builder.site_files import publish_results


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder while the block runs; gives the address with a trailing slash."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def build_site(results: Path, out: Path, modules: Sequence[PageModule] | None = None) -> Path:
    """Build a site as ``build.py`` does, or quicker with some of its pages in one language, and return its folder."""
    if modules is None:
        write_site(out, build(results))
        return out
    loaded, site = Results.load(results), Site()
    publish_results(loaded, site)
    for module in modules:
        html = render_page(module.PAGE, PAGES, loaded, site, {"json_ld": None} | module.context(loaded, site))
        site.publish(language().folder + module.PAGE.file, html)
    site.make_all()  # what no template looks at: the inspector
    write_site(out, site.files)
    return out


def until(page: Any, condition: Callable[[], bool]) -> None:
    """Wait for something that the page does in its own time."""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("the page did not get there within 10 s")


def scroll_through(page: Any) -> None:
    """Scroll down and back, so that everything lazy is loaded."""
    page.evaluate(
        """async () => {
            for (let y = 0; y < document.body.scrollHeight; y += 700) {
                window.scrollTo(0, y);
                await new Promise((done) => setTimeout(done, 40));
            }
            window.scrollTo(0, 0);
        }"""
    )
    page.wait_for_load_state("networkidle")
