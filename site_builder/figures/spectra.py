"""Spectra as static drawings, with named lines."""

from typing import Any

import numpy as np

from site_builder.contract.schema import ExampleFile
from site_builder.design import paint
from site_builder.figures.svg import Draw, decimate, plain_log
from site_builder.i18n import _
from site_builder.lines import load
from site_builder.stars import wavelengths

GROUPS = {"ca2": "Ca II", "alkali": ""}


def marked_lines(lo: float, hi: float) -> list[tuple[str, float]]:
    """(label, vacuum wavelength) of the calcium, sodium and potassium lines within a band."""
    return [(line.label, line.vacuum) for line in load()[1] if line.group in GROUPS and lo < line.vacuum < hi]


def line_groups(lo: float, hi: float) -> list[tuple[str, list[float]]]:
    """(ion, vacuum wavelengths) of the marked lines; members of one multiplet together."""
    groups: dict[str, list[float]] = {}
    for label, wave in marked_lines(lo, hi):
        groups.setdefault(label.rsplit(" ", 1)[0], []).append(wave)
    return list(groups.items())


def mark_lines(ax: Any, lo: float, hi: float, y: float) -> None:
    """Faint rules at the marked lines, each multiplet named once at the top."""
    for ion, waves in line_groups(lo, hi):
        for wave in waves:
            ax.axvline(wave, color=paint("accent"), linewidth=0.7, alpha=0.45, zorder=0)
        ax.annotate(
            ion,
            (float(np.mean(waves)), y),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=paint("accent"),
            fontsize=12,
            annotation_clip=False,
        )


def stacked(stars: list[ExampleFile], step: float = 0.75) -> Draw:
    """Stars above each other, lowest log g at the top, each with its label."""

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        lo, hi = 1e9, 0.0
        for i, star in enumerate(stars):
            wave, flux = wavelengths(star.wave), star.flux
            x, y = decimate(wave, flux, 260 if narrow else 620)
            offset = (len(stars) - 1 - i) * step
            ax.plot(x, y + offset, color=paint(star.star_class), linewidth=0.9)
            ax.annotate(
                f"log g {star.logg:.2f}",
                (wave[-1], 1.0 + offset),
                xytext=(0, 11),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=paint(star.star_class),
                fontsize=12.5,
            )
            lo, hi = min(lo, wave[0]), max(hi, wave[-1])
        ax.set_xlim(lo, hi)
        ax.set_ylim(bottom=max(ax.get_ylim()[0], -0.1))
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(visible=False)
        ax.set_xlabel(_("Wavelength in vacuum (Å)"))
        if narrow:
            ax.set_xticks([7200, 7800, 8400])
        mark_lines(ax, lo, hi, 1.0)

    return draw


def noise_model(
    wave: np.ndarray, star: np.ndarray, sky: np.ndarray | None, background: np.ndarray, labels: tuple[str, str]
) -> Draw:
    """Variance per pixel and exposure: the star's electrons and what comes without it."""

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for values, token, text in ((background, "sky", labels[0]), (star, "accent", labels[1])):
            x, y = decimate(wave, values, 240 if narrow else 560)
            ax.plot(x, y, color=paint(token), linewidth=0.9, label=text)
        ax.legend(
            loc="lower left" if narrow else "lower right",
            bbox_to_anchor=(0, 1.0) if narrow else (1, 1.0),
            ncols=1 if narrow else 2,
            borderaxespad=0.2,
        )
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.yaxis.set_major_formatter(plain_log)
        ax.set_xlim(wave[0], wave[-1])
        if narrow:
            ax.set_xticks([7200, 7800, 8400])
        ax.set_xlabel(_("Wavelength in vacuum (Å)"))
        ax.set_title(_("Variance per pixel and exposure (electrons²)"), loc="left", pad=52 if narrow else 10)

    return draw
