"""A spectrum cut into its patches, tinted by a quantity of each patch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from site_builder.attention_view import AttentionView
from site_builder.design import paint
from site_builder.figures.svg import FigureSvg, decimate, draw_figure
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.stars import wavelengths

FEW = 64  # boundaries are drawn up to this number of patches
STRONGEST = 0.62  # opacity of the largest value


def draw_patches(
    site: Site, name: str, title: str, view: AttentionView, values: Sequence[float], label: str
) -> FigureSvg:
    """The spectrum over tinted patches, and the values as bars below.

    Args:
        site: takes the figure's file.
        name: slug of the figure.
        title: what it shows.
        view: the star.
        values: one per patch, shares of one.
        label: of the bars.
    """
    wave, flux = wavelengths(view.star.file.wave), view.star.file.flux
    edges = [view.edges(p) for p in range(view.n_patches)]
    top = max(values)

    def draw(figure: Any, narrow: bool) -> None:
        from matplotlib.collections import PolyCollection
        from matplotlib.colors import to_rgba

        axes, bars = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
        boxes = [[(lo, 0), (hi, 0), (hi, 1), (lo, 1)] for lo, hi in edges]
        tints = [to_rgba(paint("specvit"), round(STRONGEST * value / top, 3)) for value in values]
        lines = paint("rule") if len(edges) <= FEW else "none"
        style: dict[str, Any] = {"facecolors": tints, "edgecolors": lines, "linewidths": 0.6}
        axes.add_collection(PolyCollection(boxes, transform=axes.get_xaxis_transform(), **style), autolim=False)
        x, y = decimate(wave, flux, 130 if narrow else 380)
        axes.plot(x, y, color=paint("flux"), lw=0.9)
        axes.grid(False)
        axes.set_ylabel(_("flux / {by}", by=view.star.instrument.normalisation))
        bars.stairs(
            list(values), [*(e[0] for e in edges), edges[-1][1]], fill=True, facecolor=paint("specvit"), alpha=0.6
        )
        bars.axhline(1 / len(edges), color=paint("ink"), lw=1, ls=(0, (5, 4)))
        bars.set_ylabel(label)
        bars.set_xlabel(_("vacuum wavelength (Å)"))
        bars.set_xlim(edges[0][0], edges[-1][1])
        low, high = np.nanpercentile(flux, [0.05, 99.9])
        axes.set_ylim(low - 0.06, high + 0.06)

    return draw_figure(site, name, title, draw, wide=(960, 430), narrow=(380, 380))
