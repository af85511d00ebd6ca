"""All attention maps of one star as small pictures, layers by heads."""

from typing import Any

import numpy as np

from site_builder.attention_view import AttentionView
from site_builder.design import paint
from site_builder.figures.svg import FigureSvg, draw_figure, plain_log
from site_builder.i18n import _, said
from site_builder.publish import Site

WIDTH = 720  # CSS pixels


def _mosaic(view: AttentionView, floor: float) -> tuple[np.ndarray, int, int]:
    """All maps in one picture with gaps (NaN) between them; also the pitch of the maps and their size in cells."""
    size = len(view.thumbnail(0, 0))
    pitch = size + max(1, size // 16)
    picture = np.full((view.layers * pitch, view.heads * pitch), np.nan)
    for layer in range(view.layers):
        for head in range(view.heads):
            place = np.s_[layer * pitch : layer * pitch + size, head * pitch : head * pitch + size]
            picture[place] = view.thumbnail(layer, head).clip(floor)
    return picture, pitch, size


def draw_heads(site: Site, view: AttentionView) -> FigureSvg:
    """The grid of maps on one logarithmic colour scale."""

    def draw(figure: Any, narrow: bool) -> None:
        from matplotlib.colors import LogNorm

        floor = 0.02 / view.file.n_tokens
        picture, pitch, size = _mosaic(view, floor)
        axes = figure.subplots()
        norm = LogNorm(floor, float(view.weights.max()))
        image = axes.imshow(picture, cmap="cividis", norm=norm, interpolation="none")
        axes.set_xticks([h * pitch + size / 2 for h in range(view.heads)], [str(h + 1) for h in range(view.heads)])
        axes.set_yticks([k * pitch + size / 2 for k in range(view.layers)], [str(k + 1) for k in range(view.layers)])
        axes.set_xlabel(_("head"))
        axes.set_ylabel(_("layer"))
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=26, label=_("attention weight"), format=plain_log)
        bar.outline.set_edgecolor(paint("rule-strong"))

    title = _("Attention maps of every layer and head for {star}", star=said(view.star.file.title))
    return draw_figure(site, "attention-heads", title, draw, wide=(WIDTH, height(view)), narrow=(WIDTH, height(view)))


def height(view: AttentionView) -> int:
    """Height of the drawing at its width, CSS pixels."""
    return 70 + 560 * view.layers // view.heads
