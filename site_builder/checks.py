"""Consistency checks: what must hold between the files of a results folder before it is published.

The contract validates each file by itself; these functions hold files against each other and derive
numbers again from the predictions. Each raises ``BadInput`` with one sentence that names file and
field. ``run_all`` runs them in an order in which a later check may rely on the earlier ones.
"""

import re
from collections.abc import Callable, Iterator
from typing import NoReturn

import numpy as np

from site_builder.contract import BadInput
from site_builder.contract.schema import AttentionFile, ExampleFile, MetricRow, PredictionsFile, RunFile
from site_builder.results import Results, RunResults

EXPORT_AGAIN = "export the results again with python -m model export"
TOLERANCE = 5e-6  # metrics are rounded to 6 decimals
ROW_SUM_TOLERANCE = 1e-3
CLASS_EDGES = {"giant": (-np.inf, 2.5), "subgiant": (2.5, 3.5), "dwarf": (3.5, np.inf)}
PATHS = {
    "interpolation": r"interpolation\.json",
    "instrument": r"instruments/[^/]+\.json",
    "run": r"runs/[^/]+/run\.json",
    "history": r"runs/[^/]+/history\.json",
    "metrics": r"runs/[^/]+/metrics\.[^/]+\.json",
    "predictions": r"runs/[^/]+/predictions\.[^/]+\.json",
    "example": r"runs/[^/]+/examples/[^/]+\.json",
    "attention": r"runs/[^/]+/attention/[^/]+\.json",
}


def _refuse(results: Results, path: str, field: str, problem: str, mend: str = EXPORT_AGAIN) -> NoReturn:
    raise BadInput(f"{results.root / path}: field {field} {problem}; {mend}.")


def check_paths(results: Results) -> None:
    """Every file lies where its kind belongs, and every run folder has its run.json."""
    for i, entry in enumerate(results.index.files):
        if not re.fullmatch(PATHS[entry.kind], entry.path):
            _refuse(results, "index.json", f"files.{i}.path", f"is {entry.path}, no place for the kind {entry.kind}")
        parts = entry.path.split("/")
        if parts[0] == "runs" and f"runs/{parts[1]}/run.json" not in results.files:
            _refuse(results, "index.json", "files", f"lists {entry.path} but no runs/{parts[1]}/run.json")


def check_main_run(results: Results) -> None:
    """The main run exists and was evaluated on synthetic spectra."""
    name = results.index.main_run
    if name not in results.runs:
        _refuse(results, "index.json", "main_run", f"is {name!r}, of which there is no run.json")
    if not results.main.sets("synthetic"):
        _refuse(results, results.main.path, "sets", "holds no synthetic set with metrics, which the headline needs")


def check_names(results: Results) -> None:
    """The name inside a file is the one in its path."""
    for path, file in results.files.items():
        stem = path.rsplit("/", 1)[-1].removesuffix(".json").removeprefix("metrics.").removeprefix("predictions.")
        inside = {"example": "id", "attention": "id", "instrument": "name", "metrics": "set", "predictions": "set"}
        kind = file.model_dump(include={"kind"})["kind"]
        if kind in inside and getattr(file, inside[kind]) != stem:
            _refuse(results, path, inside[kind], f"is {getattr(file, inside[kind])!r}, not the name of the file")


def check_runs(results: Results) -> None:
    """A run has one SpecViT, a known instrument, distinct names, and a shape that adds up."""
    for run in results.runs.values():
        file: RunFile = run.run
        for field, names in (("models", [m.name for m in file.models]), ("sets", [s.name for s in file.sets])):
            if len(set(names)) != len(names):
                _refuse(results, run.path, field, "holds one name twice")
        if not any(m.family == "specvit" for m in file.models):
            _refuse(results, run.path, "models", "holds no model of the family specvit")
        if file.instrument not in results.instruments:
            _refuse(results, run.path, "instrument", f"is {file.instrument!r}, of which there is no instrument file")
        vit = file.vit
        if vit.n_patches * vit.patch_size != vit.n_pixels or vit.width % vit.heads:
            _refuse(results, run.path, "vit", "does not add up (patches x pixels, or width by heads)")
        if vit.n_pixels != results.instruments[file.instrument].wave.n:
            _refuse(results, run.path, "vit.n_pixels", f"is {vit.n_pixels}, not the pixels of {file.instrument}")


def check_instruments(results: Results) -> None:
    """Noise arrays have one entry per pixel, positive variances, and come together or not at all."""
    for name, file in results.instruments.items():
        path = f"instruments/{name}.json"
        noise = (file.signal_e, file.background_e2, file.magnitude_zero, file.n_exposures)
        if any(x is None for x in noise) and not all(x is None for x in noise):
            _refuse(results, path, "signal_e", "is given without the rest of the noise model, or the rest without it")
        for field in ("signal_e", "background_e2", "sky_e"):
            values = getattr(file, field)
            if values is None:
                continue
            if len(values) != file.wave.n:
                _refuse(results, path, field, f"has {len(values)} entries where wave.n is {file.wave.n}")
            if min(values) < 0:
                _refuse(results, path, field, "holds a negative number")


def check_surveys(results: Results) -> None:
    """What is synthetic is labelled synthetic, and only that."""
    for run in results.runs.values():
        for i, info in enumerate(run.run.sets):
            if (info.origin == "synthetic") != (info.survey == "synthetic"):
                _refuse(results, run.path, f"sets.{i}.survey", f"is {info.survey!r} for an {info.origin} set")
        for name, star in run.examples.items():
            if (star.origin == "synthetic") != (star.survey == "synthetic"):
                path = run.file(f"examples/{name}.json")
                _refuse(results, path, "survey", f"is {star.survey!r} for an {star.origin} star")


def check_sets(results: Results) -> None:
    """Sets, metrics and predictions name each other, and the same models and numbers of stars."""
    for run in results.runs.values():
        declared = {s.name: s.n for s in run.run.sets}
        models = {m.name for m in run.run.models}
        for folder, files in (("metrics", run.metrics), ("predictions", run.predictions)):
            present = {p for p in results.files if p.startswith(run.file(folder + "."))}
            expected = {run.file(f"{folder}.{name}.json") for name in declared}
            for path in sorted(present ^ expected):
                problem = "names a set without" if path in expected else "does not name the set of"
                _refuse(results, run.path, "sets", f"{problem} {path}")
            assert set(files) == set(declared)
        for name, table in run.predictions.items():
            path = run.file(f"predictions.{name}.json")
            if len(table.logg) != declared[name]:
                _refuse(
                    results, path, "logg", f"has {len(table.logg)} entries where run.json says n is {declared[name]}"
                )
            if set(table.predicted) != models:
                _refuse(results, path, "predicted", "does not hold exactly the models of run.json")
            if not set(table.sigma) <= models:
                _refuse(results, path, "sigma", "holds a model that run.json does not")


def check_rows(results: Results) -> None:
    """Metric rows are of known models, in order, with intervals around their values; R2 is at most 1."""
    for run, name, path in _metric_files(results):
        models = {m.name for m in run.run.models}
        rows = run.metrics[name].rows
        seen: set[tuple[str, str, str]] = set()
        for i, row in enumerate(rows):
            key = (row.model, row.slice, row.label)
            if key in seen or row.model not in models:
                _refuse(results, path, f"rows.{i}", f"is a second row {key} or of a model that run.json does not hold")
            seen.add(key)
            for field in ("r2", "rmse", "mae", "bias", "nmad"):
                interval = getattr(row, field)
                if not interval.lo - TOLERANCE <= interval.value <= interval.hi + TOLERANCE:
                    _refuse(results, path, f"rows.{i}.{field}", "has a value outside its own interval")
            if row.r2.value > 1 or row.r2.hi > 1 + TOLERANCE:
                _refuse(results, path, f"rows.{i}.r2", "is above 1")
            if row.slice == "class" and row.label not in CLASS_EDGES:
                _refuse(results, path, f"rows.{i}.label", f"is {row.label!r}, no star class")
        for model in sorted(models):
            if (model, "all", "all") not in seen:
                _refuse(results, path, "rows", f"holds no row for {model} on all stars (slice and label 'all')")


def _metric_files(results: Results) -> Iterator[tuple[RunResults, str, str]]:
    for run in results.runs.values():
        for name in run.metrics:
            yield run, name, run.file(f"metrics.{name}.json")


def _mask(row: MetricRow, table: PredictionsFile, last: bool) -> np.ndarray | None:
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


def derive(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The five metrics by their definitions."""
    d = predicted - true
    spread = float(np.sum((true - true.mean()) ** 2))
    return {
        "r2": 1 - float(np.sum(d**2)) / spread if spread > 0 else float("nan"),
        "rmse": float(np.sqrt(np.mean(d**2))),
        "mae": float(np.mean(np.abs(d))),
        "bias": float(np.mean(d)),
        "nmad": 1.4826 * float(np.median(np.abs(d - np.median(d)))),
    }


def check_metrics(results: Results) -> None:
    """Every metric, count, median SNR and coverage follows from the predictions."""
    for run, name, path in _metric_files(results):
        table = run.predictions[name]
        rows = run.metrics[name].rows
        last = {
            s: max((r.hi for r in rows if r.slice == s and r.hi is not None), default=None)
            for s in ("magnitude", "snr", "teff", "mh")
        }
        for i, row in enumerate(rows):
            mask = _mask(row, table, row.hi is not None and row.hi == last.get(row.slice))
            if mask is None:
                _refuse(
                    results,
                    path,
                    f"rows.{i}.slice",
                    f"is {row.slice!r}, which the predictions or the edges do not allow",
                )
            _compare(results, path, i, row, table, mask)


def _compare(results: Results, path: str, i: int, row: MetricRow, table: PredictionsFile, mask: np.ndarray) -> None:
    def hold(field: str, exported: float, derived: float, tolerance: float = TOLERANCE) -> None:
        if not abs(exported - derived) <= tolerance * max(1.0, abs(derived)):
            problem = f"is {exported:.6g} but the predictions give {derived:.6g} ({row.model}, {row.slice} {row.label})"
            _refuse(results, path, f"rows.{i}.{field}", problem)

    if int(mask.sum()) != row.n:
        hold("n", row.n, int(mask.sum()), 0)
    true = np.asarray(table.logg)[mask]
    predicted = np.asarray(table.predicted[row.model])[mask]
    for field, derived in derive(true, predicted).items():
        hold(f"{field}.value", getattr(row, field).value, derived)
    hold("median_snr", row.median_snr, float(np.median(np.asarray(table.snr)[mask])), 1e-3)
    sigma = table.sigma.get(row.model)
    for field, width in (("coverage68", 1.0), ("coverage95", 1.96)):
        exported = getattr(row, field)
        if exported is None:
            continue
        if sigma is None:
            _refuse(results, path, f"rows.{i}.{field}", f"is given but the predictions hold no sigma of {row.model}")
        inside = np.abs(predicted - true) <= width * np.asarray(sigma)[mask]
        # A prediction on the very edge may fall on either side after rounding.
        hold(field, exported, float(inside.mean()), TOLERANCE + 1.01 / row.n)


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
                    _refuse(results, path, f"weights.{i}.{head}.{row}", problem)
            if abs(sum(file.rollout) - 1) > ROW_SUM_TOLERANCE:
                _refuse(results, path, "rollout", f"sums to {sum(file.rollout):.4f} instead of 1")


def _attention_shape(results: Results, run: RunResults, path: str, file: AttentionFile) -> None:
    vit = run.run.vit
    if file.id not in run.examples:
        _refuse(results, path, "id", f"is {file.id!r}, of which the run has no example")
    if file.has_cls != (vit.pool == "cls") or file.n_tokens != vit.n_patches + file.has_cls:
        _refuse(results, path, "n_tokens", f"is {file.n_tokens}, which does not fit the patches of run.json")
    if len(file.weights) != vit.depth or any(len(layer) != vit.heads for layer in file.weights):
        _refuse(results, path, "weights", f"is not {vit.depth} layers of {vit.heads} heads as in run.json")


def check_examples(results: Results) -> None:
    """Example stars have the pixels of their instrument and the fields that their origin calls for."""
    for run in results.runs.values():
        for name, star in run.examples.items():
            path = run.file(f"examples/{name}.json")
            instrument = results.instruments.get(star.instrument)
            if instrument is None or instrument.wave != star.wave:
                _refuse(results, path, "wave", f"is not the axis of an instrument file {star.instrument}")
            _example_fields(results, path, star)
            if star.ladder is not None and sorted(set(star.ladder.magnitudes)) != star.ladder.magnitudes:
                _refuse(results, path, "ladder.magnitudes", "is not strictly increasing")


def _example_fields(results: Results, path: str, star: ExampleFile) -> None:
    if star.origin == "synthetic":
        if None in star.flux or star.sigma is not None:
            _refuse(
                results, path, "flux", "of a synthetic star has gaps, or a sigma; it must be the noise-free spectrum"
            )
        return
    if star.sigma is None or star.predicted_logg is None or star.predicted_sigma is None:
        _refuse(results, path, "sigma", "or predicted_logg or predicted_sigma is missing for an observed star")
    if [f is None for f in star.flux] != [s is None for s in star.sigma]:
        _refuse(results, path, "sigma", "is not null for the same pixels as flux")
    if all(f is None for f in star.flux):
        _refuse(results, path, "flux", "holds no data")


def check_history(results: Results) -> None:
    """Training curves are of known models and go forward."""
    for run in results.runs.values():
        if run.history is None:
            continue
        path = run.file("history.json")
        models = {m.name for m in run.run.models}
        for i, curve in enumerate(run.history.curves):
            if curve.model not in models:
                _refuse(results, path, f"curves.{i}.model", f"is {curve.model!r}, which run.json does not hold")
            if sorted(set(curve.presentations)) != curve.presentations:
                _refuse(results, path, f"curves.{i}.presentations", "is not strictly increasing")


CHECKS: tuple[Callable[[Results], None], ...] = (
    check_paths,
    check_main_run,
    check_names,
    check_runs,
    check_instruments,
    check_surveys,
    check_sets,
    check_rows,
    check_metrics,
    check_attention,
    check_examples,
    check_history,
)


def run_all(results: Results) -> None:
    """Run every check.

    Raises:
        BadInput: the first that does not hold, in one sentence.
    """
    for check in CHECKS:
        check(results)
