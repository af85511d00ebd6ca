"""Checks of the transfer experiments: names, keys, and metrics derived again from the answers; and of loose spectra."""

from collections.abc import Iterable

import numpy as np

from site_builder.checks.base import CLASS_EDGES, TOLERANCE, derive, hold, refuse
from site_builder.contract.transfer import TransferAnswer, TransferFile, TransferKey, TransferRow, TransferStars
from site_builder.results import Results

FEW = 30  # of fewer stars the bootstrap of a median may miss the value itself
EDGE = 1e-9  # dex: where an error equals half the interval to the last decimal
METRICS = ("r2", "mae", "bias", "nmad", "sigma")


def _files(results: Results) -> Iterable[tuple[str, TransferFile]]:
    return ((f"transfer/{name}.json", file) for name, file in results.transfers.items())


def _key(of: TransferKey) -> tuple[str, str, bool, int]:
    return of.model, of.strategy, of.augmented, of.n_real


def check_transfer_names(results: Results) -> None:
    """Experiments name a known instrument and their own run; names of sets and models are distinct."""
    for path, file in _files(results):
        if file.instrument not in results.instruments:
            refuse(results, path, "instrument", f"is {file.instrument!r}, of which there is no instrument file")
        if file.provenance.run != f"transfer-{file.name}":
            refuse(results, path, "provenance.run", f"is {file.provenance.run!r}, not transfer-{file.name}")
        for field, names in (
            ("sets", [s.name for s in file.sets]),
            ("models", [m.name for m in file.models]),
            ("stars", [s.set for s in file.stars]),
        ):
            if len(set(names)) != len(names):
                refuse(results, path, field, "holds one name twice")
        for i, s in enumerate(file.sets):
            if list(s.selection.values()) != sorted(s.selection.values(), reverse=True):
                refuse(results, path, f"sets.{i}.selection", "grows from one cut to the next")
            if s.label_error is not None and not s.label_error_source:
                refuse(results, path, f"sets.{i}.label_error_source", "is missing where label_error is given")
        if not any(s.role == "cross-validated" for s in file.sets):
            refuse(results, path, "sets", "holds no cross-validated set, which an experiment needs")


def _known(results: Results, path: str, field: str, file: TransferFile, of: TransferKey) -> None:
    if of.model not in {m.name for m in file.models}:
        refuse(results, path, f"{field}.model", f"is {of.model!r}, no model of the file")
    if (of.strategy == "synthetic") != (of.n_real == 0):
        refuse(results, path, f"{field}.n_real", f"is {of.n_real} where the strategy is {of.strategy!r}")


def check_transfer_stars(results: Results) -> None:
    """A star stands once in a set, and in none of the other role; answers are of known models, each key once."""
    for path, file in _files(results):
        declared = {s.name: s for s in file.sets}
        seen: dict[str, str] = {}
        for i, stars in enumerate(file.stars):
            if stars.set not in declared:
                refuse(results, path, f"stars.{i}.set", f"is {stars.set!r}, no set of the file")
            if len(set(stars.id)) != len(stars.id):
                refuse(results, path, f"stars.{i}.id", "holds one star twice")
            if len(stars.id) != declared[stars.set].n:
                refuse(
                    results, path, f"stars.{i}.id", f"has {len(stars.id)} entries where n is {declared[stars.set].n}"
                )
            for one in stars.id:
                other = seen.setdefault(one, stars.set)
                if declared[other].role != declared[stars.set].role:
                    refuse(results, path, f"stars.{i}.id", f"holds {one}, which is in the set {other} as well")
            keys = set()
            for k, answer in enumerate(stars.answers):
                _known(results, path, f"stars.{i}.answers.{k}", file, answer)
                if _key(answer) in keys:
                    refuse(results, path, f"stars.{i}.answers.{k}", f"is a second answer of {_key(answer)}")
                keys.add(_key(answer))
        for i, info in enumerate(file.sets):
            if info.role == "cross-validated" and info.name not in {s.set for s in file.stars}:
                refuse(results, path, f"sets.{i}", "has no stars in the file")


def check_transfer_rows(results: Results) -> None:
    """Rows are of known sets, models and classes, each key once, with values inside their intervals."""
    for path, file in _files(results):
        declared = {s.name: s for s in file.sets}
        seen = set()
        for i, row in enumerate(file.rows):
            if row.set not in declared:
                refuse(results, path, f"rows.{i}.set", f"is {row.set!r}, no set of the file")
            _known(results, path, f"rows.{i}", file, row)
            whole = (row.set, row.slice, row.label, *_key(row))
            if whole in seen:
                refuse(results, path, f"rows.{i}", f"is a second row of {whole}")
            seen.add(whole)
            _row_fields(results, path, f"rows.{i}", file, row)
            if row.slice == "all" and row.n != declared[row.set].n:
                refuse(results, path, f"rows.{i}.n", f"is {row.n} where the set has {declared[row.set].n}")
        for i, info in enumerate(file.sets):
            if not any(row.set == info.name and row.slice == "all" for row in file.rows):
                refuse(results, path, f"sets.{i}", "has no row of slice 'all'")


def _row_fields(results: Results, path: str, field: str, file: TransferFile, row: TransferRow) -> None:
    if row.slice == "class" and row.label not in CLASS_EDGES:
        refuse(results, path, f"{field}.label", f"is {row.label!r}, no star class")
    if (row.slice == "all") != (row.label == "all"):
        refuse(results, path, f"{field}.label", f"is {row.label!r} for the slice {row.slice!r}")
    if row.slice == "subset" and file.subset is None:
        refuse(results, path, f"{field}.slice", "is 'subset', which the file does not describe")
    for name in METRICS:
        interval = getattr(row, name)
        if row.n >= FEW and not interval.lo - TOLERANCE <= interval.value <= interval.hi + TOLERANCE:
            refuse(results, path, f"{field}.{name}", "has a value outside its own interval")
    if row.r2.value > 1:
        refuse(results, path, f"{field}.r2", "is above 1")


def check_transfer_metrics(results: Results) -> None:
    """Metrics, counts and coverage follow from the stars' answers, wherever those are in the file."""
    for path, file in _files(results):
        tables = {s.set: s for s in file.stars}
        answers = {(s.set, *_key(a)): a for s in file.stars for a in s.answers}
        for i, row in enumerate(file.rows):
            stars, answer = tables.get(row.set), answers.get((row.set, *_key(row)))
            mask = None if stars is None else _mask(results, path, i, row, stars)
            if mask is not None and int(mask.sum()) != row.n:
                hold(results, path, f"rows.{i}.n", row.n, int(mask.sum()), 0)
            if stars is not None and mask is not None and answer is not None and row.repeats == 1:
                _derived(results, path, i, row, np.asarray(stars.logg)[mask], answer, mask)


def _mask(results: Results, path: str, i: int, row: TransferRow, stars: TransferStars) -> np.ndarray:
    logg = np.asarray(stars.logg)
    if row.slice == "class":
        lo, hi = CLASS_EDGES[row.label]
        return np.asarray((logg >= lo) & (logg < hi))
    if row.slice == "subset":
        if stars.subset is None:
            refuse(results, path, f"rows.{i}.slice", "is 'subset', of which the stars say nothing")
        return np.asarray(stars.subset, bool)
    return np.ones(len(logg), bool)


def _derived(
    results: Results, path: str, i: int, row: TransferRow, true: np.ndarray, answer: TransferAnswer, mask: np.ndarray
) -> None:
    of = f" ({row.set}, {row.model}, {row.strategy}, {row.label})"
    predicted = np.asarray(answer.predicted)[mask]
    again = derive(true, predicted) | {"sigma": float(np.std(predicted - true))}
    for name in METRICS:
        hold(results, path, f"rows.{i}.{name}.value", getattr(row, name).value, again[name], TOLERANCE, of)
    for name, half in (("coverage68", answer.sigma), ("coverage95", answer.half95)):
        exported = getattr(row, name)
        if exported is None:
            continue
        if half is None:
            refuse(results, path, f"rows.{i}.{name}", "is given but the answers state no such interval")
        beyond = np.abs(predicted - true) - np.asarray(half)[mask]
        least, most = ((beyond <= -EDGE).mean(), (beyond <= EDGE).mean())
        nearest = float(np.clip(exported, least, most))
        hold(results, path, f"rows.{i}.{name}", exported, nearest, TOLERANCE, of)


def check_spectra(results: Results) -> None:
    """Loose spectra hold data, gaps at the same pixels of flux and sigma, and say synthetic of what is."""
    for name, star in results.spectra.items():
        path = f"spectra/{name}.json"
        if np.isnan(star.flux).all():
            refuse(results, path, "flux", "holds no data")
        if star.sigma is not None and (np.isnan(star.flux) != np.isnan(star.sigma)).any():
            refuse(results, path, "sigma", "is not null for the same pixels as flux")
        if (star.sigma is None) != (not star.noise_source):
            refuse(results, path, "noise_source", "is given without sigma, or sigma without its source")
        if star.origin == "observed" and star.survey.lower() == "synthetic":
            refuse(results, path, "survey", "is synthetic for an observed spectrum")
