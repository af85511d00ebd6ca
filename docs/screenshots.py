"""Takes the four pictures of README.md from the site as built now: ``make screenshots``.

Needs what ``make test`` installs (playwright and a Chromium).
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.site_fixture import build_site, serve  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
# page, width, height, colour scheme
PICTURES = [
    ("index", "home", 1440, 1180, "light"),
    ("snr", "snr", 1440, 1300, "dark"),
    ("attention", "attention", 1440, 1300, "light"),
    ("results", "results", 390, 1300, "light"),
]


def main() -> None:
    """Build, serve on this machine, take the pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = build_site(ROOT / "results", Path(folder) / "site")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"))
        with serve(site) as address:
            for page, name, width, height, scheme in PICTURES:
                tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                tab.goto(f"{address}{page}.html", wait_until="networkidle")
                tab.mouse.move(2, 2)  # somebody is there: scripts start
                tab.wait_for_timeout(2000)
                tab.screenshot(path=OUT / f"{name}-{width}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
