"""Static figures: matplotlib drawings as inline SVG that follows the page's theme and font.

A figure is drawn twice, for wide and for narrow screens, and CSS shows one of them; so its type
stays readable on a phone. Colours are ``design.paint(token)``. Drawing takes longer than all else in a build, so
figures are drawn together when all pages have asked for theirs (``site_builder.jobs``), or when one is looked at.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup

from site_builder import i18n
from site_builder.design import paint
from site_builder.jobs import Job
from site_builder.markup import clean_svg, standalone_svg, themed_svg, worded_svg
from site_builder.publish import Site

WIDE = (960, 420)
NARROW = (380, 330)
DPI = 72.0  # so that one matplotlib point is one unit of the SVG


@dataclass(frozen=True)
class FigureSvg:
    """A figure: inline markup for two screen widths, and the address of its file."""

    name: str
    title: str
    address: str
    job: Job

    @property
    def wide(self) -> Markup:
        """The drawing for wide screens."""
        return themed_svg(_part(self.job.content, 0), f"{self.name}-w", self.title, "wide-only")

    @property
    def narrow(self) -> Markup:
        """The drawing for narrow screens."""
        return themed_svg(_part(self.job.content, 1), f"{self.name}-n", self.title, "narrow-only")


def _part(content: bytes, which: int) -> str:
    """A drawing for wide (0) or narrow (1) screens, with the words of the language that is being rendered."""
    drawn: list[str] = json.loads(content)
    return worded_svg(drawn[which])


def plain_log(value: float, _: object = None) -> str:
    """Tick label of a logarithmic axis without mathematical markup: 0.1, 1, 10, 1000, 10⁵."""
    exponent = round(float(np.log10(value))) if value > 0 else 0
    if exponent < 4:
        return f"{value:g}"
    mantissa = value / 10**exponent
    power = "10" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if abs(mantissa - 1) < 1e-9 else f"{mantissa:g}×{power}"


@cache
def _style() -> dict[str, Any]:
    ink, soft = paint("ink-2"), paint("rule-strong")
    return {
        "svg.fonttype": "none",
        "text.parse_math": False,  # titles of the results are words, whatever is in them
        "svg.hashsalt": "specvit",
        "font.size": 13,
        "axes.titlesize": 13,
        "axes.labelsize": 13,
        "legend.fontsize": 12.5,
        "xtick.labelsize": 12.5,
        "ytick.labelsize": 12.5,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "axes.edgecolor": soft,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "text.color": ink,
        "xtick.color": soft,
        "ytick.color": soft,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": paint("grid"),
        "grid.linewidth": 0.8,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
        "path.simplify": True,
        "path.simplify_threshold": 0.3,
        "axes.formatter.use_mathtext": False,
        "axes.unicode_minus": True,
        "axes.titley": 1.0,  # else every title is placed by measuring all labels
    }


Draw = Callable[[Any, bool], None]


# Pixels left free at the left, right, top and bottom of the axes. Fixed, because measuring every label
# (matplotlib's constrained layout) takes as long as drawing, and the page sets them in another font anyway.
Margins = tuple[int, int, int, int]
MARGINS: Margins = (62, 14, 30, 48)


def _draw(draw: Draw, size: tuple[int, int], narrow: bool, margins: Margins) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_style()):  # type: ignore[arg-type]  # keys are checked by matplotlib
        figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
        draw(figure, narrow)
        left, right, top, bottom = margins
        width, height = size
        figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
        buffer = io.StringIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def draw_figure(
    site: Site,
    name: str,
    title: str,
    draw: Draw,
    wide: tuple[int, int] = WIDE,
    narrow: tuple[int, int] = NARROW,
    margins: Margins = MARGINS,
    narrow_margins: Margins | None = None,
) -> FigureSvg:
    """Draw a figure for both widths and publish it as ``data/figures/<name>.svg``.

    It is drawn once, with English words; other languages put theirs in its place (and need no font for it).

    Args:
        name: slug, unique in the page.
        title: what the figure shows, for readers who cannot see it (no results in it).
        draw: called with a matplotlib Figure and ``narrow``; adds axes and draws.
        wide, narrow: sizes in CSS pixels.
        margins, narrow_margins: pixels around the axes (the narrow ones default to the wide ones).
    """

    def make() -> bytes:
        with i18n.speaking(i18n.ENGLISH):
            big = clean_svg(_draw(draw, wide, False, margins), f"{name}-w")
            small = clean_svg(_draw(draw, narrow, True, narrow_margins or margins), f"{name}-n")
        return json.dumps([big, small], ensure_ascii=False).encode()

    def use(content: bytes) -> None:
        with i18n.speaking(language):
            site.publish(address, standalone_svg(_part(content, 0), title).encode())

    language = i18n.language()
    address = f"data/figures/{language.folder}{name}.svg"
    return FigureSvg(name, title, address, site.later(f"figure {name}", make, use))


def decimate(x: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Thin a curve to its smallest and largest value per column (x ascending; NaN allowed in y).

    Returns arrays of at most ``2 * columns`` points that draw like the whole curve.
    """
    if len(x) <= 2 * columns:
        return x, y
    edges = np.linspace(0, len(x), columns + 1).astype(int)
    gap = np.isnan(y)
    low, high = np.where(gap, np.inf, y), np.where(gap, -np.inf, y)
    keep: list[int] = []
    for a, b in pairwise(edges.tolist()):
        keep.extend(sorted({a + int(low[a:b].argmin()), a + int(high[a:b].argmax())}))
    return x[keep], y[keep]
