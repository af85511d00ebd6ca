"""Models against each other on the same stars: differences of R2, MAE and NMAD with paired bootstrap intervals.

Both models are judged on the same resampled stars each time (Efron & Tibshirani 1993, section 8.3), so that what makes
a sample hard for both cancels.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from model import provenance
from model.evaluate import CLASSES
from model.metrics import NAMES, metrics, resampled
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_file, read_index, take_over, write_file, write_index
from site_builder.contract.pairs import PairRow, PairsFile
from site_builder.contract.schema import (
    Index,
    IndexEntry,
    Interval,
    MetricRow,
    MetricsFile,
    PredictionsFile,
    RunFile,
)
from site_builder.contract.transfer import TransferFile

SHOWN = ("r2", "mae", "nmad")
COLUMNS = [NAMES.index(name) for name in SHOWN]
BRIGHTNESS = ("magnitude", "snr")
LIBRARIES = ("numpy",)


def differences(
    truth: np.ndarray, answers: dict[str, np.ndarray], pairs: list[tuple[str, str]], resamples: int
) -> list[dict[str, Interval]]:
    """R2, MAE and NMAD of the first of each pair minus those of the second, with 95 % paired bootstrap intervals.

    Args:
        truth: (n,) log g.
        answers: (n,) log g of each model.
        pairs: which are held against each other.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    first, second = (np.array([names.index(pair[k]) for pair in pairs]) for k in (0, 1))

    def measure(pick: np.ndarray | slice) -> np.ndarray:
        values = np.stack([metrics(truth[pick], answers[name][pick])[..., COLUMNS] for name in names], -2)
        return np.asarray(values[..., first, :] - values[..., second, :])

    lo, hi = resampled(measure, len(truth), resamples).round(6).tolist()
    return [
        {name: Interval(value=v, lo=a, hi=b) for name, v, a, b in zip(SHOWN, *row, strict=True)}
        for row in zip(measure(slice(None)).round(6).tolist(), lo, hi, strict=True)
    ]


def _slices(rows: list[MetricRow], table: PredictionsFile) -> Iterator[tuple[str, str, np.ndarray]]:
    """Slice, label and mask (n,) of all stars, the bins of brightness and the classes that the metrics have."""
    known = dict.fromkeys((r.slice, r.label, r.lo, r.hi) for r in rows)
    for kind, label, lo, hi in known:
        if kind == "all":
            yield kind, label, np.ones(len(table.logg), bool)
        elif kind == "class":
            low, high = CLASSES[label]
            yield kind, label, (table.logg >= low) & (table.logg < high)
        elif kind in BRIGHTNESS and lo is not None and hi is not None:
            values = np.asarray(getattr(table, kind))
            last = max(h for k, _, _, h in known if k == kind and h is not None)
            yield kind, label, (values >= lo) & ((values < hi) | ((hi == last) & (values == hi)))


def of_predictions(run: RunFile, rows: list[MetricRow], table: PredictionsFile, resamples: int) -> list[PairRow]:
    """The run's own model against every other, on all stars, by brightness and by class."""
    own = next((m.name for m in run.models if m.family == "specvit"), run.models[0].name)
    pairs = [(own, m.name) for m in run.models if m.name != own and m.family != "mean"]
    out = []
    for kind, label, inside in _slices(rows, table) if pairs else ():
        answers = {name: np.asarray(table.predicted[name])[inside] for name in dict.fromkeys(sum(pairs, ()))}
        found = differences(np.asarray(table.logg)[inside], answers, pairs, resamples)
        out += [
            PairRow(set=table.set, slice=kind, label=label, n=int(inside.sum()), first=a, second=b, **values)
            for (a, b), values in zip(pairs, found, strict=True)
        ]
    return out


def of_experiment(file: TransferFile, resamples: int) -> list[PairRow]:
    """Every model and strategy of a transfer experiment against every other, on all stars of each set."""
    out = []
    for stars in file.stars:
        most = {(a.model, a.strategy): max(b.n_real for b in stars.answers if b.model == a.model and
                                           b.strategy == a.strategy) for a in stars.answers}  # fmt: skip
        answers = {a.pair_key: np.array(a.predicted) for a in stars.answers if a.n_real == most[a.model, a.strategy]}
        pairs = list(combinations(answers, 2))
        found = differences(np.array(stars.logg), answers, pairs, resamples) if pairs else []
        out += [
            PairRow(set=stars.set, slice="all", label="all", n=len(stars.id), first=a, second=b, **values)
            for (a, b), values in zip(pairs, found, strict=True)
        ]
    return out


def _name(entry: IndexEntry) -> str:
    """Path of the pairs of a file of predictions or of an experiment."""
    parts = entry.path.removesuffix(".json").split("/")
    name = parts[-1] if entry.kind == "transfer" else f"{parts[1]}.{parts[2].removeprefix('predictions.')}"
    return f"pairs/{name}.json"


def _of(folder: Path, entry: IndexEntry, entries: dict[str, IndexEntry]) -> PairsFile:
    source = read_file(folder, entry)
    if isinstance(source, TransferFile):
        run, resamples = f"transfer-{source.name}", source.bootstrap
        rows = of_experiment(source, resamples)
    else:
        assert isinstance(source, PredictionsFile)
        base = entry.path.rpartition("/")[0]
        judged = read_file(folder, entries[f"{base}/metrics.{source.set}.json"])
        of_run = read_file(folder, entries[f"{base}/run.json"])
        assert isinstance(judged, MetricsFile)
        assert isinstance(of_run, RunFile)
        run, resamples = source.provenance.run, judged.bootstrap
        rows = of_predictions(of_run, judged.rows, source, resamples)
    stamp = provenance.stamp(
        run, "python -m model pairs", {"of": entry.path, "bootstrap": resamples}, 0, (), {entry.path: entry.sha256},
        LIBRARIES,
    )  # fmt: skip
    return PairsFile(provenance=stamp, of=entry.path, bootstrap=resamples, rows=rows)


def add(folder: Path, entries: Iterable[IndexEntry], fresh: bool = False) -> list[IndexEntry]:
    """Compute what is missing or stale of the pairs of some written files; all entries, pairs included, by path.

    Args:
        folder: where the files lie and the pairs are written.
        entries: every file of the results; pairs of sources that are no longer there are left out.
        fresh: compute all of them.

    Raises:
        BadInput: a file cannot be read or written.
    """
    known = {e.path: e for e in entries}
    out = {path: e for path, e in known.items() if e.kind != "pairs"}
    for entry in list(out.values()):
        if entry.kind not in ("predictions", "transfer"):
            continue
        path, old = _name(entry), known.get(_name(entry))
        if old is not None and not fresh:
            there = read_file(folder, old)
            assert isinstance(there, PairsFile)
            if there.provenance.data_sha256.get(entry.path) == entry.sha256:
                out[path] = old
                continue
        out[path] = write_file(folder, path, _of(folder, entry, out))
    return sorted(out.values(), key=lambda e: e.path)


def write(out: Path) -> list[str]:
    """Compute all pairs of a results folder again, in place of those there: paths written.

    Raises:
        BadInput: ``out`` holds no results, or cannot be written; the folder is as it was.
    """
    old = read_index(out)
    with replacing_folder(out) as temp:
        entries = take_over(out, temp, (e for e in old.files if e.kind != "pairs"))
        entries = add(temp, entries, fresh=True)
        write_index(temp, Index(main_run=old.main_run, files=entries))
    return [e.path for e in entries if e.kind == "pairs"]
