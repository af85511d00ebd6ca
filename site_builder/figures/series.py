"""What the charts show, taken or binned from the results; static and interactive charts share it."""

from dataclasses import dataclass

import numpy as np

from site_builder.contract.schema import ModelInfo
from site_builder.results import Row, RunResults, interval_of

NOMINAL = (68.27, 95.0)  # per cent of stars within 1 and 1.96 standard deviations
CLASS_EDGES = {"giant": (-np.inf, 2.5), "subgiant": (2.5, 3.5), "dwarf": (3.5, np.inf)}


@dataclass(frozen=True)
class Line:
    """One model's curve: x, value, distances to the interval's ends."""

    model: ModelInfo
    x: list[float]
    y: list[float]
    below: list[float]
    above: list[float]


@dataclass(frozen=True)
class Series(Line):
    """A curve with the stars and the text of each point."""

    n: list[int]
    label: list[str]


def brightness_slice(run: RunResults, set_name: str) -> str:
    """The slice that a set is binned by: magnitude where it has one, else signal-to-noise ratio."""
    return "magnitude" if run.rows(set_name, "magnitude") else "snr"


def model_bins(run: RunResults, set_name: str, slice_name: str, model: str) -> list[Row]:
    """The rows of one model in the bins of a slice, by their lower edges."""
    return sorted(run.rows(set_name, slice_name, model), key=lambda r: r.row.lo if r.row.lo is not None else 0.0)


def bins(run: RunResults, set_name: str, slice_name: str) -> list[Row]:
    """The bins of a slice (rows of the SpecViT of the run), brightest or lowest first."""
    return model_bins(run, set_name, slice_name, run.specvit.name)


def position(row: Row) -> float:
    """Where a bin is drawn: at its median SNR, or at its centre."""
    if row.row.slice == "snr" or row.row.lo is None or row.row.hi is None:
        return row.row.median_snr
    return (row.row.lo + row.row.hi) / 2


def of_class(logg: np.ndarray, star_class: str) -> np.ndarray:
    """Which of (n,) log g belong to a star class."""
    lo, hi = CLASS_EDGES[star_class]
    return (logg >= lo) & (logg < hi)


def class_step(models: int) -> float:
    """Distance between the marks of two models in one row of the chart of star classes."""
    return min(0.14, 0.78 / max(1, models))


def opacity(level: int, levels: int) -> float:
    """Shade of one level of a density."""
    return round(0.14 + 0.82 * level / max(1, levels - 1), 3)


def metric_series(run: RunResults, set_name: str, slice_name: str, metric: str, mean: bool = False) -> list[Series]:
    """A metric per bin for every model; x is the bin's centre (magnitude) or median SNR."""
    out = []
    for model in run.run.models:
        if model.family == "mean" and not mean:
            continue
        rows = model_bins(run, set_name, slice_name, model.name)
        if not rows:
            continue
        parts = [interval_of(getattr(r.row, metric)) for r in rows]
        centres = [position(r) for r in rows]
        out.append(
            Series(
                model,
                centres,
                [p[0] for p in parts],
                [p[1] for p in parts],
                [p[2] for p in parts],
                [r.row.n for r in rows],
                [r.row.label for r in rows],
            )
        )
    return out


@dataclass(frozen=True)
class Density:
    """Stars per cell of predicted against true log g, in levels that double."""

    edges: np.ndarray  # (cells + 1,) dex, the same on both axes
    counts: np.ndarray  # (cells, cells) [true, predicted]
    levels: list[tuple[int, int]]  # stars per cell, both ends included
    outside: int  # stars beyond the axes


def density(true: np.ndarray, predicted: np.ndarray, lo: float, hi: float, cells: int = 40) -> Density:
    """Bin (n,) true and predicted log g on a square grid."""
    edges = np.linspace(lo, hi, cells + 1)
    counts = np.histogram2d(true, predicted, bins=[edges, edges])[0].astype(int)
    levels, low = [], 1
    while low <= counts.max():
        levels.append((low, 2 * low - 1))
        low *= 2
    return Density(edges, counts, levels, int(len(true) - counts.sum()))


def blocks_of(d: Density, level: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """(left, right, bottom, top) of the cells of one level; neighbours above each other are one block."""
    inside = (d.counts >= level[0]) & (d.counts <= level[1])
    blocks = []
    for i, column in enumerate(inside):
        steps = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(int), [0]])))
        for start, stop in zip(steps[::2], steps[1::2], strict=True):
            blocks.append(tuple(round(float(d.edges[k]), 4) for k in (i, i + 1, start, stop)))
    return blocks  # type: ignore[return-value]  # four edges each


@dataclass(frozen=True)
class Running:
    """Median and central 68 % of residuals in bins of a label."""

    x: list[float]
    median: list[float]
    lo: list[float]
    hi: list[float]
    n: list[int]


def running(label: np.ndarray, residual: np.ndarray, n_bins: int = 14, least: int = 12) -> Running:
    """Percentiles 16, 50 and 84 of (n,) residuals in equal bins of (n,) a label; thin bins are left out."""
    edges = np.linspace(label.min(), label.max(), n_bins + 1)
    which = np.clip(np.digitize(label, edges) - 1, 0, n_bins - 1).astype(np.uint8)
    x, rows, n = [], [], []
    for i in range(n_bins):
        stars = np.flatnonzero(which == i)
        if len(stars) >= least:
            x.append(float(np.median(label[stars])))
            rows.append(np.percentile(residual[stars], [16, 50, 84]))
            n.append(len(stars))
    table = np.round(np.array(rows).reshape(-1, 3), 4)
    return Running(x, table[:, 1].tolist(), table[:, 0].tolist(), table[:, 2].tolist(), n)


def residuals_along(run: RunResults, set_name: str, model: str, column: str) -> Running:
    """Residuals of a model in bins of a label ("logg", "teff", "mh"); binned once for all drawings."""
    key = ("residuals", set_name, model, column)
    if key not in run.binned:
        table = run.predictions[set_name]
        residual = np.asarray(table.predicted[model]) - np.asarray(table.logg)
        run.binned[key] = running(np.asarray(getattr(table, column)), residual)
    found: Running = run.binned[key]
    return found


def predicted_along(run: RunResults, set_name: str, model: str) -> tuple[Density, Running]:
    """Predicted against true log g of a model, as cells and as a median; binned once for all drawings."""
    key = ("predicted", set_name, model)
    if key not in run.binned:
        table = run.predictions[set_name]
        true, predicted = np.asarray(table.logg), np.asarray(table.predicted[model])
        run.binned[key] = density(true, predicted, *axis_range(true)), running(true, predicted, 12)
    found: tuple[Density, Running] = run.binned[key]
    return found


def axis_range(true: np.ndarray) -> tuple[float, float]:
    """Half-dex limits that hold all true values."""
    return float(np.floor(true.min() * 2) / 2), float(np.ceil(true.max() * 2) / 2)
