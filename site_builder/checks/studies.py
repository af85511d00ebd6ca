"""Checks of training curves, calibration histograms, scaling, ablations and stress tests."""

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from site_builder.checks.base import TOLERANCE, bin_stars, refuse
from site_builder.contract.schema import ContractFile, Interval, PitRow
from site_builder.results import Results, RunResults

PIT_EDGE = 2  # stars of a bin that rounding of the predictions may move to its neighbour


def check_history(results: Results) -> None:
    """Training curves are of known models and go forward."""
    for run in results.runs.values():
        if run.history is None:
            continue
        path = run.file("history.json")
        models = {m.name for m in run.run.models}
        for i, curve in enumerate(run.history.curves):
            if curve.model not in models:
                refuse(results, path, f"curves.{i}.model", f"is {curve.model!r}, which run.json does not hold")
            if sorted(set(curve.presentations)) != curve.presentations:
                refuse(results, path, f"curves.{i}.presentations", "is not strictly increasing")


def check_pit(results: Results) -> None:
    """PIT histograms count every star of their bin once, and follow from the predictions and stated sigmas."""
    for run in results.runs.values():
        sets = {s.name for s in run.run.sets}
        for path in results.files:
            if path.startswith(run.file("calibration.")) and path.removesuffix(".json").split("ration.")[1] not in sets:
                refuse(results, path, "set", "is no set of run.json")
        for name, file in run.calibration.items():
            for i, row in enumerate(file.rows):
                _pit(results, run, name, i, row)


def normal_edges(n_bins: int) -> np.ndarray:
    """The (n_bins - 1,) inner edges that cut a unit normal into equal shares: bins of the PIT, in units of sigma."""
    return np.array([NormalDist().inv_cdf(k / n_bins) for k in range(1, n_bins)])


def _pit(results: Results, run: RunResults, set_name: str, i: int, row: PitRow) -> None:
    path, table = run.file(f"calibration.{set_name}.json"), run.predictions[set_name]
    stars = bin_stars(run, set_name, row.slice, row.label)
    if stars is None or row.model not in table.sigma:
        refuse(results, path, f"rows.{i}", f"is of {row.model}, {row.label}: no bin of the metrics, or no sigma")
    if row.n != len(stars) or sum(row.counts) != row.n:
        problem = f"sums to {sum(row.counts)} where n is {row.n} and the bin has {len(stars)}"
        refuse(results, path, f"rows.{i}.counts", problem)
    z = (table.logg[stars] - table.predicted[row.model][stars]) / table.sigma[row.model][stars]
    again = np.bincount(np.searchsorted(normal_edges(len(row.counts)), z, side="right"), minlength=len(row.counts))
    off = np.abs(again - np.asarray(row.counts))
    if off.max() > PIT_EDGE:
        k = int(off.argmax())
        problem = f"is {row.counts[k]} but the predictions give {again[k]} ({row.model}, {row.slice} {row.label})"
        refuse(results, path, f"rows.{i}.counts.{k}", problem)


def _studies(results: Results, attribute: str) -> Iterator[tuple[RunResults, str, ContractFile]]:
    """The file of one study of each run that has it; its set is one that was evaluated."""
    for run in results.runs.values():
        file = getattr(run, attribute)
        if file is None:
            continue
        path = run.file(f"{attribute}.json")
        if file.set not in run.metrics:
            refuse(results, path, "set", f"is {file.set!r}, no set of run.json")
        yield run, path, file


def _inside(results: Results, path: str, field: str, value: Interval) -> None:
    if not value.lo - TOLERANCE <= value.value <= value.hi + TOLERANCE:
        refuse(results, path, field, "has a value outside its own interval")


def check_scaling(results: Results) -> None:
    """Scaling points are of models of the run with a recipe, one for each number of spectra."""
    for run, path, _ in _studies(results, "scaling"):
        assert run.scaling is not None
        models = {m.name for m in run.run.models}
        seen: set[tuple[str, int]] = set()
        for i, point in enumerate(run.scaling.points):
            if point.model not in models or point.model not in run.scaling.recipes:
                refuse(results, path, f"points.{i}.model", f"is {point.model!r}, without a recipe or not in run.json")
            if (point.model, point.n_spectra) in seen:
                refuse(results, path, f"points.{i}", f"is a second one of {point.model} at {point.n_spectra} spectra")
            seen.add((point.model, point.n_spectra))
            for field in ("r2", "mae"):
                _inside(results, path, f"points.{i}.{field}", getattr(point, field))


def check_ablations(results: Results) -> None:
    """Ablations name bins of their set, and each group marks its base at most once."""
    for run, path, _ in _studies(results, "ablations"):
        file = run.ablations
        assert file is not None
        for field in ("bright", "faint"):
            if bin_stars(run, file.set, "magnitude", getattr(file, field).removeprefix("magnitude ")) is None:
                refuse(results, path, field, f"is {getattr(file, field)!r}, no magnitude bin of the metrics")
        seen: set[tuple[str, str]] = set()
        based: set[str] = set()
        for i, row in enumerate(file.rows):
            if (row.group, row.value) in seen or (row.base and row.group in based):
                refuse(
                    results, path, f"rows.{i}", f"repeats {row.group}, {row.value}, or is a second base of its group"
                )
            seen.add((row.group, row.value))
            based |= {row.group} if row.base else set()
            for field in ("r2", "r2_bright", "r2_faint"):
                _inside(results, path, f"rows.{i}.{field}", getattr(row, field))


def check_stress(results: Results) -> None:
    """Stress rows are of models of the run, each condition once, and each model without stress as well."""
    for run, path, _ in _studies(results, "stress"):
        file = run.stress
        assert file is not None
        models = {m.name for m in run.run.models}
        seen: set[tuple[str, str, str]] = set()
        for i, row in enumerate(file.rows):
            key = (row.group, row.label, row.model)
            if row.model not in models or key in seen:
                refuse(
                    results, path, f"rows.{i}", f"is of {row.model!r}, which run.json does not hold, or a second one"
                )
            seen.add(key)
            for field in ("r2", "mae", "bias"):
                _inside(results, path, f"rows.{i}.{field}", getattr(row, field))
        for model in sorted({row.model for row in file.rows}):
            if not any(group == "none" and name == model for group, _, name in seen):
                refuse(results, path, "rows", f"holds no row of {model} without stress (group none)")
