"""Scaling, ablations, stress tests and training curves: what they show, as pages and figures need it.

``better``, ``worse`` and ``alike`` are verdicts over 95 % intervals (``findings.verdict``).
"""

from dataclasses import dataclass, field
from itertools import groupby

from site_builder.contract.schema import AblationRow, Curve, ModelInfo, ScalingPoint, StressRow
from site_builder.findings import Verdict, verdict
from site_builder.i18n import _
from site_builder.results import Measured, Quantity, RunResults

RIVALS = ("mlp", "cnn")  # networks without attention
FEW = 2  # smallest training sets that count as few spectra


@dataclass(frozen=True)
class Scaled:
    """One point of the scaling study with its place."""

    run: RunResults = field(repr=False)
    index: int
    point: ScalingPoint

    @property
    def path(self) -> str:
        """The contract file."""
        return self.run.file("scaling.json")

    def measured(self, name: str) -> Measured:
        """r2 or mae."""
        return self.run.results.measured(self.path, f"/points/{self.index}/{name}")

    def quantity(self, name: str) -> Quantity:
        """n_spectra, presentations, seconds."""
        return self.run.results.quantity(self.path, f"/points/{self.index}/{name}")


def scaling(run: RunResults) -> dict[str, list[Scaled]]:
    """Points by model, in the order of the run file, by number of spectra."""
    if run.scaling is None:
        return {}
    points = [Scaled(run, i, p) for i, p in enumerate(run.scaling.points)]
    out = {}
    for model in run.run.models:
        own = sorted((p for p in points if p.point.model == model.name), key=lambda p: p.point.n_spectra)
        if own:
            out[model.name] = own
    return out


def sizes(run: RunResults) -> list[int]:
    """Numbers of distinct spectra of the study, smallest first."""
    return sorted({p.n_spectra for p in run.scaling.points}) if run.scaling else []


@dataclass(frozen=True)
class Against:
    """SpecViT beside one model under one condition."""

    condition: str
    model: ModelInfo
    own: Measured
    other: Measured
    verdict: Verdict
    size: Quantity | None = None  # distinct training spectra, where that is the condition


def _against(condition: str, model: ModelInfo, own: Measured, other: Measured, size: Quantity | None = None) -> Against:
    return Against(condition, model, own, other, verdict(own, other, "r2"), size)


def at_size(run: RunResults, n: int) -> list[Against]:
    """SpecViT against every other model trained on n distinct spectra."""
    found = {name: next((p for p in points if p.point.n_spectra == n), None) for name, points in scaling(run).items()}
    own = found.pop(run.specvit.name, None)
    if own is None:
        return []
    return [
        _against("", run.model(name), own.measured("r2"), point.measured("r2"), own.quantity("n_spectra"))
        for name, point in found.items()
        if point is not None
    ]


@dataclass(frozen=True)
class Ablated:
    """One row of the ablations with its place, and how it compares with the base of its group."""

    run: RunResults = field(repr=False)
    index: int
    row: AblationRow
    verdict: Verdict | None  # None: the base itself, or a group without one

    @property
    def path(self) -> str:
        """The contract file."""
        return self.run.file("ablations.json")

    def measured(self, name: str) -> Measured:
        """r2, r2_bright or r2_faint."""
        return self.run.results.measured(self.path, f"/rows/{self.index}/{name}")

    def quantity(self, name: str) -> Quantity:
        """n_parameters, presentations, seconds."""
        return self.run.results.quantity(self.path, f"/rows/{self.index}/{name}")


def ablations(run: RunResults) -> list[tuple[str, list[Ablated]]]:
    """Rows by group, in the order of the file."""
    if run.ablations is None:
        return []
    rows = list(enumerate(run.ablations.rows))
    path = run.file("ablations.json")
    bases = {row.group: run.results.measured(path, f"/rows/{i}/r2") for i, row in rows if row.base}
    out: dict[str, list[Ablated]] = {}
    for i, row in rows:
        base = bases.get(row.group)
        how = None
        if base is not None and not row.base:
            how = verdict(run.results.measured(path, f"/rows/{i}/r2"), base, "r2")
        out.setdefault(row.group, []).append(Ablated(run, i, row, how))
    return list(out.items())


@dataclass(frozen=True)
class Stressed:
    """One row of the stress tests with its place."""

    run: RunResults = field(repr=False)
    index: int
    row: StressRow

    @property
    def path(self) -> str:
        """The contract file."""
        return self.run.file("stress.json")

    def measured(self, name: str) -> Measured:
        """r2, mae or bias."""
        return self.run.results.measured(self.path, f"/rows/{self.index}/{name}")


def stress(run: RunResults) -> list[tuple[str, dict[str, Stressed]]]:
    """(condition, rows by model) in the order of the file, the unstressed condition first."""
    if run.stress is None:
        return []
    order = {"none": 0, "masked": 1, "resolution": 2, "noise": 3}
    rows = sorted((Stressed(run, i, r) for i, r in enumerate(run.stress.rows)), key=lambda r: order[r.row.group])
    by_label = groupby(sorted(rows, key=lambda r: _place(rows, r)), key=lambda r: r.row.label)
    return [(label, {r.row.model: r for r in part}) for label, part in by_label]


def _place(rows: list[Stressed], one: Stressed) -> int:
    return next(i for i, r in enumerate(rows) if r.row.label == one.row.label)


def under_stress(run: RunResults) -> list[Against]:
    """SpecViT against every other network under every condition but the one it was trained for."""
    out = []
    for label, rows in stress(run):
        own = rows.get(run.specvit.name)
        if own is None or own.row.group == "none":
            continue
        for name, row in rows.items():
            if name != run.specvit.name:
                out.append(_against(label, run.model(name), own.measured("r2"), row.measured("r2")))
    return out


@dataclass(frozen=True)
class Arrival:
    """Where the training curve of a network first reaches an R2."""

    run: RunResults = field(repr=False)
    model: ModelInfo
    curve: int
    index: int

    def quantity(self, name: str) -> Quantity:
        """A column of the curve there: presentations, seconds, val_r2."""
        return self.run.results.quantity(self.run.file("history.json"), f"/curves/{self.curve}/{name}/{self.index}")


def networks(run: RunResults) -> list[tuple[int, Curve, ModelInfo]]:
    """(place, curve, model) of SpecViT and the networks without attention."""
    if run.history is None:
        return []
    found = [(i, c, run.model(c.model)) for i, c in enumerate(run.history.curves)]
    found = [part for part in found if part[2].family in ("specvit", *RIVALS)]
    order = [m.name for m in run.run.models]
    return sorted(found, key=lambda part: order.index(part[2].name))


def arrivals(run: RunResults) -> tuple[Quantity, list[Arrival]] | None:
    """An R2 that every network came to, and where each first did: the least of their best, rounded down."""
    curves = networks(run)
    if len(curves) < 2:
        return None
    target = int(100 * min(max(c.val_r2) for _, c, _ in curves)) / 100 - 0.01
    path = run.file("history.json")
    sources = tuple(f"{path}#/curves/{i}/val_r2" for i, _curve, _model in curves)
    return Quantity(round(target, 2), sources, "reached"), [
        Arrival(run, model, place, next(i for i, r in enumerate(curve.val_r2) if r >= target))
        for place, curve, model in curves
    ]


@dataclass(frozen=True)
class Rivalry:
    """SpecViT against one network without attention, over everything that was measured."""

    model: ModelInfo
    tried: list[Against]

    def by(self, wanted: Verdict) -> list[Against]:
        """Conditions with one verdict."""
        return [a for a in self.tried if a.verdict == wanted]


def rivalries(run: RunResults, set_name: str) -> list[Rivalry]:
    """One for each network without attention: the test set, few distinct spectra, every stress condition."""
    own = run.row(set_name, run.specvit.name)
    out = []
    for model in run.run.models:
        row = run.row(set_name, model.name)
        if model.family not in RIVALS or row is None or own is None:
            continue
        tried = [_against(_("the whole test set"), model, own.measured("r2"), row.measured("r2"))]
        few = [against for n in sizes(run)[:FEW] for against in at_size(run, n)]
        tried += [a for a in [*few, *under_stress(run)] if a.model == model]
        out.append(Rivalry(model, tried))
    return out
