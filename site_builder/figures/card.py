"""The picture that links to the site show: 1200 x 630, drawn at build time, the same bytes every time."""

import io
from typing import Any

import numpy as np

from site_builder.config import Own
from site_builder.contract.schema import ExampleFile
from site_builder.figures import plate
from site_builder.lines import load

HEADLINE = "Reading a star’s surface gravity from its deep-red light"


def card(stars: list[ExampleFile], own: Own) -> bytes:
    """A PNG with the name, what it is, and strips of the stars' spectra.

    Args:
        own: name and heading of the site.
        stars: ordered by log g; their spectra are drawn as a photographic plate. None leaves the place free.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: dict[str, Any] = {"font.family": "serif", "font.serif": ["DejaVu Serif"], "text.color": "#f6efe6"}
    with matplotlib.rc_context(style):  # type: ignore[arg-type]  # keys are checked by matplotlib
        figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="#0b0708")
        canvas = FigureCanvasAgg(figure)
        if own.is_specvit:
            figure.text(0.065, 0.79, "Spec", fontsize=56, ha="left")
            figure.text(0.065 + 0.161, 0.79, "ViT", fontsize=56, ha="left", color="#ff8370")
        else:
            figure.text(0.065, 0.79, own.config.name[:28], fontsize=56, ha="left", parse_math=False)
        figure.text(
            0.067,
            0.685,
            (own.config.headline or HEADLINE)[:70],
            fontsize=23,
            parse_math=False,
            ha="left",
            color="#d9cdc1",
        )
        if stars:
            _spectra(figure, stars)
        buffer = io.BytesIO()
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _spectra(figure: Any, stars: list[ExampleFile]) -> None:
    """Strips of the stars' spectra, with the calcium lines named."""
    lo, hi = plate.band(stars)
    ax = figure.add_axes((0.065, 0.12, 0.87, 0.44))
    columns = 1044
    gap = np.full((6, columns, 3), (11, 7, 8), np.uint8)
    rows = []
    for star in stars:
        flux = plate.flattened(plate.resample(star, lo, hi, columns))
        low, high = np.percentile(flux, [0.2, 99])
        strip = plate.shade(flux, float(low) - 0.08, float(high) * 1.08)
        rows += [np.repeat(strip[None], 60, axis=0), gap]
    ax.imshow(np.concatenate(rows[:-1]), aspect="auto", extent=(lo, hi, 0, 1), interpolation="nearest")
    ax.set_axis_off()
    for line in load()[1]:
        if line.group == "ca2":
            ax.annotate(
                "",
                (line.vacuum, 1.0),
                xytext=(line.vacuum, 1.06),
                arrowprops={"arrowstyle": "-", "color": "#ff8370"},
                annotation_clip=False,
            )
    ax.text(8578, 1.075, "Ca II", color="#ffb3a3", fontsize=17, ha="center", va="bottom")
