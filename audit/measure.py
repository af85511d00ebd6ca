"""Serving a built site as GitHub Pages does, and measuring its pages with Lighthouse and axe."""

import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.budgets import Measured
from tests.site_fixture import scroll_through

HERE = Path(__file__).resolve().parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
PACKED = frozenset({".html", ".js", ".mjs", ".css", ".json", ".svg", ".csv", ".xml", ".txt"})
VIEWPORTS = {"phone": {"width": 390, "height": 844}, "screen": {"width": 1280, "height": 900}}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The system's Chromium.

    Raises:
        FileNotFoundError: there is none.
    """
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise FileNotFoundError("no Chromium was found; install one, for example with apt-get install chromium")
    return found


@functools.cache
def packed(content: bytes) -> bytes:
    """Gzipped once, as the caches of a host keep it; else the time that packing takes would count as the page's."""
    return gzip.compress(content, 6, mtime=0)


class Packing(http.server.SimpleHTTPRequestHandler):
    """Serves text gzipped over connections that stay open, to be kept for ten minutes, as GitHub Pages does; no log."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """One file, packed if the browser takes it."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        if path.suffix in PACKED and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = packed(content)
            self.send_header("Content-Encoding", "gzip")
        kind = self.guess_type(str(path))
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface while the block runs; gives the address with a trailing slash."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Packing, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


class Lighthouse:
    """One process of Lighthouse that measures page after page; see ``lighthouse.mjs``."""

    def __enter__(self) -> "Lighthouse":
        environment = os.environ | {"CHROME_PATH": chromium()}
        self.process = subprocess.Popen(
            ["node", str(HERE / "lighthouse.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=HERE,
        )
        return self

    @property
    def version(self) -> str:
        """The one that is installed."""
        version: str = json.loads((HERE / "node_modules/lighthouse/package.json").read_text())["version"]
        return version

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def measure(self, address: str, page: str, form: str, scheme: str, fast: bool) -> Measured:
        """One page; ``fast`` leaves its speed out."""
        job: dict[str, Any] = {"url": f"{address}{page}.html", "form": form, "scheme": scheme}
        if fast:
            job["only"] = ["accessibility", "best-practices", "seo"]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        said = json.loads(line) if line else {"error": "Lighthouse stopped"}
        measured = Measured(page, form, scheme, error=said.get("error", ""))
        if measured.error:
            return measured
        measured.scores, measured.failed = said["scores"], said["failed"]
        measured.values = {k: said[k] for k in ("lcp", "tbt", "cls", "bytes") if said[k] is not None and not fast}
        measured.foreign = [r["url"] for r in said["requests"] if not r["url"].startswith((address, "data:", "blob:"))]
        return measured


def read_through(browser: Any, address: str, measured: Measured) -> None:
    """Read a page as a reader does, all its tabs and tables; add what axe finds, and the bytes that it took."""
    context = browser.new_context(
        viewport=VIEWPORTS[measured.form], color_scheme=measured.scheme, reduced_motion="reduce", bypass_csp=True
    )
    context.set_default_timeout(120_000)  # milliseconds, for a machine that does other things as well
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    foreign = measured.foreign
    page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or foreign.append(r.url))
    page.goto(f"{address}{measured.page}.html")
    page.mouse.move(40, 300)
    page.mouse.move(41, 301)
    scroll_through(page)
    page.wait_for_timeout(200)
    measured.values["used"] = sum(sizes)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.add_script_tag(path=str(AXE))
    found: set[str] = set()
    for tab in page.locator("[role=tab]:visible").all() or [None]:
        if tab is not None:
            tab.evaluate("(one) => one.click()")
            scroll_through(page)
            page.wait_for_timeout(200)
        found |= set(page.evaluate(RUN_AXE))
    measured.axe = sorted(found)
    context.close()


RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.flatMap((v) => v.nodes.map((n) => `${v.id} at ${n.target.join(' ')}`));
}"""


def note(text: str) -> None:
    """Say how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)
