"""What any estimator can know, beside what each model does: the limits in the shape that pages need."""

from dataclasses import dataclass, field
from typing import TypeVar

from markupsafe import Markup

from site_builder.contract.schema import Crlb, LimitBin, ModelInfo
from site_builder.figures.series import brightness_slice, model_bins
from site_builder.i18n import _
from site_builder.markup import join, number, phrase
from site_builder.results import Measured, Quantity, Row, RunResults, ratio

T = TypeVar("T")
CLOSE = 0.01  # an R2 gap up to this counts as having reached the limit


@dataclass(frozen=True)
class Limit:
    """One bin of a limits file, with its place in it and the models' rows on the same spectra."""

    run: RunResults = field(repr=False)
    set: str
    path: str
    index: int
    bin: LimitBin

    def quantity(self, name: str) -> Quantity:
        """A plain field: n, median_snr, r2_se, posterior_sd, ess_median, ess_p1, pit_ks."""
        return self.run.results.quantity(self.path, f"/bins/{self.index}/{name}")

    def measured(self, name: str) -> Measured:
        """r2 or rmse of the posterior mean."""
        return self.run.results.measured(self.path, f"/bins/{self.index}/{name}")

    def crlb(self, labels: int) -> Crlb | None:
        """The bound with so many unknown labels."""
        return next((c for c in self.bin.crlb if c.labels == labels), None)

    def bound(self, labels: int, name: str = "r2") -> Quantity | None:
        """A number of that bound: sigma, sigma_lo, sigma_hi, r2, r2_lo, r2_hi."""
        found = self.crlb(labels)
        if found is None:
            return None
        place = f"/bins/{self.index}/crlb/{self.bin.crlb.index(found)}/{name}"
        return self.run.results.quantity(self.path, place)

    def row(self, model: str) -> Row | None:
        """The metrics of a model in the same bin."""
        return self.run.row(self.set, model, self.bin.slice, self.bin.label)

    def gap(self, model: str) -> Measured | None:
        """R2 of the posterior mean minus that of a model, on the same spectra."""
        for i, gap in enumerate(self.run.limits[self.set].gaps):
            if (gap.model, gap.slice, gap.label) == (model, self.bin.slice, self.bin.label):
                return self.run.results.measured(self.path, f"/gaps/{i}/r2")
        return None

    def best(self) -> Row | None:
        """The model that comes nearest to the limit beside SpecViT: the highest R2."""
        others = [m for m in self.run.run.models if m.name != self.run.specvit.name and m.family != "mean"]
        rows = [row for m in others if (row := self.row(m.name)) is not None]
        return max(rows, key=lambda row: row.row.r2.value, default=None)

    @property
    def span(self) -> tuple[Quantity, Quantity]:
        """``ends`` with their places."""
        row = self.row(self.run.specvit.name)
        if row is None or row.row.lo is None or row.row.hi is None or "-" not in self.bin.label:
            return self.quantity("label"), self.quantity("label")
        return row.quantity("lo"), row.quantity("hi")

    @property
    def shown(self) -> Markup:
        """The bin as text, '21.5' where it is one magnitude, '21 to 21.5' where it is a range, with its places."""
        return _span(*self.span)

    @property
    def ends(self) -> tuple[str, str]:
        """The bin's first and last magnitude as text; the same where it is one."""
        row = self.row(self.run.specvit.name)
        if row is None or row.row.lo is None or row.row.hi is None or "-" not in self.bin.label:
            return self.bin.label, self.bin.label
        return f"{row.row.lo:g}", f"{row.row.hi:g}"


def _all(run: RunResults, set_name: str) -> list[Limit]:
    file = run.limits.get(set_name)
    path = run.file(f"limits.{set_name}.json")
    return [Limit(run, set_name, path, i, part) for i, part in enumerate(file.bins)] if file else []


def bins(run: RunResults, set_name: str) -> list[Limit]:
    """The limits in the magnitude bins of a set, brightest first; empty where there are none."""
    rows = model_bins(run, set_name, brightness_slice(run, set_name), run.specvit.name)
    place = {row.row.label: i for i, row in enumerate(rows)}
    found = [one for one in _all(run, set_name) if one.bin.slice == "magnitude" and one.bin.label in place]
    return sorted(found, key=lambda one: place[one.bin.label])


def _span(first: Quantity, last: Quantity) -> Markup:
    if first.value == last.value:
        return number(first)
    return phrase(_("{first} to {last}"), first=number(first), last=number(last))


def names(found: list[Limit]) -> Markup:
    """Bins in words, neighbours together: '20 to 21.25 and 22'."""
    if not found:
        return join([])
    order = [one.bin.label for one in bins(found[0].run, found[0].set)]
    groups: list[list[Limit]] = []
    for one in sorted(found, key=lambda one: order.index(one.bin.label)):
        if groups and order.index(groups[-1][-1].bin.label) + 1 == order.index(one.bin.label):
            groups[-1].append(one)
        else:
            groups.append([one])
    return join([_span(group[0].span[0], group[-1].span[1]) for group in groups])


def overall(run: RunResults, set_name: str) -> Limit | None:
    """The limits on a whole set."""
    return next((one for one in _all(run, set_name) if one.bin.slice == "all"), None)


@dataclass(frozen=True)
class Reach:
    """How far one model is from the Bayes limit, bin by bin."""

    model: ModelInfo
    limits: list[Limit]
    gaps: list[Measured]
    close: list[Limit]  # a gap of at most CLOSE
    far: list[Limit]  # a gap whose whole interval is above CLOSE
    open: list[Limit]  # a gap above CLOSE whose interval reaches it
    largest: tuple[Limit, Measured]
    overall: tuple[Limit, Measured] | None
    share: Quantity | None  # R2 of the model over R2 of the limit, all spectra

    @property
    def everywhere(self) -> bool:
        """True if the gap is at most CLOSE in every bin."""
        return len(self.close) == len(self.limits)


def reach(run: RunResults, set_name: str, model: ModelInfo, whole: str | None = None) -> Reach | None:
    """The gap of a model in the bins of a set; its overall gap on another set (``whole``) if given."""
    pairs = [(one, gap) for one in bins(run, set_name) if (gap := one.gap(model.name)) is not None]
    if not pairs:
        return None
    total = overall(run, whole or set_name)
    gap = total.gap(model.name) if total else None
    row = total.row(model.name) if total else None
    return Reach(
        model=model,
        limits=[one for one, _ in pairs],
        gaps=[gap for _, gap in pairs],
        close=[one for one, gap in pairs if gap.value.number <= CLOSE],
        far=[one for one, gap in pairs if gap.lo.number > CLOSE],
        open=[one for one, gap in pairs if gap.lo.number <= CLOSE < gap.value.number],
        largest=max(pairs, key=lambda pair: pair[1].value.number),
        overall=(total, gap) if total and gap else None,
        share=ratio(row.measured("r2").value, total.measured("r2").value) if total and row else None,
    )


@dataclass(frozen=True)
class Ceiling:
    """Where the R2 that the median bound promises is exceeded, and where even the Bayes limit is below it."""

    labels: int
    bins: list[Limit]
    above: list[tuple[Limit, Row]]  # a model's whole interval lies above the bound: (bin, the best such row)
    below: list[Limit]  # the Bayes limit's whole interval lies below the bound

    @property
    def above_bins(self) -> list[Limit]:
        """The bins in which a model exceeds the bound."""
        return [one for one, _ in self.above]

    @property
    def broken(self) -> bool:
        """True if the bound is no ceiling on these spectra, on either side."""
        return bool(self.above or self.below)


def ceiling(run: RunResults, set_name: str, labels: int = 3) -> Ceiling | None:
    """Hold the bound against every model and the Bayes limit, bin by bin.

    Three labels vary in the spectra, so the bound with three is the like-for-like one.
    """
    found = [(one, bound) for one in bins(run, set_name) if (bound := one.crlb(labels)) is not None]
    if not found:
        return None
    above = []
    for one, bound in found:
        rows = [row for m in run.run.models if m.family != "mean" and (row := one.row(m.name)) is not None]
        higher = [row for row in rows if row.row.r2.lo > bound.r2]
        if higher:
            above.append((one, max(higher, key=lambda row: row.row.r2.value)))
    below = [one for one, bound in found if one.bin.r2.hi < bound.r2]
    return Ceiling(labels, [one for one, _ in found], above, below)


def spread_out(found: list[T], count: int = 5) -> list[T]:
    """A few of a list, evenly, both ends included."""
    if len(found) <= count:
        return found
    return [found[round(k * (len(found) - 1) / (count - 1))] for k in range(count)]
