"""What the charts show, taken or binned from the results; static and interactive charts share it."""

from dataclasses import dataclass

import numpy as np

from site_builder.contract.schema import ModelInfo
from site_builder.results import Row, RunResults, interval_of


@dataclass(frozen=True)
class Series:
    """One model's curve: x, value, distances to the interval's ends, stars per point, text per point."""

    model: ModelInfo
    x: list[float]
    y: list[float]
    below: list[float]
    above: list[float]
    n: list[int]
    label: list[str]


def brightness_slice(run: RunResults, set_name: str) -> str:
    """The slice that a set is binned by: magnitude where it has one, else signal-to-noise ratio."""
    return "magnitude" if run.rows(set_name, "magnitude") else "snr"


def bins(run: RunResults, set_name: str, slice_name: str) -> list[Row]:
    """The bins of a slice (rows of the SpecViT of the run), brightest or lowest first."""
    rows = run.rows(set_name, slice_name, run.specvit.name)
    return sorted(rows, key=lambda r: r.row.lo if r.row.lo is not None else 0.0)


def metric_series(run: RunResults, set_name: str, slice_name: str, metric: str, mean: bool = False) -> list[Series]:
    """A metric per bin for every model; x is the bin's centre (magnitude) or median SNR."""
    out = []
    for model in run.run.models:
        if model.family == "mean" and not mean:
            continue
        rows = sorted(run.rows(set_name, slice_name, model.name), key=lambda r: r.row.lo if r.row.lo is not None else 0.0)
        if not rows:
            continue
        parts = [interval_of(getattr(r.row, metric)) for r in rows]
        centres = [r.row.median_snr if slice_name == "snr" else _centre(r) for r in rows]
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


def _centre(row: Row) -> float:
    lo, hi = row.row.lo, row.row.hi
    return 0.0 if lo is None or hi is None else (lo + hi) / 2


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


def cells_of(d: Density, level: tuple[int, int]) -> list[tuple[float, float, float]]:
    """(x, y, size) of the cells of one level."""
    size = float(d.edges[1] - d.edges[0])
    where = np.argwhere((d.counts >= level[0]) & (d.counts <= level[1]))
    return [(float(d.edges[i]), float(d.edges[j]), size) for i, j in where]


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
    which = np.clip(np.digitize(label, edges) - 1, 0, n_bins - 1)
    x, rows, n = [], [], []
    for i in range(n_bins):
        part = residual[which == i]
        if len(part) >= least:
            x.append(float(np.median(label[which == i])))
            rows.append(np.percentile(part, [16, 50, 84]))
            n.append(len(part))
    table = np.round(np.array(rows).reshape(-1, 3), 4)
    return Running(x, table[:, 1].tolist(), table[:, 0].tolist(), table[:, 2].tolist(), n)


def pit(true: np.ndarray, predicted: np.ndarray, sigma: np.ndarray, n_bins: int = 20) -> np.ndarray:
    """Histogram (n_bins,) of the probability integral transform, 1 where calibrated."""
    from math import erf, sqrt

    z = (true - predicted) / np.maximum(sigma, 1e-9)
    u = np.array([0.5 * (1 + erf(v / sqrt(2))) for v in z])
    return np.histogram(u, bins=n_bins, range=(0, 1))[0] * n_bins / len(u)
