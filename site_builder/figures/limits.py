"""The limits beside the models: over the curve of R2 against magnitude, and as the distance to the Bayes limit."""

from dataclasses import dataclass
from typing import Any

from site_builder.design import FAMILIES, LIMITS, paint
from site_builder.figures import charts, labels
from site_builder.figures import series as s
from site_builder.figures.interactive import brightness_axis
from site_builder.figures.plotly_base import LEGEND_BELOW, bars, once, publish, scatter, style, title
from site_builder.figures.svg import Draw
from site_builder.i18n import N_, _
from site_builder.limits import Limit, bins
from site_builder.publish import Site
from site_builder.results import RunResults

NAMES = {"bayes": N_("Bayes limit"), "crlb3": N_("CRLB, 3 labels"), "crlb5": N_("CRLB, 5 labels")}
SHORT = {"bayes": N_("Bayes limit"), "crlb3": N_("CRLB (3)"), "crlb5": N_("CRLB (5)")}
BAND = 0.14


@dataclass(frozen=True)
class Line:
    """One limit against magnitude, with the ends of its band."""

    name: str  # bayes, crlb3 or crlb5
    x: list[float]
    y: list[float]
    lo: list[float]
    hi: list[float]


def _centre(one: Limit) -> float:
    row = one.row(one.run.specvit.name)
    return s.position(row) if row is not None else one.bin.median_snr


def lines(run: RunResults, set_name: str) -> list[Line]:
    """The Bayes limit and the bounds that the set has; empty where it has none."""
    found = bins(run, set_name)
    if not found:
        return []
    values = [one.bin.r2 for one in found]
    x = [_centre(one) for one in found]
    out = [Line("bayes", x, [v.value for v in values], [v.lo for v in values], [v.hi for v in values])]
    for unknown in (3, 5):
        bounds = [(_centre(one), b) for one in found if (b := one.crlb(unknown)) is not None]
        if bounds:
            columns = [[getattr(b, f) for _, b in bounds] for f in ("r2", "r2_lo", "r2_hi")]
            out.append(Line(f"crlb{unknown}", [x for x, _ in bounds], *columns))
    return out


def overlay(run: RunResults, set_name: str) -> charts.Extra | None:
    """Draws the Bayes limit and the bound of five labels with its band below the models' curves."""
    shown = [line for line in lines(run, set_name) if line.name != "crlb3"]
    if not shown:
        return None

    def draw(ax: Any, narrow: bool) -> list[labels.End]:
        ends = []
        lo, hi = ax.get_ylim()
        for line in shown:
            own = LIMITS[line.name]
            colour = paint(own.token)
            if line.name == "bayes":  # wide, so that a model on the limit runs inside it
                ax.plot(line.x, line.y, color=colour, linewidth=6 - narrow, solid_capstyle="round", zorder=2.5)
            else:
                ax.fill_between(line.x, line.lo, line.hi, color=colour, alpha=BAND, linewidth=0, zorder=1)
                ax.plot(line.x, line.y, color=colour, linewidth=1.6, linestyle=(0, own.dash), zorder=2)
            name = _((SHORT if narrow else NAMES)[line.name])
            ends.append(labels.End(line.x[-1], line.y[-1], name, own.token, line.name == "bayes"))
        ax.set_ylim(lo, hi)
        return ends

    return draw


def traces(run: RunResults, set_name: str) -> list[Any]:
    """Plotly traces of the limits; ``meta.part`` names the control that shows them."""
    out = []
    for line in lines(run, set_name):
        own = LIMITS[line.name]
        colour, meta = paint(own.token), {"part": line.name}
        if line.name != "bayes":
            band = {"fill": "toself", "fillcolor": colour, "opacity": BAND, "line": {"width": 0}, "mode": "lines"}
            xs, ys = line.x + line.x[::-1], line.hi + line.lo[::-1]
            out.append(scatter(x=xs, y=ys, meta=meta, hoverinfo="skip", showlegend=False, **band))
        wide = {"width": 6.5} if line.name == "bayes" else {"width": 1.8, "dash": own.plotly_dash}
        text = [f"[{lo:.3f}, {hi:.3f}]" for lo, hi in zip(line.lo, line.hi, strict=True)]
        out.append(
            scatter(
                x=line.x,
                y=line.y,
                mode="lines",
                name=_(NAMES[line.name]),
                line={"color": colour} | wide,
                meta=meta,
                customdata=text,
                hovertemplate="%{y:.3f} %{customdata}",
            )
        )
    return out


def gap_series(run: RunResults, set_name: str) -> list[s.Line]:
    """R2 that each model leaves, in the order of the run file (the mean is left out)."""
    out = []
    for model in run.run.models:
        pairs = [(one, gap) for one in bins(run, set_name) if (gap := one.gap(model.name)) is not None]
        if model.family == "mean" or not pairs:
            continue
        values = [(g.value.number, g.lo.number, g.hi.number) for _, g in pairs]
        x = [_centre(one) for one, _ in pairs]
        y, below, above = [v for v, _, _ in values], [v - lo for v, lo, _ in values], [hi - v for v, _, hi in values]
        out.append(s.Line(model, x, y, below, above))
    return out


def _top(series: list[s.Line]) -> float:
    """Upper end of the axis: room for the closest three; those far off leave the picture."""
    peaks = sorted(max(v + a for v, a in zip(one.y, one.above, strict=True)) for one in series)
    return max(0.05, 1.15 * peaks[min(2, len(peaks) - 1)])


def gaps(run: RunResults, set_name: str, x_label: str) -> Draw:
    """R2 below the Bayes limit against magnitude, for every model near it."""
    series, found = gap_series(run, set_name), bins(run, set_name)
    errors = [2 * one.bin.r2_se for one in found]

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        x = [_centre(one) for one in found]
        ax.fill_between(x, [-e for e in errors], errors, color=paint("ink-3"), alpha=0.25, linewidth=0)
        ax.plot([x[0], x[-1]], [0, 0], color=paint("bayes"), linewidth=3, solid_capstyle="round")
        charts.model_lines(ax, series, narrow)
        top = _top(series)
        ax.set_ylim(top, -0.12 * top)
        charts.brightness_axis(ax, s.bins(run, set_name, "magnitude"), "magnitude", narrow)
        ax.set_xlabel(x_label, labelpad=20)
        ax.grid(axis="x", visible=False)
        charts.title_axis(ax, _("R² below the Bayes limit"))
        near = [one for one in series if one.y[-1] <= top]
        ends = [
            labels.End(
                one.x[-1],
                one.y[-1],
                labels.end_name(one.model, narrow),
                FAMILIES[one.model.family].token,
                one.model.family == "specvit",
            )
            for one in near
        ]
        labels.end_labels(ax, ends, narrow)

    return draw


@once
def live_gaps(site: Site, name: str, run: RunResults, set_name: str, x: str) -> str:
    """The same in Plotly."""
    series = gap_series(run, set_name)
    out = []
    for one in series:
        interval = [f"[{v - b:+.4f}, {v + a:+.4f}]" for v, b, a in zip(one.y, one.below, one.above, strict=True)]
        out.append(
            scatter(
                x=one.x,
                y=one.y,
                name=one.model.title,
                mode="lines+markers",
                error_y=bars(one.below, one.above),
                customdata=interval,
                hovertemplate="%{y:+.4f} %{customdata}",
                **style(one.model.family, one.model.family == "specvit"),
            )
        )
    top = _top(series)
    line = {"color": paint("bayes"), "width": 3}
    zero = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": line}]
    axis = brightness_axis(x, run, set_name, "magnitude")
    y = title(_("R² below the Bayes limit"), range=[top, -0.12 * top])
    narrow = LEGEND_BELOW | {"height": 320 + 24 * len(out)}
    return publish(site, name, out, narrow, xaxis=axis, yaxis=y, hovermode="x unified", shapes=zero)


def table_csv(site: Site, run: RunResults, set_name: str) -> str:
    """Every number of the limits per bin, and each model's gap; returns the address."""
    found = bins(run, set_name)
    models = [m.name for m in run.run.models if found and found[0].gap(m.name) is not None]
    fields = ("sigma", "sigma_lo", "sigma_hi", "r2", "r2_lo", "r2_hi")
    header = ["magnitude", "n", "median_snr", "r2", "r2_lo", "r2_hi", "r2_se", "rmse", "rmse_lo", "rmse_hi"]
    header += ["posterior_sd", "ess_median", "ess_p1", "pit_ks"]
    header += [f"crlb{k}_{f}" for k in (3, 5) for f in fields]
    header += [f"gap_{m}{end}" for m in models for end in ("", "_lo", "_hi")]
    rows = []
    for one in found:
        b = one.bin
        row: list[Any] = [b.label, b.n, b.median_snr, b.r2.value, b.r2.lo, b.r2.hi, b.r2_se]
        row += [b.rmse.value, b.rmse.lo, b.rmse.hi, b.posterior_sd, b.ess_median, b.ess_p1, b.pit_ks]
        for k in (3, 5):
            bound = one.crlb(k)
            row += [getattr(bound, f) if bound else None for f in fields]
        for model in models:
            gap = one.gap(model)
            row += [gap.value.value, gap.lo.value, gap.hi.value] if gap else [None] * 3
        rows.append(row)
    return site.publish_csv(f"tables/{run.name}.{set_name}.limits.csv", header, rows)
