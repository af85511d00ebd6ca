"""What attention is worth: the measures of importance beside each other, and what the measured numbers support.

Pages phrase these; a relation is only called one where its interval and its null allow it.
"""

from dataclasses import dataclass, field
from typing import Literal

from site_builder.contract.attribution import Cut, FaithfulnessFile, HeadTest, LineSet, Measure
from site_builder.contract.schema import Interval
from site_builder.derived import after, where
from site_builder.i18n import N_
from site_builder.publish import Site
from site_builder.results import Measured, Quantity, RunResults, ratio

LEVEL = 0.05  # a relation is above chance if at most this share of the null is as strong
TITLES: dict[Measure, str] = {
    "attention": N_("attention, mean of layers"),
    "last-layer": N_("attention, last layer"),
    "rollout": N_("attention rollout"),
    "gradient": N_("input gradient"),
    "occlusion": N_("occlusion"),
    "fisher": N_("Fisher information"),
    "fisher-plain": N_("Fisher information, all else known"),
}
COLUMNS: dict[Measure, str] = {"fisher": "fisher", "fisher-plain": "fisher_plain", "gradient": "gradient",
                               "occlusion": "occlusion"}  # fmt: skip
TRUTH: Measure = "fisher"


def even_shares(cut: Cut, measure: Measure) -> list[float]:
    """A measure of a star over the windows of a cut, in units of its mean (1: an even share)."""
    values: list[float] = getattr(cut, COLUMNS[measure])
    mean = sum(values) / len(values)
    return [v / mean if mean else 0.0 for v in values]


@dataclass(frozen=True)
class Tested:
    """A measured value with the range that chance gives."""

    value: Measured
    null_lo: Quantity
    null_hi: Quantity
    p: Quantity

    @property
    def above(self) -> bool:
        """More than chance: above its null, and above its upper end with the whole interval."""
        return self.p.number <= LEVEL and self.value.value.number > self.null_hi.number


@dataclass(frozen=True)
class WorthRow:
    """One measure on one cut: against the Fisher information, and against deletion."""

    measure: Measure
    rho: Tested | None  # None for the Fisher information itself
    captured: Tested
    most: Measured
    least: Measured
    between: Measured


@dataclass(frozen=True)
class BestHead:
    """The head with the highest enrichment on one set of lines, by the order of p."""

    lines: LineSet
    test: HeadTest
    enrichment: Measured
    p: Quantity
    q: Quantity
    layer: Quantity  # from 1
    head: Quantity  # from 1


@dataclass(frozen=True)
class Worth:
    """The faithfulness file of one run, with the place of every number."""

    run: RunResults = field(repr=False)
    file: FaithfulnessFile = field(repr=False)

    @property
    def path(self) -> str:
        """The contract file."""
        return self.run.file("faithfulness.json")

    @property
    def patch(self) -> int:
        """Pixels of the network's patches."""
        return self.run.run.shape.patch_size

    @property
    def fine(self) -> int | None:
        """Pixels of the finer windows, if there are some."""
        smallest = min(a.size for a in self.file.areas)
        return smallest if smallest < self.patch else None

    @property
    def fine_q(self) -> Quantity:
        """``fine`` with its place."""
        return self.q(f"/areas/{next(i for i, a in enumerate(self.file.areas) if a.size == self.fine)}/size")

    def q(self, pointer: str) -> Quantity:
        """A value of the file."""
        return self.run.results.quantity(self.path, pointer)

    def _measured(self, pointer: str) -> Measured:
        return self.run.results.measured(self.path, pointer)

    def _tested(self, pointer: str, name: str) -> Tested:
        null = (self.q(f"{pointer}/{k}") for k in ("null_lo", "null_hi", "p"))
        return Tested(self._measured(f"{pointer}/{name}"), *null)

    def rho(self, size: int, first: Measure, second: Measure) -> Tested | None:
        """Rank correlation of two measures, in either order."""
        for i, c in enumerate(self.file.correlations):
            if c.size == size and {c.first, c.second} == {first, second}:
                return self._tested(f"/correlations/{i}", "rho")
        return None

    def measures(self, size: int) -> list[Measure]:
        """Measures on windows of a size, in the order of ``TITLES``."""
        there = {a.measure for a in self.file.areas if a.size == size}
        return [m for m in TITLES if m in there]

    def row(self, size: int, measure: Measure) -> WorthRow | None:
        """One measure on one cut."""
        shares = [i for i, c in enumerate(self.file.captured) if (c.size, c.measure) == (size, measure)]
        areas = [i for i, a in enumerate(self.file.areas) if (a.size, a.measure) == (size, measure)]
        if not shares or not areas:
            return None
        place = f"/areas/{areas[0]}/"
        return WorthRow(
            measure,
            self.rho(size, measure, TRUTH),
            self._tested(f"/captured/{shares[0]}", "share"),
            *(self._measured(place + k) for k in ("most", "least", "between")),
        )

    def rows(self, size: int) -> list[WorthRow]:
        """Every measure on one cut."""
        return [row for m in self.measures(size) if (row := self.row(size, m)) is not None]

    def windows(self, size: int) -> Quantity:
        """Number of windows of a size."""
        index = next(i for i, c in enumerate(self.file.correlations) if c.size == size)
        return ratio(self.run.q("/vit/n_pixels"), self.q(f"/correlations/{index}/size"))

    @property
    def tests_n(self) -> Quantity:
        """Number of all tests of heads."""
        return self.run.results.length(self.path, "/heads")

    def tests_of(self, kind: Literal["attention", "response"]) -> Quantity:
        """Number of tests of a kind."""
        return where(self.run.results, self.path, "/heads", "kind", kind)

    def special(self, kind: Literal["attention", "response"]) -> list[BestHead]:
        """The heads that specialise, by the tests of a kind."""
        return [self._head(i) for i, t in enumerate(self.file.heads) if t.kind == kind and t.specialises]

    def best(self, kind: Literal["attention", "response"]) -> list[BestHead]:
        """For every set of lines the head with the smallest p, then the largest enrichment."""
        found = []
        for group in self.file.lines:
            own = [(t.p, -t.enrichment.value, i) for i, t in enumerate(self.file.heads)
                   if t.kind == kind and t.lines == group.id]  # fmt: skip
            if own:
                found.append(self._head(min(own)[2]))
        return found

    def _head(self, i: int) -> BestHead:
        test = self.file.heads[i]
        lines = next(x for x in self.file.lines if x.id == test.lines)
        place = f"/heads/{i}/"
        own = [self.q(place + name) for name in ("p", "q")] + [after(self.q(place + k)) for k in ("layer", "head")]
        return BestHead(lines, test, self._measured(place + "enrichment"), *own)

    def possible(self, kind: Literal["attention", "response"]) -> Quantity | None:
        """How many tests at the smallest p that there is are needed before one is called; None: no number is enough.

        The smallest p of a test by circular shifts is one over the number of windows; its q is that times the number
        of tests over how many are at least as good.
        """
        size = self.run.q("/vit/patch_size") if kind == "attention" or self.fine is None else self.fine_q
        pixels, tests, level = self.run.q("/vit/n_pixels"), self.tests_of(kind), self.q("/level")
        needed = int(-(-size.number / pixels.number * tests.number // level.number))
        sources = (*size.sources, *pixels.sources, *tests.sources, *level.sources)
        return Quantity(needed, sources, f"needed kind={kind}") if needed <= tests.number else None


def worth_of(run: RunResults) -> Worth | None:
    """What attention of a run is worth, where that was measured on the patches that it has."""
    file = run.faithfulness
    if file is None or not any(a.size == run.run.shape.patch_size for a in file.areas):
        return None
    return Worth(run, file)


def publish_worth(worth: Worth, site: Site) -> dict[str, str]:
    """The numbers of the file as tables to take away; addresses by name."""
    file, base = worth.file, f"faithfulness/{worth.run.name}-"

    def of(value: Interval) -> list[float]:
        return [value.value, value.lo, value.hi]

    ends = ["value", "lo", "hi"]
    return {
        "correlations": site.publish_csv(
            base + "correlations.csv",
            ["window_pixels", "first", "second", *ends, "null_lo", "null_hi", "p"],
            [[c.size, c.first, c.second, *of(c.rho), c.null_lo, c.null_hi, c.p] for c in file.correlations],
        ),
        "areas": site.publish_csv(
            base + "areas.csv",
            ["window_pixels", "measure", *(f"{k}_{e}" for k in ("most", "least", "between") for e in ends)],
            [[a.size, a.measure, *of(a.most), *of(a.least), *of(a.between)] for a in file.areas],
        ),
        "deletion": site.publish_csv(
            base + "deletion.csv",
            ["window_pixels", "order", "measure", "removed", *(f"{k}_{e}" for k in ("r2", "mae") for e in ends)],
            [
                [d.size, d.order, d.measure or "", x, *of(r2), *of(mae)]
                for d in file.deletion
                for x, r2, mae in zip(d.removed, d.r2, d.mae, strict=True)
            ],
        ),
        "heads": site.publish_csv(
            base + "heads.csv",
            ["kind", "layer", "head", "lines", *(f"ratio_{e}" for e in ends), "p", "q", "specialises"],
            [
                [h.kind, h.layer + 1, h.head + 1, h.lines, *of(h.enrichment), h.p, h.q, h.specialises]
                for h in file.heads
            ],
        ),
    }
