"""Made-up pairs for tests: differences of made-up metrics, with made-up intervals around them."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from site_builder.contract.pairs import PairRow, PairsFile
from site_builder.contract.schema import ContractFile, Interval, MetricsFile, Provenance
from site_builder.contract.transfer import TransferFile

SLICES = ("all", "magnitude", "snr", "class")


def _row(first: Any, second: Any, names: tuple[str, str], of_set: str, spread: float) -> PairRow:
    def apart(metric: str) -> Interval:
        value = getattr(first, metric).value - getattr(second, metric).value
        return Interval(value=round(value, 6), lo=round(value - spread, 6), hi=round(value + spread, 6))

    return PairRow(
        set=of_set, slice=first.slice, label=first.label, n=first.n, first=names[0], second=names[1],
        r2=apart("r2"), mae=apart("mae"), nmad=apart("nmad"),
    )  # fmt: skip


def _of_metrics(file: MetricsFile) -> list[PairRow]:
    own = file.rows[0].model
    mine = {(r.slice, r.label): r for r in file.rows if r.model == own}
    return [
        _row(mine[r.slice, r.label], r, (own, r.model), file.set, 0.1 / r.n**0.5)
        for r in file.rows
        if r.model not in (own, "mean") and r.slice in SLICES
    ]


def _of_experiment(file: TransferFile) -> list[PairRow]:
    out = []
    for stars in file.stars:
        names = {(a.model, a.strategy, a.augmented, a.n_real): a.pair_key for a in stars.answers}
        rows = {(r.model, r.strategy, r.augmented, r.n_real): r for r in file.rows if r.set == stars.set and
                r.slice == "all"}  # fmt: skip
        found = combinations([k for k in names if k in rows], 2)
        out += [_row(rows[a], rows[b], (names[a], names[b]), stars.set, 0.05) for a, b in found]
    return out


def pairs(files: list[tuple[str, ContractFile]], stamp: Provenance) -> Iterator[tuple[str, ContractFile]]:
    """Pairs of every set with metrics and of every experiment among some files."""
    for path, file in files:
        if isinstance(file, MetricsFile):
            run = path.split("/")[1]
            of, name, rows = f"runs/{run}/predictions.{file.set}.json", f"{run}.{file.set}", _of_metrics(file)
        elif isinstance(file, TransferFile):
            of, name, rows = path, file.name, _of_experiment(file)
        else:
            continue
        yield f"pairs/{name}.json", PairsFile(provenance=stamp, of=of, bootstrap=100, rows=rows)
