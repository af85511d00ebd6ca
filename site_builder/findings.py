"""What may be said about the results: comparisons that hold beyond 95 % intervals.

Where the results hold models against each other on the same stars (``pairs/``), the interval is that of the
difference; elsewhere no difference is claimed while the intervals of the two values overlap.
"""

from dataclasses import dataclass
from typing import Literal

from site_builder.contract.schema import ModelInfo, SetInfo
from site_builder.figures.series import bins, brightness_slice
from site_builder.results import Measured, PairPlace, Quantity, Results, Row, RunResults, difference

Verdict = Literal["better", "worse", "alike"]
LESS_IS_BETTER = ("rmse", "mae", "nmad", "sigma")


def verdict(first: Measured, second: Measured, metric: str, pair: PairPlace | None = None) -> Verdict:
    """How the first compares with the second.

    'alike' while the interval of their difference holds zero; without a pair, while their own intervals overlap.
    """
    apart = pair.interval(metric) if pair else None
    if apart is not None:
        lo, hi = apart if metric not in LESS_IS_BETTER else (-apart[1], -apart[0])
        return "better" if lo > 0 else "worse" if hi < 0 else "alike"
    if metric in LESS_IS_BETTER:
        first, second = second, first
    return "better" if first.above(second) else "worse" if first.below(second) else "alike"


@dataclass(frozen=True)
class Comparison:
    """SpecViT beside one other model on one slice."""

    model: ModelInfo
    own: Measured
    other: Measured
    verdict: Verdict
    apart: Measured | None  # SpecViT's value minus the other's, where the results have its interval

    @property
    def gap(self) -> Quantity:
        """SpecViT's value minus the other's."""
        return self.apart.value if self.apart else difference(self.own.value, self.other.value)


def _pair(run: RunResults, row: Row, other: Row) -> PairPlace | None:
    set_name = row.path.rsplit("/metrics.", 1)[1].removesuffix(".json")
    of = run.file(f"predictions.{set_name}.json")
    return run.results.pair(of, set_name, row.row.slice, row.row.label, row.row.model, other.row.model)


def compare(run: RunResults, set_name: str, metric: str = "r2", slice_name: str = "all") -> list[Comparison]:
    """SpecViT against every other model, in the order of the run file (the mean is left out)."""
    own = run.row(set_name, run.specvit.name, slice_name)
    out = []
    for model in run.run.models:
        row = run.row(set_name, model.name, slice_name)
        if model.name == run.specvit.name or model.family == "mean" or row is None or own is None:
            continue
        a, b, pair = own.measured(metric), row.measured(metric), _pair(run, own, row)
        apart = None
        if pair and not pair.turned and pair.interval(metric):
            path, pointer = pair.source.split("#")
            apart = run.results.measured(path, f"{pointer}/{metric}")
        out.append(Comparison(model, a, b, verdict(a, b, metric, pair), apart))
    return out


def by(comparisons: list[Comparison], wanted: Verdict) -> list[Comparison]:
    """The comparisons with one verdict."""
    return [c for c in comparisons if c.verdict == wanted]


@dataclass(frozen=True)
class BinTally:
    """In which brightness bins SpecViT is better than, worse than or alike another model."""

    model: ModelInfo
    bins: list[Row]
    better: list[Row]
    worse: list[Row]
    alike: list[Row]


def tally(run: RunResults, set_name: str, model: ModelInfo, metric: str = "r2") -> BinTally:
    """Compare bin by bin; rows are SpecViT's."""
    slice_name = brightness_slice(run, set_name)
    found: dict[str, list[Row]] = {"better": [], "worse": [], "alike": []}
    rows = bins(run, set_name, slice_name)
    for row in rows:
        other = run.row(set_name, model.name, slice_name, row.row.label)
        if other is not None:
            how = verdict(row.measured(metric), other.measured(metric), metric, _pair(run, row, other))
            found[how].append(row)
    return BinTally(model, rows, found["better"], found["worse"], found["alike"])


@dataclass(frozen=True)
class Extremes:
    """The bins at both ends of a slice, and the classes with the least and the largest error."""

    first: Row
    last: Row


def ends(run: RunResults, set_name: str) -> Extremes | None:
    """SpecViT in the brightest and faintest (or highest and lowest SNR) bin."""
    rows = bins(run, set_name, brightness_slice(run, set_name))
    if len(rows) < 2:
        return None
    if brightness_slice(run, set_name) == "snr":
        rows = rows[::-1]
    return Extremes(rows[0], rows[-1])


def worst_class(run: RunResults, set_name: str, metric: str = "mae") -> tuple[Row, Row] | None:
    """(class with the largest error, class with the least) if their intervals are apart."""
    rows = run.rows(set_name, "class", run.specvit.name)
    if len(rows) < 2:
        return None
    rows = sorted(rows, key=lambda r: getattr(r.row, metric).value)
    if not rows[-1].measured(metric).above(rows[0].measured(metric)):
        return None
    return rows[-1], rows[0]


def curve_set(run: RunResults) -> SetInfo:
    """The synthetic set with the most brightness bins: what the curve against brightness is drawn from."""
    return max(run.sets("synthetic"), key=lambda info: len(bins(run, info.name, brightness_slice(run, info.name))))


def observed_sets(results: Results) -> list[tuple[RunResults, SetInfo]]:
    """Every evaluated set of observed stars, with its run; the main run's first."""
    return [(run, info) for run in results.runs.values() for info in run.sets("observed")]


def calibrated_bins(
    run: RunResults, set_name: str, field: str = "coverage68", nominal: float = 0.6827, tolerance: float = 0.02
) -> tuple[list[Row], list[Row]]:
    """(bins whose 68 % (or 95 %) coverage is within the tolerance, all bins with a coverage) of SpecViT."""
    rows = [r for r in bins(run, set_name, brightness_slice(run, set_name)) if getattr(r.row, field) is not None]
    return [r for r in rows if abs(getattr(r.row, field) - nominal) <= tolerance], rows
