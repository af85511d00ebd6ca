"""Checks of models held against each other on the same stars."""

from site_builder.checks.base import TOLERANCE, hold, refuse
from site_builder.contract.pairs import PairRow, PairsFile
from site_builder.contract.schema import Interval
from site_builder.results import Results

FEW = 30  # of fewer stars the bootstrap may miss the value itself
METRICS = ("r2", "mae", "nmad")
Judged = dict[tuple[str, str, str, str], tuple[int, dict[str, Interval]]]  # by set, slice, label, model


def check_pairs(results: Results) -> None:
    """A pair is of known models, stands once, and is the difference of their metrics, inside its interval."""
    known = {path for path, file in results.files.items() if isinstance(file, PairsFile)}
    for path in sorted(known - {path for path, _ in results.pairs.values()}):
        refuse(results, path, "of", "is what another file of pairs is of as well")
    for of, (path, file) in results.pairs.items():
        judged = _judged(results, of)
        if judged is None:
            refuse(results, path, "of", f"is {of}, which the results do not hold")
        seen = set()
        for i, row in enumerate(file.rows):
            whole = (row.set, row.slice, row.label, *sorted((row.first, row.second)))
            if whole in seen or row.first == row.second:
                refuse(results, path, f"rows.{i}", f"holds {row.first} and {row.second} once more")
            seen.add(whole)
            _same(results, path, f"rows.{i}", row, judged)


def _judged(results: Results, of: str) -> Judged | None:
    """Stars and metrics of every model in the file that pairs are of; None if there is no such file."""
    for experiment in results.transfers.values():
        if of == f"transfer/{experiment.name}.json":
            answered = {(s.set, a.pair_key, a.n_real) for s in experiment.stars for a in s.answers}
            rows = [r for r in experiment.rows if (r.set, r.pair_key, r.n_real) in answered]
            return {(r.set, r.slice, r.label, r.pair_key): (r.n, _metrics(r)) for r in rows}
    for run in results.runs.values():
        for name, file in run.metrics.items():
            if of == run.file(f"predictions.{name}.json"):
                return {(name, r.slice, r.label, r.model): (r.n, _metrics(r)) for r in file.rows}
    return None


def _metrics(row: object) -> dict[str, Interval]:
    return {metric: getattr(row, metric) for metric in METRICS}


def _same(results: Results, path: str, field: str, row: PairRow, judged: Judged) -> None:
    both = []
    for name in (row.first, row.second):
        one = judged.get((row.set, row.slice, row.label, name))
        if one is None:
            refuse(results, path, field, f"is of {name} on {row.set}, {row.slice} {row.label}, which has no metrics")
        if one[0] != row.n:
            refuse(results, path, f"{field}.n", f"is {row.n} where the metrics are of {one[0]} stars")
        both.append(one[1])
    for metric in METRICS:
        interval = getattr(row, metric)
        derived = both[0][metric].value - both[1][metric].value
        hold(results, path, f"{field}.{metric}.value", interval.value, derived, 2 * TOLERANCE)
        if row.n >= FEW and not interval.lo - TOLERANCE <= interval.value <= interval.hi + TOLERANCE:
            refuse(results, path, f"{field}.{metric}", "has a value outside its own interval")
