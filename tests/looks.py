"""Pictures of pages, small enough to be kept beside the tests, and how much two of them differ."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "looks"
MADE_WITH = FOLDER / "made-with.json"
SMALLER = 5  # pixels of the page to one of the picture
TILE = 12  # pixels of a picture that are looked at together
# Mean difference of a tile, of 255: what WebP and another rounding of edges do is below; a button that is gone, above.
LIMIT = 14.0
TALLER = 0.01  # of the height, that a page may differ by

# Text that each fallback of the style sheets draws; its width tells fonts apart.
SAMPLES = {"serif": "Spectral", "sans-serif": "Teff 5772 K", "monospace": "python", "zh": "表面重力"}


def fonts_of(browser: Any) -> dict[str, Any]:
    """What a picture depends on beside the page: Chromium's major version and the widths of some text."""
    page = browser.new_page()
    widths = page.evaluate(
        """(samples) => Object.fromEntries(Object.entries(samples).map(([name, text]) => {
            const span = document.createElement('span');
            span.style.cssText = `font: 100px ${name === 'zh' ? 'sans-serif' : name}; position: absolute`;
            span.lang = name === 'zh' ? 'zh-Hans' : 'en';
            span.textContent = text;
            document.body.append(span);
            return [name, Math.round(span.getBoundingClientRect().width)];
        }))""",
        SAMPLES,
    )
    page.close()
    return {"chromium": int(browser.version.split(".")[0]), "widths": widths}


def why_not_comparable(browser: Any) -> str | None:
    """Why pictures of this machine cannot be compared with the kept ones, in a sentence; None if they can."""
    made, here = json.loads(MADE_WITH.read_text()), fonts_of(browser)
    if made["chromium"] != here["chromium"]:
        return f"the pictures were taken with Chromium {made['chromium']}, this is {here['chromium']}; make looks"
    other = [name for name, width in made["widths"].items() if here["widths"][name] != width]
    if other:
        return f"the pictures were taken with other fonts ({', '.join(other)}) than this machine has; make looks"
    return None


def smaller(png: bytes) -> Image.Image:
    """A screenshot, reduced by averaging."""
    return Image.open(io.BytesIO(png)).convert("RGB").reduce(SMALLER)


def keep(name: str, picture: Image.Image) -> None:
    """Write the picture of a page."""
    FOLDER.mkdir(exist_ok=True)
    picture.save(FOLDER / f"{name}.webp", quality=80, method=6)


def differences(name: str, picture: Image.Image) -> list[str]:
    """Where a picture differs from the one that is kept, each place in a sentence; [] if nowhere."""
    path = FOLDER / f"{name}.webp"
    if not path.is_file():
        return [f"there is no {path.name} yet; make looks"]
    kept = Image.open(path).convert("RGB")
    if kept.width != picture.width or abs(kept.height - picture.height) > 2 + TALLER * kept.height:
        return [f"{name} is {picture.width} x {picture.height}, was {kept.width} x {kept.height}"]
    height = min(kept.height, picture.height) // TILE * TILE
    width = kept.width // TILE * TILE
    now, then = (np.asarray(p, dtype=float)[:height, :width] for p in (picture, kept))
    tiles = np.abs(now - then).reshape(height // TILE, TILE, width // TILE, TILE, 3).mean(axis=(1, 3, 4))
    return [
        f"{name} differs by {tiles[y, x]:.0f} of 255 near ({x * TILE * SMALLER}, {y * TILE * SMALLER})"
        for y, x in np.argwhere(tiles > LIMIT)
    ]
