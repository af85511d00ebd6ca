"""Drawings of the studies without JavaScript: scaling, ablations, what attention buys."""

from typing import Any

from site_builder import published, studies
from site_builder.contract.schema import Interval, ModelInfo
from site_builder.design import FAMILIES, paint
from site_builder.figures import charts, labels
from site_builder.figures.svg import Draw, plain_log
from site_builder.i18n import N_, _
from site_builder.results import RunResults, interval_of

ROW, GROUP = 26, 34  # pixels of a row of a dot plot, and of a group's name


def _log_axis(ax: Any) -> None:
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(plain_log)


def scaling_axes(ax: Any, run: RunResults, narrow: bool, names: list[str] | None = None) -> None:
    """R2 against distinct spectra: our models with intervals, the published curves thin and hollow.

    Args:
        names: of the models to draw, without the published curves; None: everything.
    """
    for curve in published.scaling() if names is None else ():
        colour = paint(FAMILIES[curve.family].token)
        marker = FAMILIES[curve.family].marker
        face = {"markerfacecolor": paint("paper"), "markeredgewidth": 1.1}
        ax.plot(curve.n_spectra, curve.r2, color=colour, marker=marker, markersize=4.5, linewidth=0.9, alpha=0.75,
                linestyle=(0, (1, 2)), zorder=2, **face)  # fmt: skip
    for name, points in reversed(studies.scaling(run).items()):
        model = run.model(name)
        if names is not None and name not in names:
            continue
        parts = [interval_of(p.point.r2) for p in points]
        lead = model.family == "specvit"
        ax.errorbar(
            [p.point.n_spectra for p in points],
            [p[0] for p in parts],
            yerr=[[p[1] for p in parts], [p[2] for p in parts]],
            capsize=0,
            elinewidth=1.1,
            markersize=(7 if lead else 5.5) - narrow,
            linewidth=2.4 if lead else 1.5,
            zorder=4 if lead else 3,
            **charts.line_style(model.family),
        )
    _log_axis(ax)


def scaling(run: RunResults) -> Draw:
    """R2 on the test set against the number of distinct training spectra."""

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        scaling_axes(ax, run, narrow)
        low = min(p.point.r2.lo for points in studies.scaling(run).values() for p in points)
        ax.set_ylim(min(0.0, max(low - 0.05, -0.4)) if low < 0.05 else max(0.0, low - 0.06), None)
        counts = [*studies.sizes(run), *(n for c in published.scaling() for n in c.n_spectra)]
        ax.set_xlim(min(counts) / 1.4, max(counts) * (30 if narrow else 4.5))
        ax.set_xticks([t for t in ax.get_xticks() if min(counts) / 1.4 <= t <= max(counts)])
        ax.set_xlabel(_("Distinct training spectra"))
        charts.title_axis(ax, _("R² on the test set"))
        ends = [
            labels.End(
                points[-1].point.n_spectra,
                points[-1].point.r2.value,
                labels.end_name(run.model(name), narrow),
                FAMILIES[run.model(name).family].token,
                run.model(name).family == "specvit",
            )
            for name, points in studies.scaling(run).items()
        ]
        there = [
            labels.End(c.n_spectra[-1], c.r2[-1], _("published"), FAMILIES[c.family].token) for c in published.scaling()
        ]
        right = max(end.x for end in [*ends, *there])
        labels.end_labels(ax, [labels.End(right, e.y, e.text, e.token, e.bold) for e in [*ends, *there]], narrow)

    return draw


def ablation_height(run: RunResults) -> int:
    """Pixels that the dot plot of the ablations needs."""
    groups = studies.ablations(run)
    return 84 + sum(GROUP + ROW * len(rows) for _, rows in groups)


def ablations(run: RunResults) -> Draw:
    """R2 of every changed choice, grouped by what was changed; the base of a group is hollow, with a rule."""
    groups = studies.ablations(run)

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        y = 0.0
        for name, rows in groups:
            y += GROUP
            left = -104 if narrow else -206
            ax.annotate(name, (0, y - ROW / 2), xycoords=("axes fraction", "data"), xytext=(left, 0),
                        textcoords="offset points", va="center", fontweight="bold", color=paint("ink"),
                        annotation_clip=False)  # fmt: skip
            first = y
            for one in rows:
                value, below, above = interval_of(one.row.r2)
                colour = paint("ink" if one.row.base else "specvit" if one.verdict != "alike" else "ink-3")
                face = {"markerfacecolor": paint("paper"), "markeredgewidth": 1.6} if one.row.base else {}
                ax.errorbar([value], [y + ROW / 2], xerr=[[below], [above]], marker="o", markersize=7, color=colour,
                            elinewidth=1.3, capsize=0, linestyle="none", zorder=3, **face)  # fmt: skip
                ax.annotate(one.row.value, (0, y + ROW / 2), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                            textcoords="offset points", va="center", ha="right", color=paint("ink-2"),
                            fontsize=12 if narrow else 13, annotation_clip=False)  # fmt: skip
                y += ROW
            base = next((one for one in rows if one.row.base), None)
            if base is not None:
                ax.plot([base.row.r2.value] * 2, [first, y], color=paint("ink"), linewidth=0.9, zorder=1)
        ax.set_ylim(y + 6, 0)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.margins(x=0.06)
        ax.set_xlabel(_("R² on the test set"))

    return draw


def _training(ax: Any, run: RunResults, column: str) -> None:
    for _place, curve, model in studies.networks(run):
        values = getattr(curve, column)
        x = [v / 60 for v in values] if column == "seconds" else values
        style = charts.line_style(model.family) | {"marker": ""}
        ax.plot(x, curve.val_r2, linewidth=2.4 if model.family == "specvit" else 1.6, **style)
    _log_axis(ax)
    ax.set_ylim(max(0.0, ax.get_ylim()[0]), None)


LEAST = -1.0  # R2 below this leaves the picture of the stress tests: a triangle at its edge says so


def stress_rows(run: RunResults) -> list[tuple[str, list[tuple[ModelInfo, Interval]]]]:
    """(condition, R2 of SpecViT and of each network without attention), the unstressed condition first."""
    shown = compared(run)
    return [(label, [(m, rows[m.name].row.r2) for m in shown if m.name in rows]) for label, rows in studies.stress(run)]


def _stress(ax: Any, run: RunResults, narrow: bool) -> None:
    """One row a condition; on narrow screens its name stands above the marks."""
    conditions = stress_rows(run)
    shift, step = (0.18, 0.17) if narrow else (0.0, 0.24)
    for i, (label, rows) in enumerate(conditions):
        for j, (model, r2) in enumerate(rows):
            value, below, above = interval_of(r2)
            style = charts.line_style(model.family) | {"linestyle": "none", "markersize": 6}
            if value < LEAST:
                value, below, above, style["marker"] = LEAST, 0.0, 0.0, "<"
            y = i + shift + (j - (len(rows) - 1) / 2) * step
            ax.errorbar([value], [y], xerr=[[below], [above]], elinewidth=1.2, capsize=0, **style)
        if narrow:
            place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "xytext": (4, 0)}
            ax.annotate(label, (0, i - 0.28), va="center", fontsize=12, color=paint("ink-2"), **place)
    ax.set_yticks(range(len(conditions)), ["" if narrow else wrapped(label, 34) for label, _ in conditions])
    ax.set_ylim(len(conditions) - 0.5, -0.5)
    ax.set_xlim(max(ax.get_xlim()[0], LEAST - 0.06), None)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0, labelsize=12)
    for i in range(1, len(conditions)):
        ax.axhline(i - 0.5, color=paint("grid"), linewidth=0.8)


def wrapped(text: str, width: int) -> str:
    """Words on lines of at most ``width`` letters."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def attention_panels(run: RunResults) -> list[str]:
    """The panels that the run has data for: presentations, seconds, few, stress."""
    panels = ["presentations", "seconds"] if studies.networks(run) else []
    panels += ["few"] if studies.scaling(run) else []
    return panels + (["stress"] if studies.stress(run) else [])


PANEL_TITLES = {
    "presentations": (N_("Validation R²"), N_("Noisy spectra shown")),
    "seconds": (N_("Validation R²"), N_("Training time (minutes)")),
    "few": (N_("Test R²"), N_("Distinct training spectra")),
    "stress": (N_("Under conditions not trained for"), "R²"),
}


def compared(run: RunResults) -> list[ModelInfo]:
    """SpecViT and the networks without attention, as far as any panel shows them."""
    names = {m.name for _, _, m in studies.networks(run)} | {n for _, rows in studies.stress(run) for n in rows}
    names |= set(studies.scaling(run))
    return [m for m in run.run.models if m.name in names and m.family in ("specvit", *studies.RIVALS)]


def _panels(figure: Any, panels: list[str], conditions: int, narrow: bool) -> list[Any]:
    """Axes of the panels: small ones side by side, the stress tests below them over the whole width."""
    small = [name for name in panels if name != "stress"]
    if narrow:
        ratios = [0.2 + 0.22 * conditions if name == "stress" else 1.0 for name in panels]
        grid = figure.add_gridspec(len(panels), 1, height_ratios=ratios, hspace=0.52)
        return [figure.add_subplot(grid[k, 0]) for k in range(len(panels))]
    rows = [1.0] * bool(small) + [0.2 + 0.15 * conditions] * ("stress" in panels)
    outer = figure.add_gridspec(len(rows), 1, height_ratios=rows, hspace=0.36)
    top = outer[0].subgridspec(1, max(1, len(small)), wspace=0.26)
    axes = [figure.add_subplot(top[0, k]) for k in range(len(small))]
    if "stress" in panels:
        inner = outer[len(rows) - 1].subgridspec(1, 2, width_ratios=(0.26, 1), wspace=0.0)
        axes.append(figure.add_subplot(inner[0, 1]))
    return axes


def attention(run: RunResults) -> Draw:
    """SpecViT against networks without attention: training, few spectra, conditions not trained for."""
    panels = attention_panels(run)

    def draw(figure: Any, narrow: bool) -> None:
        axes = _panels(figure, panels, len(studies.stress(run)), narrow)
        for ax, name in zip(axes, panels, strict=True):
            if name == "few":
                scaling_axes(ax, run, True, [m.name for m in compared(run)])
            elif name == "stress":
                _stress(ax, run, narrow)
            else:
                _training(ax, run, name)
            title, x = (_(text) for text in PANEL_TITLES[name])
            charts.title_axis(ax, title)
            ax.set_xlabel(x)
        for model in compared(run):
            style = charts.line_style(model.family)
            axes[0].plot([], [], markersize=6, label=labels.end_name(model, narrow), **style)
        anchor = (-0.02, 1.16 if not narrow else 1.2)
        axes[0].legend(loc="lower left", bbox_to_anchor=anchor, ncols=3, borderaxespad=0, columnspacing=1.2)

    return draw
