"""R2, RMSE, MAE, bias and NMAD with bootstrap intervals.

With d = predicted - true over a slice: bias = mean d; RMSE = sqrt(mean d^2); MAE = mean |d|;
R2 = 1 - sum d^2 / sum (true - mean true)^2 within the slice; NMAD = 1.4826 median |d - median d|.
"""

from collections.abc import Callable

import numpy as np

NAMES = ("r2", "rmse", "mae", "bias", "nmad")


def r2(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Coefficient of determination of predicted (n,) for truth (n,)."""
    residual = np.square(predicted - truth, dtype=np.float64).sum()
    return float(1 - residual / np.square(truth - truth.mean(dtype=np.float64), dtype=np.float64).sum())


def metrics(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(..., 5) values of ``NAMES`` over the last axis of truth and predicted (..., n)."""
    d = predicted - truth
    square = np.square(d).mean(-1)
    spread = np.square(truth - truth.mean(-1, keepdims=True)).mean(-1)
    nmad = 1.4826 * np.median(np.abs(d - np.median(d, -1, keepdims=True)), -1)
    return np.stack([1 - square / spread, np.sqrt(square), np.abs(d).mean(-1), d.mean(-1), nmad], -1)


def resampled(measure: Callable[[np.ndarray], np.ndarray], n: int, resamples: int, seed: int = 0) -> np.ndarray:
    """(2, ...) 2.5 % and 97.5 % percentiles of a measure over bootstrap samples of n stars.

    Args:
        measure: values (samples, ...) of rows of stars (samples, n).
    """
    rng = np.random.default_rng(seed)
    rows = [measure(rng.integers(0, n, (min(100, resamples - i), n))) for i in range(0, resamples, 100)]
    return np.asarray(np.percentile(np.concatenate(rows), [2.5, 97.5], axis=0))


def bootstrap(truth: np.ndarray, predicted: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """(3, 5): values of ``NAMES`` and their 2.5 % and 97.5 % percentiles over resampled stars.

    Args:
        truth: (n,) log g.
        predicted: (n,) log g.
    """
    ends = resampled(lambda pick: metrics(truth[pick], predicted[pick]), len(truth), resamples, seed)
    return np.concatenate([metrics(truth, predicted)[None], ends])


def coverage(truth: np.ndarray, predicted: np.ndarray, sigma: np.ndarray, half95: np.ndarray) -> tuple[float, float]:
    """Shares of stars within sigma (nominal 0.683) and within half95 (nominal 0.95) of the truth."""
    error = np.abs(predicted - truth)
    return float((error <= sigma).mean()), float((error <= half95).mean())


def paired_gap(
    truth: np.ndarray, first: np.ndarray, second: np.ndarray, resamples: int, seed: int = 0
) -> tuple[float, float, float]:
    """R2 of ``first`` minus R2 of ``second`` on the same stars, with its 95 % bootstrap interval."""
    a, b = np.square(first - truth), np.square(second - truth)

    def gap(pick: np.ndarray | slice) -> np.ndarray:
        t = truth[pick]
        spread = np.square(t - t.mean(-1, keepdims=True)).sum(-1)
        return np.asarray((b[pick] - a[pick]).sum(-1) / spread)

    lo, hi = resampled(gap, len(truth), resamples, seed)
    return float(gap(slice(None))), float(lo), float(hi)
