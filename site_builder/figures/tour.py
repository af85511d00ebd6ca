"""Small drawings of the guided tour: the real activations of one spectrum."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from site_builder.design import paint
from site_builder.figures.svg import Draw, FigureSvg, draw_figure, plain_log
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.tour import Tour

SIZES: dict[str, Any] = {"wide": (620, 210), "narrow": (340, 200), "margins": (58, 12, 12, 46)}


def _bars(values: Sequence[float], x: str, y: str) -> Draw:
    def draw(figure: Any, narrow: bool) -> None:
        from matplotlib.ticker import MaxNLocator

        ax = figure.add_subplot()
        ax.bar(np.arange(1, len(values) + 1), values, color=paint("specvit"), alpha=0.65, width=0.86)
        ax.set_xlabel(x)
        ax.set_ylabel(y)
        ax.set_xlim(0.4, len(values) + 0.6)
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.grid(axis="x", visible=False)

    return draw


def _changes(tour: Tour) -> Draw:
    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        patches = tour.relative_change("patches")
        places = np.arange(1, len(patches) + 1)
        if tour.view.file.has_cls:
            ax.plot(places, tour.relative_change("cls"), "o-", color=paint("specvit"), ms=7, label=_("CLS token"))
        ax.plot(places, patches, "s--", color=paint("flux-noisy"), ms=6, label=_("patches (mean)"))
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(plain_log)
        ax.yaxis.set_minor_formatter("")
        ax.set_xticks(places)
        ax.set_xlabel(_("layer"))
        ax.set_ylabel(_("added / before"))
        ax.legend(loc="upper right")

    return draw


def _reads(tour: Tour) -> Draw:
    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        layers, patches = tour.view.by_layer.shape
        image = ax.imshow(tour.view.by_layer, cmap="cividis", aspect="auto", interpolation="none",
                          extent=(0.5, patches + 0.5, layers + 0.5, 0.5), vmin=0)  # fmt: skip
        ax.set_yticks(range(1, layers + 1))
        ax.set_xlabel(_("patch, from blue to red"))
        ax.set_ylabel(_("layer"))
        ax.grid(False)
        bar = figure.colorbar(image, ax=ax, pad=0.02)
        bar.outline.set_edgecolor(paint("rule-strong"))

    return draw


def _readings(tour: Tour) -> Draw:
    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        values = tour.file.activations.reading
        ax.axhline(tour.star.file.logg, color=paint("ink"), lw=1.4, ls=(0, (5, 3)))
        ax.plot(range(len(values)), values, "o-", color=paint("specvit"), ms=7)
        sigma = tour.view.file.predicted_sigma
        ax.errorbar([len(values) - 1], values[-1:], yerr=[sigma], color=paint("specvit"), capsize=3)
        ax.annotate(_("true log g"), (0, tour.star.file.logg), xytext=(2, 4), textcoords="offset points",
                    color=paint("ink-2"), fontsize=12)  # fmt: skip
        ax.set_xticks(range(len(values)))
        ax.set_xlabel(_("layers passed"))
        ax.set_ylabel("log g")

    return draw


def draw_tour(site: Site, tour: Tour) -> dict[str, FigureSvg]:
    """The drawings, by step."""
    number = _("patch, from blue to red")
    rms, norm = tour.file.activations.input_rms, tour.view.file.embedding_norm
    title = tour.star.file.title
    made: dict[str, tuple[str, Draw]] = {
        "input": (
            _("How far each patch of {star} is from the mean spectrum", star=title),
            _bars(rms, number, _("reference sigmas")),
        ),
        "norms": (_("Length of each patch's vector for {star}", star=title), _bars(norm, number, _("length"))),
        "changes": (_("What each layer adds to the tokens of {star}, over what was there", star=title), _changes(tour)),
        "reads": (_("Attention of the pooled output, layer by layer, for {star}", star=title), _reads(tour)),
        "readings": (_("log g read off after each layer for {star}", star=title), _readings(tour)),
    }
    return {k: draw_figure(site, f"tour-{k}", words, draw, **SIZES) for k, (words, draw) in made.items()}
