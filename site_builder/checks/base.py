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


def slice_mask(row: MetricRow, table: PredictionsFile, last: bool) -> np.ndarray | None:
    """Stars of a row's slice; None if the table lacks the column."""
    if row.slice == "all":
        return np.ones(len(table.logg), bool)
    if row.slice == "class":
        lo, hi = CLASS_EDGES[row.label]
        values = np.asarray(table.logg)
        return (values >= lo) & (values < hi)
    column = getattr(table, row.slice)
    if column is None or row.lo is None or row.hi is None:
        return None
    values = np.asarray(column)
    return (values >= row.lo) & ((values <= row.hi) if last else (values < row.hi))


def last_edges(rows: list[MetricRow]) -> dict[str, float | None]:
    """Upper end of each binned slice: its last bin holds that edge as well."""
    slices = ("magnitude", "snr", "teff", "mh")
    return {s: max((r.hi for r in rows if r.slice == s and r.hi is not None), default=None) for s in slices}


def bin_mask(run: RunResults, set_name: str, slice_name: str, label: str) -> np.ndarray | None:
    """Stars of a bin that the metrics of the set have, by slice and label; None if they have no such bin."""
    table, rows = run.predictions[set_name], run.metrics[set_name].rows
    row = next((r for r in rows if r.slice == slice_name and r.label == label), None)
    if row is None:
        return None
    return slice_mask(row, table, row.hi is not None and row.hi == last_edges(rows).get(row.slice))


def squares(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """R2 and RMSE by their definitions."""
    d = predicted - true
    square = float(d @ d)
    spread = float(np.sum((true - true.mean()) ** 2))
    return {"r2": 1 - square / spread if spread > 0 else float("nan"), "rmse": float(np.sqrt(square / len(d)))}


def derive(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The five metrics by their definitions."""
    d = predicted - true
    return squares(true, predicted) | {
        "mae": float(np.mean(np.abs(d))),
        "bias": float(np.mean(d)),
        "nmad": 1.4826 * float(np.median(np.abs(d - np.median(d)))),
    }
