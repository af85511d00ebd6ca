"""Transfer experiments in the shape that pages and figures need: rows with their places, curves, the row to name.

A key is (model, strategy, augmented, number of real stars). ``full`` are the rows of a set at the largest number of
real stars that a model was trained on, one for each strategy; of those with and without augmentation the better one
by R2 stands for both where only one can be shown.
"""

from dataclasses import dataclass, field

from site_builder.contract.transfer import (
    TransferAnswer,
    TransferFile,
    TransferModel,
    TransferRow,
    TransferSet,
    TransferStars,
)
from site_builder.i18n import N_, _, said
from site_builder.results import Measured, PairPlace, Quantity, Results, ratio2

STRATEGIES = ("synthetic", "survey", "two-stage")
STRATEGY_TITLES = {"synthetic": N_("synthetic only"), "survey": N_("survey only"), "two-stage": N_("two-stage")}
STRATEGY_SHORT = {"synthetic": N_("synthetic"), "survey": N_("survey"), "two-stage": N_("two-stage")}
CLASSES = ("giant", "subgiant", "dwarf")


@dataclass(frozen=True)
class Tried:
    """One row of an experiment with its place in the file."""

    experiment: "Experiment" = field(repr=False)
    index: int
    row: TransferRow

    @property
    def path(self) -> str:
        """The contract file."""
        return self.experiment.path

    @property
    def model(self) -> TransferModel:
        """The model that the row is of."""
        return self.experiment.model(self.row.model)

    @property
    def title(self) -> str:
        """Model and strategy in words."""
        strategy = _(STRATEGY_TITLES[self.row.strategy])
        return _("{model}, {strategy}", model=said(self.model.title), strategy=strategy)

    def measured(self, name: str) -> Measured:
        """r2, mae, bias, nmad or sigma."""
        return self.experiment.results.measured(self.path, f"/rows/{self.index}/{name}")

    def beside(self, other: "Tried") -> PairPlace | None:
        """This row against another on the same stars, where the results have that."""
        a, b, e = self.row, other.row, self.experiment
        stars = e.stars(a.set)
        if stars is None or (a.set, a.slice, a.label) != (b.set, b.slice, b.label):
            return None
        if not {key(a), key(b)} <= {key(answer) for answer in stars.answers}:
            return None
        return e.results.pair(e.path, a.set, a.slice, a.label, a.pair_key, b.pair_key)

    def quantity(self, name: str) -> Quantity:
        """n, n_real, repeats, coverage68 or coverage95."""
        return self.experiment.results.quantity(self.path, f"/rows/{self.index}/{name}")


@dataclass(frozen=True)
class Curve:
    """One model by one strategy against the number of real stars, fewest first."""

    model: TransferModel
    strategy: str
    points: list[Tried]


@dataclass(frozen=True)
class Experiment:
    """One transfer file."""

    results: Results = field(repr=False)
    file: TransferFile

    @property
    def path(self) -> str:
        """Path of the contract file within the results folder."""
        return f"transfer/{self.file.name}.json"

    @property
    def paired(self) -> bool:
        """Whether its models are held against each other on the same stars."""
        return self.path in self.results.pairs

    def q(self, pointer: str) -> Quantity:
        """A value of the file."""
        return self.results.quantity(self.path, pointer)

    def count(self, pointer: str) -> Quantity:
        """How many entries a list of the file has."""
        return self.results.length(self.path, pointer)

    def model(self, name: str) -> TransferModel:
        """The model called ``name``."""
        return next(m for m in self.file.models if m.name == name)

    def sets(self, role: str) -> list[TransferSet]:
        """Sets of one role that have rows, in the order of the file."""
        return [s for s in self.file.sets if s.role == role and self.rows(s.name)]

    def stars(self, set_name: str) -> TransferStars | None:
        """Stars and answers of a set."""
        return next((s for s in self.file.stars if s.set == set_name), None)

    def rows(self, set_name: str, slice_name: str = "all", label: str | None = None) -> list[Tried]:
        """Rows of a set and slice, in the order of the models, strategies and augmentation."""
        found = [
            Tried(self, i, r)
            for i, r in enumerate(self.file.rows)
            if r.set == set_name and r.slice == slice_name and (label is None or r.label == label)
        ]
        models = [m.name for m in self.file.models]
        return sorted(
            found,
            key=lambda t: (models.index(t.row.model), STRATEGIES.index(t.row.strategy), t.row.augmented, t.row.n_real),
        )

    def same(self, of: Tried, slice_name: str, label: str | None = None, set_name: str | None = None) -> Tried | None:
        """The row of the same key in another slice (or set)."""
        wanted = key(of.row)
        rows = self.rows(set_name or of.row.set, slice_name, label)
        return next((r for r in rows if key(r.row) == wanted), None)

    def full(self, set_name: str, slice_name: str = "all", label: str | None = None) -> list[Tried]:
        """Rows at the largest number of real stars of their model, strategy and augmentation."""
        rows = self.rows(set_name, slice_name, label)
        most: dict[tuple[str, str], int] = {}
        for t in rows:
            name = (t.row.model, t.row.strategy)
            most[name] = max(most.get(name, 0), t.row.n_real)
        return [t for t in rows if t.row.n_real == most[t.row.model, t.row.strategy]]

    def shown(self, set_name: str) -> list[Tried]:
        """One full row for each model and strategy: the better of with and without augmentation."""
        best: dict[tuple[str, str], Tried] = {}
        for t in self.full(set_name):
            name = (t.row.model, t.row.strategy)
            if name not in best or t.row.r2.value > best[name].row.r2.value:
                best[name] = t
        return list(best.values())

    def best(self, set_name: str) -> Tried:
        """The full row of the highest R2 (the mean is no model to name)."""
        rows = [t for t in self.full(set_name) if t.model.family != "mean"]
        return max(rows or self.full(set_name), key=lambda t: t.row.r2.value)

    def curves(self, set_name: str) -> list[Curve]:
        """Every model and strategy; of with and without augmentation that with more points, then the augmented."""
        groups: dict[tuple[str, str, bool], list[Tried]] = {}
        for t in self.rows(set_name):
            groups.setdefault((t.row.model, t.row.strategy, t.row.augmented), []).append(t)
        chosen: dict[tuple[str, str], list[Tried]] = {}
        for (model, strategy, _augmented), points in groups.items():  # without augmentation comes first
            if len(points) >= len(chosen.get((model, strategy), [])):
                chosen[model, strategy] = points
        return [
            Curve(self.model(model), strategy, sorted(points, key=lambda t: t.row.n_real))
            for (model, strategy), points in chosen.items()
        ]

    def share(self, set_name: str, of: Tried, metric: str = "sigma") -> Quantity | None:
        """Share of the squared scatter that the catalogue's own errors make up."""
        index = next(i for i, s in enumerate(self.file.sets) if s.name == set_name)
        if self.file.sets[index].label_error is None or not getattr(of.row, metric).value > 0:
            return None
        return ratio2(self.q(f"/sets/{index}/label_error"), of.measured(metric).value)

    def set_index(self, name: str) -> int:
        """Place of a set in the file."""
        return next(i for i, s in enumerate(self.file.sets) if s.name == name)


Key = tuple[str, str, bool, int]


def key(of: TransferRow | TransferAnswer) -> Key:
    """Model, strategy, augmented, number of real stars."""
    return of.model, of.strategy, of.augmented, of.n_real


def experiments(results: Results) -> list[Experiment]:
    """Every transfer experiment: those with a cross-validated set of observed stars first, then by name."""

    def order(e: Experiment) -> tuple[bool, bool, str]:
        sets = e.sets("cross-validated")
        return not any(s.origin == "observed" for s in sets), "lamost" not in e.file.name, e.file.name

    return sorted((Experiment(results, file) for file in results.transfers.values()), key=order)


def covered_surveys(results: Results) -> set[str]:
    """Surveys that transfer experiments report on: their zero-shot sets need not be told twice."""
    return {s.survey for file in results.transfers.values() for s in file.sets if s.origin == "observed"}
