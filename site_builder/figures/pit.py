"""Histograms of the probability integral transform, one small panel a magnitude: static and in Plotly."""

from typing import Any

from site_builder.contract.schema import ModelInfo, PitRow
from site_builder.design import FAMILIES, paint
from site_builder.figures.plotly_base import AXIS, bar, once, panel, publish, rows_domain
from site_builder.figures.svg import Draw
from site_builder.i18n import _
from site_builder.limits import spread_out
from site_builder.publish import Site
from site_builder.results import RunResults

PANELS = 6  # as many fit side by side and can be read


def models(run: RunResults, set_name: str) -> list[ModelInfo]:
    """Models with histograms, in the order of the run file."""
    names = {row.model for row in run.calibration[set_name].rows}
    return [m for m in run.run.models if m.name in names]


def rows(run: RunResults, set_name: str, model: str) -> list[PitRow]:
    """A few brightness bins of one model, evenly from bright to faint."""
    own = [r for r in run.calibration[set_name].rows if r.model == model and r.slice != "all"]
    edges = {r.row.label: r.row.lo or 0.0 for r in run.rows(set_name, own[0].slice, model)} if own else {}
    return spread_out(sorted(own, key=lambda r: edges.get(r.label, 0.0)), PANELS)


def heights(row: PitRow) -> list[float]:
    """Stars per bin over those of a flat histogram."""
    return [c * len(row.counts) / row.n for c in row.counts]


def name_of(row: PitRow) -> str:
    """Title of a panel."""
    first, _between, last = row.label.partition("-")
    where = _("{first} to {last}", first=first, last=last) if last else first
    return _("Magnitude {value}", value=where) if row.slice == "magnitude" else _("SNR {value}", value=where)


def draw(run: RunResults, set_name: str, model: ModelInfo) -> Draw:
    """One model's histograms; flat at 1 is calibrated, a hump too wide, a bowl too narrow."""
    own = rows(run, set_name, model.name)

    def on(figure: Any, narrow: bool) -> None:
        columns = 2 if narrow else 3
        axes = figure.subplots(-(-len(own) // columns), columns, sharex=True, sharey=True, squeeze=False)
        figure.subplots_adjust(wspace=0.12, hspace=0.42)
        for ax in axes.flat[len(own) :]:
            ax.set_visible(False)
        for ax, row in zip(axes.flat, own, strict=False):
            n = len(row.counts)
            edges = [k / n for k in range(n + 1)]
            spread = 2 * (n / row.n) ** 0.5
            ax.fill_between([0, 1], 1 - spread, 1 + spread, color=paint("ink-3"), alpha=0.2, linewidth=0)
            ax.stairs(heights(row), edges, fill=True, color=paint(FAMILIES[model.family].token), alpha=0.45)
            ax.stairs(heights(row), edges, color=paint(FAMILIES[model.family].token), linewidth=1.2)
            ax.axhline(1, color=paint("ink"), linewidth=1)
            ax.set_xlim(0, 1)
            ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            ax.grid(axis="x", visible=False)
            ax.set_title(name_of(row), loc="left")
        axes.flat[0].set_ylim(0, None)
        for ax in axes[-1]:
            ax.set_xlabel(_("Probability below the truth"))

    return on


@once
def live(site: Site, name: str, run: RunResults, set_name: str) -> str:
    """All models' histograms; ``meta.part`` names the model that a control shows."""
    traces: list[Any] = []
    layout: dict[str, Any] = {"showlegend": False, "height": 460, "bargap": 0, "annotations": [], "shapes": []}
    narrow: dict[str, Any] = {"height": 640, "annotations": []}
    shown = rows(run, set_name, models(run, set_name)[0].name)
    for model in models(run, set_name):
        for k, row in enumerate(rows(run, set_name, model.name)):
            n = len(row.counts)
            place = panel(k)[1]
            traces.append(
                bar(
                    x=[(i + 0.5) / n for i in range(n)],
                    y=heights(row),
                    width=1 / n,
                    marker={"color": paint(FAMILIES[model.family].token), "opacity": 0.6},
                    customdata=row.counts,
                    hovertemplate=_(
                        "%{{customdata}} of {n} stars<extra>{model}</extra>", n=f"{row.n:,}", model=model.title
                    ),
                    meta={"part": model.name},
                    **place,
                )
            )
    top = 1.1 * max((v for t in traces for v in t["y"]), default=1.5)
    for k, row in enumerate(shown):
        suffix = panel(k)[0]
        for columns, target in ((3, layout), (2, narrow)):
            lines = -(-len(shown) // columns)
            x0 = (k % columns) / columns * (1 + 0.14 / columns)
            domain = rows_domain(k // columns, lines, 0.2 if columns == 3 else 0.13)
            x, y = {"domain": [x0, min(1.0, x0 + 0.86 / columns)]}, {"domain": domain}
            own = {"anchor": f"y{suffix}", "range": [0, 1], "tickvals": [0, 0.5, 1], "showgrid": False}
            target[f"xaxis{suffix}"] = x | (AXIS | own if target is layout else {})
            target[f"yaxis{suffix}"] = y | (AXIS | {"range": [0, top]} if target is layout else {})
            note = {"text": name_of(row), "x": x0, "y": domain[1], "xref": "paper", "yref": "paper"}
            target["annotations"].append(note | {"showarrow": False, "xanchor": "left", "yanchor": "bottom"})
        line = {"color": paint("ink"), "width": 1}
        flat = {"type": "line", "xref": f"x{suffix}", "yref": f"y{suffix}", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
        layout["shapes"].append(flat | {"line": line})
    return publish(site, name, traces, narrow, **layout)
