"""Checks of metrics against predictions, and of attention weights."""

import numpy as np

from site_builder.checks.base import (
    CLASS_EDGES,
    TOLERANCE,
    derive,
    hold,
    last_edges,
    metric_files,
    middle,
    refuse,
    slice_stars,
)
from site_builder.contract.schema import AttentionFile, MetricRow, PredictionsFile
from site_builder.results import Results, RunResults

ROW_SUM_TOLERANCE = 1e-3


def check_rows(results: Results) -> None:
    """Metric rows are of known models, in order, with intervals around their values; R2 is at most 1."""
    for run, name, path in metric_files(results):
        models = {m.name for m in run.run.models}
        rows = run.metrics[name].rows
        seen: set[tuple[str, str, str]] = set()
        for i, row in enumerate(rows):
            key = (row.model, row.slice, row.label)
            if key in seen or row.model not in models:
                refuse(results, path, f"rows.{i}", f"is a second row {key} or of a model that run.json does not hold")
            seen.add(key)
            for field in ("r2", "rmse", "mae", "bias", "nmad"):
                interval = getattr(row, field)
                if not interval.lo - TOLERANCE <= interval.value <= interval.hi + TOLERANCE:
                    refuse(results, path, f"rows.{i}.{field}", "has a value outside its own interval")
            if row.r2.value > 1 or row.r2.hi > 1 + TOLERANCE:
                refuse(results, path, f"rows.{i}.r2", "is above 1")
            if row.slice == "class" and row.label not in CLASS_EDGES:
                refuse(results, path, f"rows.{i}.label", f"is {row.label!r}, no star class")
        for model in sorted(models):
            if (model, "all", "all") not in seen:
                refuse(results, path, "rows", f"holds no row for {model} on all stars (slice and label 'all')")


def check_bins(results: Results) -> None:
    """The synthetic sets of a run have bins of magnitude or SNR, which curves are drawn of."""
    for run in results.runs.values():
        for info in run.sets("synthetic"):
            if not any(run.rows(info.name, s, run.specvit.name) for s in ("magnitude", "snr")):
                problem = f"holds no bin of magnitude or snr for {run.specvit.name}, which curves are drawn of"
                path = run.file(f"metrics.{info.name}.json")
                refuse(results, path, "rows", problem, "give the set more stars or wider bins")


def check_metrics(results: Results) -> None:
    """Every metric, count, median SNR and coverage follows from the predictions."""
    for run, name, path in metric_files(results):
        table = run.predictions[name]
        rows = run.metrics[name].rows
        last = last_edges(rows)
        parts: dict[tuple[str, str, float | None, float | None], Part] = {}  # the same for all models
        for i, row in enumerate(rows):
            key = (row.slice, row.label, row.lo, row.hi)
            if key not in parts:
                stars = slice_stars(row, table, row.hi == last.get(row.slice))
                if stars is None:
                    problem = f"is {row.slice!r}, which the predictions or the edges do not allow"
                    refuse(results, path, f"rows.{i}.slice", problem)
                parts[key] = Part(stars, table)
            _compare(results, path, i, row, table, parts[key])


class Part:
    """The stars of one slice: their places, true log g and median SNR."""

    def __init__(self, stars: np.ndarray, table: PredictionsFile) -> None:
        self.stars = stars
        self.true = table.logg[stars]
        self.median_snr = middle(table.snr[stars]) if len(stars) else float("nan")


def _compare(results: Results, path: str, i: int, row: MetricRow, table: PredictionsFile, part: Part) -> None:
    of = f" ({row.model}, {row.slice} {row.label})"

    def same(field: str, exported: float, derived: float, tolerance: float = TOLERANCE) -> None:
        hold(results, path, f"rows.{i}.{field}", exported, derived, tolerance, of)

    if len(part.stars) != row.n:
        same("n", row.n, len(part.stars), 0)
    true, predicted = part.true, table.predicted[row.model][part.stars]
    for field, derived in derive(true, predicted).items():
        same(f"{field}.value", getattr(row, field).value, derived)
    same("median_snr", row.median_snr, part.median_snr, 1e-3)
    sigma = table.sigma.get(row.model)
    if sigma is None:
        for field in ("coverage68", "coverage95"):
            if getattr(row, field) is not None:
                problem = f"is given but the predictions hold no sigma of {row.model}"
                refuse(results, path, f"rows.{i}.{field}", problem)
        return
    half68 = sigma[part.stars]
    half95 = table.half95[row.model][part.stars] if row.model in table.half95 else 1.96 * half68
    for field, half in (("coverage68", half68), ("coverage95", half95)):
        exported = getattr(row, field)
        if exported is not None:
            inside = float((np.abs(predicted - true) <= half).mean())
            # A prediction on the very edge may fall on either side after rounding.
            same(field, exported, inside, TOLERANCE + 1.01 / row.n)


def check_attention(results: Results) -> None:
    """Attention is of a known star, has the network's shape, and each row is a distribution."""
    for run in results.runs.values():
        for name, file in run.attention.items():
            path = run.file(f"attention/{name}.json")
            _attention_shape(results, run, path, file)
            for i, layer in enumerate(file.weights):
                weights = np.asarray(layer)
                if weights.min() < 0 or np.abs(weights.sum(-1) - 1).max() > ROW_SUM_TOLERANCE:
                    head, row = np.unravel_index(int(np.abs(weights.sum(-1) - 1).argmax()), weights.shape[:2])
                    total = float(weights[head, row].sum())
                    problem = f"sums to {total:.4f}, or holds a negative weight; softmax rows sum to 1"
                    refuse(results, path, f"weights.{i}.{head}.{row}", problem)
            if abs(sum(file.rollout) - 1) > ROW_SUM_TOLERANCE:
                refuse(results, path, "rollout", f"sums to {sum(file.rollout):.4f} instead of 1")


def _attention_shape(results: Results, run: RunResults, path: str, file: AttentionFile) -> None:
    vit = run.run.shape
    if file.id not in run.examples:
        refuse(results, path, "id", f"is {file.id!r}, of which the run has no example")
    if file.has_cls != (vit.pool == "cls") or file.n_tokens != vit.n_patches + file.has_cls:
        refuse(results, path, "n_tokens", f"is {file.n_tokens}, which does not fit the patches of run.json")
    if len(file.weights) != vit.depth or any(len(layer) != vit.heads for layer in file.weights):
        refuse(results, path, "weights", f"is not {vit.depth} layers of {vit.heads} heads as in run.json")
