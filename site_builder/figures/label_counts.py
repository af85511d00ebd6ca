"""How labels are spread: one row a set of a run, one panel a label, beside what training spectra are drawn from."""

from typing import Any

import numpy as np

from site_builder.design import paint
from site_builder.figures.svg import Draw, FigureSvg, Margins, draw_figure
from site_builder.i18n import _, said
from site_builder.publish import Site
from site_builder.results import RunResults

BINS = 20
SETS = 4  # as many rows as a page has room for
ROW = 128  # height of a row of panels, CSS pixels
LABELS = (("logg", "log g (dex)"), ("teff", "Teff (K)"), ("mh", "[M/H] (dex)"))
MARGINS: Margins = (54, 12, 26, 44)
NARROW: Margins = (44, 8, 26, 44)


def edges_of(prior: tuple[float, float], column: np.ndarray) -> np.ndarray:
    """Edges of equal bins over the prior, with more of the same width where labels lie beyond it."""
    lo, hi = prior
    width = (hi - lo) / BINS
    before = max(0, int(np.ceil((lo - column.min()) / width - 1e-3)))
    behind = max(0, int(np.ceil((column.max() - hi) / width - 1e-3)))
    return lo + width * np.arange(-before, BINS + behind + 1)


def counts(run: RunResults, set_name: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """(stars per bin, edges) of one label of a set."""
    column = np.asarray(getattr(run.predictions[set_name], label), dtype=float)
    edges = edges_of(getattr(run.run.prior, label), column)
    return np.histogram(np.clip(column, edges[0], edges[-1]), edges)[0], edges


def draw(run: RunResults, sets: list[str]) -> Draw:
    """The histograms; dashed, as many spectra drawn evenly from the prior."""

    def on(figure: Any, narrow: bool) -> None:
        axes = figure.subplots(len(sets), len(LABELS), sharex="col", squeeze=False)
        figure.subplots_adjust(wspace=0.28, hspace=0.36)
        for name, row in zip(sets, axes, strict=True):
            observed = run.set(name).origin != "synthetic"
            for (label, title), ax in zip(LABELS, row, strict=True):
                n, edges = counts(run, name, label)
                colour = paint("giant" if observed else "specvit")
                ax.stairs(n, edges, fill=True, color=colour, alpha=0.35)
                ax.stairs(n, edges, color=colour, linewidth=1.1)
                lo, hi = getattr(run.run.prior, label)
                ax.plot(
                    [lo, lo, hi, hi], np.array([0, 1, 1, 0]) * n.sum() / BINS, "--", color=paint("ink"), linewidth=1
                )
                ax.set_ylim(0, None)
                ax.tick_params(labelsize=9 if narrow else 10)
                ax.locator_params(nbins=3 if narrow else 4)
                if ax in axes[-1]:
                    ax.set_xlabel(title.partition(" (")[0] if narrow else title)
            row[0].set_title(said(run.set(name).title), loc="left", fontsize=11)
        axes[len(sets) // 2][0].set_ylabel(_("stars"))

    return on


def draw_labels(site: Site, run: RunResults) -> FigureSvg:
    """The figure of one run."""
    sets = list(run.predictions)[:SETS]
    height = MARGINS[2] + MARGINS[3] + ROW * len(sets)
    title = _("Labels of the evaluation sets, and of the training spectra")
    sizes = ((960, height), (380, height))
    return draw_figure(site, f"labels-{run.name}", title, draw(run, sets), *sizes, MARGINS, NARROW)
