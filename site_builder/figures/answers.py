"""One spectrum, three answers on one log g axis: SpecViT's, the exact posterior's, and what the bound allows."""

from typing import Any

from site_builder.contract.schema import Ladder, LadderLimits
from site_builder.design import LIMITS, paint
from site_builder.figures.svg import Draw
from site_builder.i18n import N_, _

TITLES = ("SpecViT", N_("Exact posterior"), N_("Cramér–Rao bound, 3 labels"), N_("Cramér–Rao bound, 5 labels"))
WIDTH_95 = 1.96  # standard deviations of SpecViT's wider interval where it states no other


def _span(ax: Any, y: float, lo: float, hi: float, colour: str, width: float, **more: Any) -> None:
    ax.plot([lo, hi], [y, y], color=colour, linewidth=width, solid_capstyle="butt", **more)


def draw(ladder: Ladder, limits: LadderLimits, truth: float, prior: tuple[float, float], seed: int, index: int) -> Draw:
    """Dots with 68 % (thick) and 95 % intervals (thin); bounds about the truth; dashed: the truth.

    Args:
        prior: range of log g that labels are drawn from; nothing outside is possible.
        seed, index: places in the ladder.
    """
    answer, sigma = ladder.logg[seed][index], ladder.sigma[seed][index]
    q = limits.quantiles[seed][index]

    def on(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        ax.axvspan(*prior, color=paint("paper-2"), linewidth=0, zorder=0)
        ax.axvline(truth, color=paint("ink"), linewidth=1.4, linestyle=(0, (5, 3)), zorder=1)
        colour = paint("specvit")
        _span(ax, 0, answer - WIDTH_95 * sigma, answer + WIDTH_95 * sigma, colour, 1.6)
        _span(ax, 0, answer - sigma, answer + sigma, colour, 6)
        ax.plot([answer], [0], "o", color=colour, markersize=9, markeredgecolor=paint("paper"))
        colour = paint(LIMITS["bayes"].token)
        _span(ax, 1, q[0], q[3], colour, 1.6)
        _span(ax, 1, q[1], q[2], colour, 6)
        ax.plot([limits.mean[seed][index]], [1], "o", color=colour, markersize=9, markeredgecolor=paint("paper"))
        for y, name, bound in ((2, "crlb3", limits.crlb3[index]), (3, "crlb5", limits.crlb5[index])):
            style = LIMITS[name]
            ax.plot([truth - bound, truth + bound], [y, y], color=paint(style.token), linewidth=2.4,
                    linestyle=(0, tuple(d / 2 for d in style.dash)))  # fmt: skip
        lo, hi = prior
        ax.set_xlim(lo - 0.14 * (hi - lo), hi + 0.14 * (hi - lo))
        ax.set_ylim(3.5, -0.75)
        for y, title in enumerate(_(text) for text in TITLES):
            place = {"xytext": (3, 0)} if narrow else {"xytext": (-12, 0), "ha": "right"}
            ax.annotate(title, (0, y - (0.42 if narrow else 0)), xycoords=("axes fraction", "data"),
                        textcoords="offset points", va="center", color=paint("ink-2"), fontsize=12 if narrow else 13,
                        annotation_clip=False, **place)  # fmt: skip
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(_("log g"))

    return on
