"""Measures of importance over wavelength, one strip each, and what deleting by them does to the error."""

from typing import Any

import numpy as np

from site_builder.attention_view import AttentionView
from site_builder.contract.attribution import AttributionFile, Measure
from site_builder.design import paint
from site_builder.figures.svg import FigureSvg, decimate, draw_figure
from site_builder.i18n import _
from site_builder.publish import Site
from site_builder.stars import wavelength_at, wavelengths
from site_builder.worth import TITLES, Worth, even_shares

TOKENS: dict[Measure, str] = {
    "attention": "specvit",
    "last-layer": "published",
    "rollout": "ridge",
    "gradient": "mlp",
    "occlusion": "lightgbm",
    "fisher": "ink",
    "fisher-plain": "crlb",
}
DASHES: dict[Measure, tuple[float, ...]] = {
    "attention": (), "last-layer": (5, 2), "rollout": (1.5, 1.5), "gradient": (7, 2, 1.5, 2), "occlusion": (3, 1.5),
    "fisher": (), "fisher-plain": (2, 2),
}  # fmt: skip
SHORT: dict[Measure, str] = {"attention": "attention", "rollout": "rollout", "gradient": "gradient",
                             "occlusion": "occlusion", "fisher": "Fisher"}  # fmt: skip


def strips(view: AttentionView, file: AttributionFile) -> list[tuple[Measure, int, list[float]]]:
    """Measure, pixels of a window, and values over an even share, of every strip."""
    overall, rollout = view.by_layer.mean(0), np.array(view.file.rollout)
    out: list[tuple[Measure, int, list[float]]] = [
        ("attention", view.patch_size, (overall / overall.mean()).tolist()),
        ("rollout", view.patch_size, (rollout / rollout.mean()).tolist()),
    ]
    measures: tuple[Measure, ...] = ("gradient", "occlusion", "fisher")
    for cut in file.cuts:
        out += [(m, cut.size, even_shares(cut, m)) for m in measures]
    return out


def draw_measures(site: Site, view: AttentionView, file: AttributionFile) -> FigureSvg:
    """The spectrum, and below it every measure on patches and then on finer windows."""
    axis = view.star.file.wave
    wave, flux = wavelengths(axis), view.star.file.flux
    found = strips(view, file)

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots(1 + len(found), 1, sharex=True, height_ratios=(2.2, *[1] * len(found)))
        x, y = decimate(wave, flux, 130 if narrow else 380)
        axes[0].plot(x, y, color=paint("flux"), lw=0.9)
        axes[0].set_ylabel(_("flux"))
        for ax, (measure, size, values) in zip(axes[1:], found, strict=True):
            edges = [wavelength_at(axis, size * i - 0.5) for i in range(len(values) + 1)]
            ax.stairs(values, edges, fill=True, facecolor=paint(TOKENS[measure]), alpha=0.7)
            ax.axhline(1, color=paint("ink"), lw=0.8, ls=(0, (5, 4)))
            ax.set_ylim(0, max(values) * 1.6)  # room for the name
            ax.yaxis.set_major_locator(_two_ticks())
            name = _(SHORT[measure])
            words = name if size == view.patch_size else _("{measure}, {n} px", measure=name, n=size)
            ax.annotate(words, (0.008, 0.97), xycoords="axes fraction", va="top", color=paint("ink"),
                        fontsize=12)  # fmt: skip
        for ax in axes:
            ax.grid(False)
        axes[-1].set_xlabel(_("vacuum wavelength (Å)"))
        axes[0].set_xlim(wavelength_at(axis, -0.5), wavelength_at(axis, axis.n - 0.5))
        low, high = np.nanpercentile(flux, [0.05, 99.9])
        axes[0].set_ylim(low - 0.06, high + 0.06)

    title = _("Every measure of importance over wavelength for {star}", star=view.star.file.title)
    return draw_figure(site, "attention-measures", title, draw, wide=(960, 640), narrow=(380, 620))


def _two_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(2, integer=True)


def draw_deletion(site: Site, worth: Worth, size: int, shown: tuple[Measure, ...]) -> FigureSvg:
    """MAE against the share of the windows that is gone: most important first (solid), least important first (thin)."""
    curves = [c for c in worth.file.deletion if c.size == size]

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for curve in curves:
            mae = [v.value for v in curve.mae]
            if curve.measure is None:
                ax.fill_between(curve.removed, [v.lo for v in curve.mae], [v.hi for v in curve.mae],
                                color=paint("rule"), linewidth=0, alpha=0.6)  # fmt: skip
                ax.plot(curve.removed, mae, color=paint("ink-3"), lw=1.6)
                ax.annotate(_("random"), (curve.removed[len(mae) // 2], mae[len(mae) // 2]), xytext=(6, -14),
                            textcoords="offset points", color=paint("ink-2"), fontsize=12)  # fmt: skip
            elif curve.measure in shown:
                style = {"color": paint(TOKENS[curve.measure]), "ls": (0, DASHES[curve.measure] or (1, 0))}
                most = curve.order == "most"
                words = {"label": _(TITLES[curve.measure])} if most else {}
                ax.plot(curve.removed, mae, lw=2 if most else 1.2, **style, **words)
        ax.set_xlabel(_("share of the windows replaced"))
        ax.set_ylabel(_("MAE of log g (dex)"))
        ax.set_xlim(0, 1)
        ax.annotate(_("most important first"), (0.1, 0.93), xycoords="axes fraction", color=paint("ink-2"), fontsize=12)
        ax.annotate(_("least important first"), (0.45, 0.07), xycoords="axes fraction", color=paint("ink-2"),
                    fontsize=12)  # fmt: skip
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1 if narrow else 3, handlelength=2.6)

    title = _("Error of SpecViT as parts of the spectrum are replaced by the mean, windows of {n} pixels", n=size)
    return draw_figure(site, f"attention-deletion-{size}", title, draw, wide=(960, 440), narrow=(380, 470),
                       margins=(62, 14, 16, 96), narrow_margins=(58, 12, 14, 190))  # fmt: skip
