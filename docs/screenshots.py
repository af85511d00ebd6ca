"""Takes the four pictures of README.md from the site as built now: ``make screenshots``.

Needs what ``make test`` installs (playwright and a Chromium).
"""

import shutil
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from site_builder import cli  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
# page, width, height, colour scheme
PICTURES = [
    ("index", "home", 1440, 1180, "light"),
    ("snr", "snr", 1440, 1300, "dark"),
    ("attention", "attention", 1440, 1300, "light"),
    ("results", "results", 390, 1300, "light"),
]


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> int:
    """Build, serve on this machine, take the pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder) / "site"
        if code := cli.main(["--out", str(site)]):
            return code
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium)
        for page, name, width, height, scheme in PICTURES:
            tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            tab.goto(f"http://127.0.0.1:{server.server_port}/{page}.html", wait_until="networkidle")
            tab.screenshot(path=OUT / f"{name}-{width}-{scheme}.png")
        browser.close()
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
