"""What the transfer experiments allow to be said: comparisons over 95 % intervals, as in ``findings``.

Rows at full size are held against each other on the same stars where the results have that (``pairs/``). Rows on fewer
real stars are averages over draws of them: there "alike" is said while the intervals of the two rows overlap, which is
more often than a paired test would say it.
"""

from dataclasses import dataclass

from site_builder.contract.transfer import TransferModel, TransferSet
from site_builder.findings import Verdict, verdict
from site_builder.results import Measured, Quantity, Results, difference
from site_builder.transfers import Experiment, Tried, experiments

NOMINAL = {"coverage68": 0.6827, "coverage95": 0.95}
CLOSE = 0.05  # a coverage within so much of its nominal value is called right


@dataclass(frozen=True)
class Pair:
    """Two rows on the same stars."""

    first: Tried
    second: Tried
    metric: str

    @property
    def verdict(self) -> Verdict:
        """How the first does beside the second."""
        return verdict(self.own, self.other, self.metric, self.first.beside(self.second))

    @property
    def own(self) -> Measured:
        """The first's value."""
        return self.first.measured(self.metric)

    @property
    def other(self) -> Measured:
        """The second's value."""
        return self.second.measured(self.metric)

    @property
    def gap(self) -> Quantity:
        """First minus second."""
        return difference(self.own.value, self.other.value)


def by(pairs: list[Pair], wanted: Verdict) -> list[Pair]:
    """Pairs of one verdict."""
    return [p for p in pairs if p.verdict == wanted]


def ranking(e: Experiment, set_name: str) -> list[Pair]:
    """The best row (by R2) beside every other model or strategy at full size."""
    best = e.best(set_name)
    name = (best.row.model, best.row.strategy)
    others = [t for t in e.shown(set_name) if (t.row.model, t.row.strategy) != name and t.model.family != "mean"]
    return [Pair(best, t, "r2") for t in others]


def strategy(e: Experiment, set_name: str, model: str, name: str) -> Tried | None:
    """The full row of a model by one strategy."""
    rows = [t for t in e.shown(set_name) if t.row.model == model and t.row.strategy == name]
    return rows[0] if rows else None


def strategies(e: Experiment, set_name: str, model: str, metric: str = "r2") -> dict[str, Pair]:
    """Two-stage beside the other two strategies, and survey beside synthetic, of one model."""
    found = {name: strategy(e, set_name, model, name) for name in ("synthetic", "survey", "two-stage")}
    out = {}
    for first, second in (("two-stage", "survey"), ("two-stage", "synthetic"), ("survey", "synthetic")):
        a, b = found[first], found[second]
        if a is not None and b is not None:
            out[f"{first}/{second}"] = Pair(a, b, metric)
    return out


@dataclass(frozen=True)
class Hypothesis:
    """Two-stage beside survey-only training of one model, at each number of real stars that both were tried at."""

    model: TransferModel
    pairs: list[Pair]

    def by(self, wanted: Verdict) -> list[Pair]:
        """Sizes of one verdict."""
        return by(self.pairs, wanted)


def hypotheses(e: Experiment, set_name: str, metric: str = "r2") -> list[Hypothesis]:
    """One for each model that was trained both ways, with or without augmentation alike on both sides."""
    curves = {(c.model.name, c.strategy): c for c in e.curves(set_name)}
    out = []
    for model in e.file.models:
        both = [curves.get((model.name, name)) for name in ("two-stage", "survey")]
        if both[0] is None or both[1] is None:
            continue
        survey = {(t.row.n_real, t.row.augmented): t for t in both[1].points}
        pairs = [
            Pair(t, survey[t.row.n_real, t.row.augmented], metric)
            for t in both[0].points
            if (t.row.n_real, t.row.augmented) in survey
        ]
        if pairs:
            out.append(Hypothesis(model, pairs))
    return out


def augmentations(e: Experiment, set_name: str, metric: str = "r2") -> list[Pair]:
    """With augmentation beside without it, at full size."""
    rows = e.full(set_name)
    plain = {(t.row.model, t.row.strategy, t.row.n_real): t for t in rows if not t.row.augmented}
    return [
        Pair(t, plain[t.row.model, t.row.strategy, t.row.n_real], metric)
        for t in rows
        if t.row.augmented and (t.row.model, t.row.strategy, t.row.n_real) in plain
    ]


@dataclass(frozen=True)
class Carried:
    """Whether what pre-training gains on cross-validated stars is there on stars of another survey."""

    home: TransferSet
    away: TransferSet
    model: TransferModel
    first: Pair  # two-stage beside survey at home
    second: Pair  # the same away


def carried(e: Experiment, model: TransferModel, metric: str = "nmad") -> list[Carried]:
    """One for each independent set, beside the first cross-validated one."""
    home = e.sets("cross-validated")
    if not home:
        return []
    first = strategies(e, home[0].name, model.name, metric).get("two-stage/survey")
    out = []
    for away in e.sets("independent"):
        second = strategies(e, away.name, model.name, metric).get("two-stage/survey")
        if first is not None and second is not None:
            out.append(Carried(home[0], away, model, first, second))
    return out


@dataclass(frozen=True)
class Covered:
    """How a stated interval holds on real stars."""

    row: Tried
    field: str

    @property
    def how(self) -> str:
        """right, narrow or wide, by more than ``CLOSE``."""
        off = getattr(self.row.row, self.field) - NOMINAL[self.field]
        return "right" if abs(off) <= CLOSE else "narrow" if off < 0 else "wide"


def covered(e: Experiment, set_name: str, field: str = "coverage68") -> list[Covered]:
    """Every shown row that states intervals."""
    return [Covered(t, field) for t in e.shown(set_name) if getattr(t.row, field) is not None]


@dataclass(frozen=True)
class Told:
    """What other pages tell of an experiment: its first cross-validated set, the best row, SpecViT's strategies."""

    experiment: Experiment
    info: TransferSet
    best: Tried
    others: list[Pair]
    specvit: dict[str, Pair]

    @property
    def n(self) -> Quantity:
        """Stars of the set."""
        return self.best.quantity("n")


def told(results: Results) -> list[Told]:
    """One for each experiment, in the order of the transfer page."""
    out = []
    for e in experiments(results):
        info = e.sets("cross-validated")[0]
        own = next((m.name for m in e.file.models if m.family == "specvit"), "")
        out.append(Told(e, info, e.best(info.name), ranking(e, info.name), strategies(e, info.name, own)))
    return out
