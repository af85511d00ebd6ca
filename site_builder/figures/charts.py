"""The charts of the site without JavaScript: matplotlib drawings of ``series``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from site_builder.design import FAMILIES, STAR_CLASSES, paint
from site_builder.figures import labels
from site_builder.figures import series as s
from site_builder.figures.svg import Draw, plain_log
from site_builder.i18n import N_, _
from site_builder.results import Row, RunResults
from site_builder.stars import class_word

# Margins (left, right, top, bottom) in pixels of each kind of chart.
CURVES = (46, 4, 36, 66)
PANELS = (52, 10, 32, 48)
CLASSES = (86, 12, 62, 48)
CLASSES_NARROW = (80, 10, 84, 48)
PLAIN = (52, 12, 36, 48)
PLAIN_TALL = (52, 12, 78, 48)


def title_axis(ax: Any, text: str) -> None:
    """The y label set upright above the axis, where it can be read without turning the head."""
    ax.set_title(text, loc="left", pad=10)


def line_style(family: str) -> dict[str, Any]:
    """matplotlib keywords of a model family."""
    style = FAMILIES[family]
    dash: Any = "solid" if not style.dash else (0, style.dash)
    hollow = {"markerfacecolor": paint("paper"), "markeredgewidth": 1.5} if style.hollow else {}
    return {"color": paint(style.token), "marker": style.marker, "linestyle": dash} | hollow


Extra = Callable[[Any, bool], list[labels.End]]  # draws into the axes, gives the names of its lines


def model_lines(ax: Any, series: Sequence[s.Line], narrow: bool) -> None:
    """One line with intervals for each model, SpecViT's strongest and on top."""
    for one in reversed(series):
        lead = one.model.family == "specvit"
        ax.errorbar(
            one.x,
            one.y,
            yerr=[one.below, one.above],
            capsize=0,
            elinewidth=1.2,
            markersize=(7 if lead else 5.5) - narrow,
            linewidth=2.4 if lead else 1.5,
            zorder=4 if lead else 3,
            **line_style(one.model.family),
        )


def curves(
    run: RunResults,
    set_name: str,
    slice_name: str,
    metric: str,
    y_label: str,
    x_label: str,
    extra: Extra | None = None,
) -> Draw:
    """A metric against brightness for every model, with intervals and labels at the lines' ends."""
    all_series = s.metric_series(run, set_name, slice_name, metric)
    rows = s.bins(run, set_name, slice_name)

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        model_lines(ax, all_series, narrow)
        low = min(min(one.y) for one in all_series)
        ax.set_ylim(min(0.0, max(low - 0.05, -0.6)) if metric == "r2" else 0, 1.0 if metric == "r2" else None)
        brightness_axis(ax, rows, slice_name, narrow)
        ax.set_xlabel(x_label, labelpad=4 if slice_name == "snr" else 20)
        ax.grid(axis="x", visible=False)
        title_axis(ax, y_label)
        ends = extra(ax, narrow) if extra else []
        labels.end_labels(ax, [*ends, *labels.model_ends(all_series, narrow)], narrow)

    return draw


def brightness_axis(ax: Any, rows: list[Row], slice_name: str, narrow: bool) -> None:
    """Ticks at round magnitudes with the bins' median SNR along the top, or the SNR itself; room for labels."""
    if slice_name == "snr":
        xs = [r.row.median_snr for r in rows]
        ax.set_xscale("log")
        ax.set_xticks(xs, [f"{x:.0f}" for x in xs])
        ax.minorticks_off()
        ax.set_xlim(xs[0] / 1.15, xs[-1] * (1.9 if narrow else 1.35))
        return
    lo, hi = rows[0].row.lo or 0.0, rows[-1].row.hi or 0.0
    step = 1.0 if narrow and hi - lo > 2 else 0.5
    ticks = np.arange(np.ceil(lo / step) * step, hi + 1e-6, step)
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xlim(lo - 0.02 * (hi - lo), hi + (0.36 if narrow else 0.15) * (hi - lo))
    every = max(1, round(len(rows) / (4 if narrow else 7)))
    for row in rows[every // 2 :: every]:
        centre = ((row.row.lo or 0.0) + (row.row.hi or 0.0)) / 2
        text = f"SNR {row.row.median_snr:.1f}" if row is rows[every // 2] else f"{row.row.median_snr:.1f}"
        ax.annotate(
            text,
            (centre, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -25),
            textcoords="offset points",
            ha="center",
            va="top",
            color=paint("ink-3"),
            fontsize=11.5,
        )


def density_panel(ax: Any, d: s.Density, token: str) -> None:
    """Cells of a density as one path per level, darker where there are more stars."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for i, level in enumerate(d.levels):
        vertices: list[tuple[float, float]] = []
        codes: list[Any] = []
        for left, right, bottom, top in s.blocks_of(d, level):
            vertices += [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
            codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        if codes:
            alpha = s.opacity(i, len(d.levels))
            # no add_patch, which looks for the extent of every cell: the axes have limits of their own
            ax.add_artist(PathPatch(Path(vertices, codes), facecolor=paint(token), edgecolor="none", alpha=alpha))


def predicted_true(run: RunResults, set_name: str, models: list[str], x_label: str) -> Draw:
    """Predicted against true log g as a density, one panel a model."""
    lo, hi = s.axis_range(np.asarray(run.predictions[set_name].logg))

    def draw(figure: Any, narrow: bool) -> None:
        shown = models[:1] if narrow else models
        axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(wspace=0.1)
        for ax, name in zip(axes, shown, strict=True):
            cells, middle = s.predicted_along(run, set_name, name)
            density_panel(ax, cells, FAMILIES[run.model(name).family].token)
            ax.plot([lo, hi], [lo, hi], color=paint("ink"), linewidth=1)
            ax.plot(middle.x, middle.median, color=paint("ink"), linewidth=1.6, linestyle=(0, (4, 2)))
            ax.set_xlim(lo, hi)
            ax.set_ylim(lo, hi)
            ax.set_aspect("equal")
            ax.set_xlabel(x_label)
            ax.set_title(run.model(name).title, loc="left", color=paint("ink"))
        axes[0].set_ylabel(_("Predicted log g (dex)"))

    return draw


def class_metric(run: RunResults, set_name: str, metric: str, x_label: str) -> Draw:
    """A metric per star class: one row of marks a class, one mark a model, with intervals."""
    present = [c for c in STAR_CLASSES if any(r.row.label == c for r in run.rows(set_name, "class"))]
    models = [m for m in run.run.models if run.rows(set_name, "class", m.name)]

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for i, name in enumerate(present):
            for j, model in enumerate(models):
                row = run.row(set_name, model.name, "class", name)
                if row is None:
                    continue
                value, below, above = s.interval_of(getattr(row.row, metric))
                y = i + (j - (len(models) - 1) / 2) * s.class_step(len(models))
                style = line_style(model.family) | {"linestyle": "none"}
                if model.family == "mean":
                    style["marker"] = "|"
                ax.errorbar(
                    [value],
                    [y],
                    xerr=[[below], [above]],
                    markersize=6,
                    elinewidth=1.2,
                    capsize=0,
                    **style,
                    label=labels.end_name(model, narrow) if i == 0 else None,
                )
        ax.set_yticks(range(len(present)), [class_word(c, "Many") for c in present])
        ax.set_ylim(len(present) - 0.5, -0.5)
        for i in range(1, len(present)):
            ax.axhline(i - 0.5, color=paint("grid"), linewidth=0.8)
        if metric == "bias":
            ax.axvline(0, color=paint("ink"), linewidth=1)
        else:
            ax.set_xlim(0, None)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(x_label)
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(-0.27 if narrow else 0, 1.0),
            ncols=3 if narrow else len(models) if len(models) < 6 else -(-len(models) // 2),
            handletextpad=0.3,
            columnspacing=1.2,
            borderaxespad=0,
        )

    return draw


LABELS = (("logg", N_("log g (dex)")), ("teff", N_("Teff (K)")), ("mh", N_("[M/H] (dex)")))


def residuals(run: RunResults, set_name: str, models: list[str]) -> Draw:
    """Median residual and its central 68 % against each label."""

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots(3, 1, sharey=True) if narrow else figure.subplots(1, 3, sharey=True)
        figure.subplots_adjust(wspace=0.08, hspace=0.42)
        for ax, (column, text) in zip(axes, ((c, _(words)) for c, words in LABELS), strict=True):
            for name in reversed(models):
                r = s.residuals_along(run, set_name, name, column)
                style = line_style(run.model(name).family)
                ax.fill_between(r.x, r.lo, r.hi, color=style["color"], alpha=0.13, linewidth=0)
                ax.plot(r.x, r.median, markersize=4.5, **style, label=run.model(name).title)
            ax.axhline(0, color=paint("ink"), linewidth=0.9)
            ax.set_xlabel(text)
            if column == "teff":
                ax.xaxis.set_major_locator(_locator(4))
        title_axis(axes[0], _("Predicted − true log g (dex)"))
        axes[-1 if not narrow else 0].legend(loc="lower left" if not narrow else "upper right", ncols=1)

    return draw


def _locator(n: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(n)


def calibration(run: RunResults, set_name: str, slice_name: str, x_label: str) -> Draw:
    """Coverage of the 68 % and 95 % intervals per bin against their nominal values."""
    models = [
        m for m in run.run.models if any(r.row.coverage68 is not None for r in run.rows(set_name, slice_name, m.name))
    ]

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for nominal in s.NOMINAL:
            ax.axhline(nominal, color=paint("ink"), linewidth=1)
        for model in reversed(models):
            rows = s.model_bins(run, set_name, slice_name, model.name)
            x = [s.position(r) for r in rows]
            for i, field in enumerate(("coverage68", "coverage95")):
                y = [100 * getattr(r.row, field) for r in rows]
                ax.plot(x, y, markersize=6, **line_style(model.family), label=model.title if i else None)
        if slice_name == "snr":
            ax.set_xscale("log")
            ax.set_xticks(x, [f"{v:.0f}" for v in x])
            ax.minorticks_off()
        ax.set_xlabel(x_label)
        ax.grid(axis="x", visible=False)
        title_axis(ax, _("Stars within the stated interval (%)"))
        ax.legend(loc="center right")

    return draw


def training(run: RunResults) -> Draw:
    """R2 on the validation set against spectra shown."""
    history = run.history
    assert history is not None

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for curve in history.curves:
            style = line_style(run.model(curve.model).family) | {"marker": ""}
            ax.plot(curve.presentations, curve.val_r2, **style, label=run.model(curve.model).title)
        ax.set_xscale("log")
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(plain_log)
        top = max(max(c.val_r2) for c in history.curves)
        ax.set_ylim(max(-0.05, min(min(c.val_r2) for c in history.curves)), min(1.0, top * 1.12))
        ax.set_xlabel(_("Spectra shown, each with fresh noise"))
        title_axis(ax, _("R² on the validation set"))
        ax.legend(loc="lower right")

    return draw


def cost(run: RunResults, set_name: str) -> Draw:
    """R2 on the test set against training time."""
    trained = [m for m in run.run.models if m.train_seconds > 0 and m.family != "mean"]
    rows = [(m, row) for m in trained if (row := run.row(set_name, m.name)) is not None]

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for model, row in rows:
            value, below, above = s.interval_of(row.row.r2)
            style = line_style(model.family) | {"linestyle": "none"}
            ax.errorbar([model.train_seconds / 60], [value], yerr=[[below], [above]], markersize=9, **style)
            ax.annotate(
                labels.short(model.title),
                (model.train_seconds / 60, value),
                xytext=(0, 13),
                textcoords="offset points",
                ha="center",
                color=style["color"],
                fontsize=12.5,
            )
        ax.set_xscale("log")
        ax.margins(x=0.18, y=0.2)
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(plain_log)
        ax.set_xlabel(_("Training time on the machine of the run (minutes)"))
        title_axis(ax, _("R² on the test set"))

    return draw
