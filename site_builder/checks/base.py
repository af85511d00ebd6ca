"""What all checks share: refusing in one sentence, the stars of a slice, the metrics by their definitions."""

from collections.abc import Iterator
from typing import NoReturn

import numpy as np

from site_builder.contract import BadInput
from site_builder.contract.schema import MetricRow, PredictionsFile
from site_builder.results import Results, RunResults

EXPORT_AGAIN = "export the results again with python -m model export"
TOLERANCE = 5e-6  # metrics are rounded to 6 decimals
CLASS_EDGES = {"giant": (-np.inf, 2.5), "subgiant": (2.5, 3.5), "dwarf": (3.5, np.inf)}


def refuse(results: Results, path: str, field: str, problem: str, mend: str = EXPORT_AGAIN) -> NoReturn:
    """Stop with one sentence that names file, field, problem and mend.

    Raises:
        BadInput: always.
    """
    raise BadInput(f"{results.place(path)}: field {field} {problem}; {mend}.")


def hold(
    results: Results, path: str, field: str, exported: float, derived: float, tolerance: float = TOLERANCE, of: str = ""
) -> None:
    """Refuse a number that is not the one derived again (tolerance: absolute, relative above 1)."""
    if not abs(exported - derived) <= tolerance * max(1.0, abs(derived)):
        refuse(results, path, field, f"is {exported:.6g} but the predictions give {derived:.6g}{of}")


def metric_files(results: Results) -> Iterator[tuple[RunResults, str, str]]:
    """Every metrics file: its run, its set, its path."""
    for run in results.runs.values():
        for name in run.metrics:
            yield run, name, run.file(f"metrics.{name}.json")


def slice_stars(row: MetricRow, table: PredictionsFile, last: bool) -> np.ndarray | None:
    """Places of the stars of a row's slice, which columns are read at ten times as fast as by a mask.

    None if the table lacks the column.
    """
    if row.slice == "all":
        return np.arange(len(table.logg))
    if row.slice == "class":
        lo, hi = CLASS_EDGES[row.label]
        return np.flatnonzero((table.logg >= lo) & (table.logg < hi))
    values: np.ndarray | None = getattr(table, row.slice)
    if values is None or row.lo is None or row.hi is None:
        return None
    return np.flatnonzero((values >= row.lo) & ((values <= row.hi) if last else (values < row.hi)))


def last_edges(rows: list[MetricRow]) -> dict[str, float | None]:
    """Upper end of each binned slice: its last bin holds that edge as well."""
    slices = ("magnitude", "snr", "teff", "mh")
    return {s: max((r.hi for r in rows if r.slice == s and r.hi is not None), default=None) for s in slices}


def bin_stars(run: RunResults, set_name: str, slice_name: str, label: str) -> np.ndarray | None:
    """Places of the stars of a bin of the metrics of a set, by slice and label; None if they have no such bin."""
    table, rows = run.predictions[set_name], run.metrics[set_name].rows
    row = next((r for r in rows if r.slice == slice_name and r.label == label), None)
    if row is None:
        return None
    return slice_stars(row, table, row.hi == last_edges(rows).get(row.slice))


def middle(values: np.ndarray) -> float:
    """Median of (n,) finite numbers, n > 0: that of numpy, which looks for NaN as well, takes four times as long."""
    half = len(values) // 2
    parted = np.partition(values, half)
    return float(parted[half] if len(values) % 2 else (parted[:half].max() + parted[half]) / 2)


def squares(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """R2 and RMSE by their definitions."""
    d, apart = predicted - true, true - true.mean()
    # not ``d @ d``, whose threads wait in a loop for the next and so take the core of the process that checks stars
    square, spread = (float(np.einsum("i,i", x, x)) for x in (d, apart))
    return {"r2": 1 - square / spread if spread > 0 else float("nan"), "rmse": float(np.sqrt(square / len(d)))}


def derive(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The five metrics by their definitions."""
    d = predicted - true
    return squares(true, predicted) | {
        "mae": float(np.mean(np.abs(d))),
        "bias": float(np.mean(d)),
        "nmad": 1.4826 * middle(np.abs(d - middle(d))),
    }
