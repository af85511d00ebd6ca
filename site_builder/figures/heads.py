"""All attention maps of one star as small pictures, layers by heads."""

from typing import Any

from site_builder.attention_view import AttentionView
from site_builder.design import paint
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.publish import Site


def draw_heads(site: Site, view: AttentionView) -> FigureSvg:
    """The grid of maps on one logarithmic colour scale."""

    def draw(figure: Any, narrow: bool) -> None:
        from matplotlib.colors import LogNorm

        floor = 0.02 / view.file.n_tokens
        norm = LogNorm(floor, float(view.weights.max()))
        grid = figure.subplots(view.layers, view.heads, squeeze=False)
        image = None
        for layer in range(view.layers):
            for head in range(view.heads):
                axes = grid[layer][head]
                image = axes.imshow(
                    view.thumbnail(layer, head).clip(floor), cmap="cividis", norm=norm, interpolation="none"
                )
                axes.set_xticks([])
                axes.set_yticks([])
                axes.grid(False)
                for spine in axes.spines.values():
                    spine.set_visible(False)
                if layer == 0:
                    axes.set_title(str(head + 1) if narrow or head else f"head {head + 1}")
                if head == 0:
                    axes.set_ylabel(str(layer + 1) if narrow else f"layer {layer + 1}")
        bar = figure.colorbar(image, ax=grid, shrink=0.6, aspect=30, label="attention weight")
        bar.outline.set_edgecolor(paint("rule-strong"))

    height = 80 + 92 * view.layers
    title = f"Attention maps of every layer and head for {view.star.file.title}"
    return draw_figure(site, "attention-heads", title, draw, wide=(720, height), narrow=(380, 60 + 52 * view.layers))
