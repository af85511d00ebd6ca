"""The transfer experiments as transfer.html shows them."""

from dataclasses import dataclass
from typing import Any

from site_builder import published, tables
from site_builder import transfer_findings as found
from site_builder.contract.transfer import TransferAnswer, TransferModel, TransferSet
from site_builder.figures import interactive_transfer as live
from site_builder.figures import transfer as drawings
from site_builder.figures.svg import FigureSvg, draw_figure
from site_builder.i18n import _, said
from site_builder.publish import Site
from site_builder.results import Quantity, Results
from site_builder.transfers import CLASSES, STRATEGY_TITLES, Experiment, Tried, experiments

GAIN = (54, 8, 30, 50)
STARS = (54, 10, 30, 50)


@dataclass(frozen=True)
class Choice:
    """One answer that the figure of single stars can show."""

    part: str
    label: str
    model: str
    first: bool


@dataclass(frozen=True)
class ShownSet:
    """A set of an experiment with everything that is drawn and said of it."""

    experiment: Experiment
    info: TransferSet
    index: int
    rows: list[Tried]
    subset: list[Tried]
    best: Tried
    classes: list[str]
    stars: FigureSvg | None
    stars_live: str | None
    stars_csv: str | None
    choices: list[Choice]

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.info.name

    @property
    def selection(self) -> list[tuple[str, Quantity]]:
        """Cuts and what they leave."""
        e = self.experiment
        place = f"/sets/{self.index}/selection/"
        return [(cut, e.q(place + cut.replace("~", "~0").replace("/", "~1"))) for cut in self.info.selection]

    def n(self) -> Quantity:
        """Stars of the set."""
        return self.experiment.q(f"/sets/{self.index}/n")

    def best_of_subset(self) -> Tried | None:
        """The best row on the stars of special interest alone."""
        return self.experiment.same(self.best, "subset")

    def label_error(self) -> Quantity | None:
        """Error of the catalogue."""
        return None if self.info.label_error is None else self.experiment.q(f"/sets/{self.index}/label_error")

    def in_class(self, of: Tried, name: str) -> Tried | None:
        """The row of the same key for one class of stars."""
        return self.experiment.same(of, "class", name)

    def share(self, metric: str) -> Quantity | None:
        """Share of the best row's squared scatter that is the catalogue's."""
        return self.experiment.share(self.name, self.best, metric)


@dataclass(frozen=True)
class Shown:
    """One experiment with everything that is drawn and said of it."""

    experiment: Experiment
    cross: list[ShownSet]
    independent: list[ShownSet]
    gain: FigureSvg | None
    gain_live: str | None
    csv: str

    @property
    def name(self) -> str:
        """Name of the experiment, and of its tab."""
        return self.experiment.file.name

    @property
    def path(self) -> str:
        """The contract file."""
        return self.experiment.path

    @property
    def main(self) -> ShownSet:
        """The first cross-validated set."""
        return self.cross[0]

    @property
    def specvit(self) -> TransferModel | None:
        """The experiment's SpecViT."""
        return next((m for m in self.experiment.file.models if m.family == "specvit"), None)

    @property
    def networks(self) -> list[TransferModel]:
        """Models trained by more than one strategy, SpecViT first."""
        both = [h.model for h in self.hypotheses]
        return sorted(both, key=lambda m: m.family != "specvit")

    @property
    def ranking(self) -> list[found.Pair]:
        """The best beside the others."""
        return found.ranking(self.experiment, self.main.name)

    @property
    def hypotheses(self) -> list[found.Hypothesis]:
        """Two-stage beside survey only, size by size."""
        return found.hypotheses(self.experiment, self.main.name)

    @property
    def augmentations(self) -> list[found.Pair]:
        """With augmentation beside without."""
        return found.augmentations(self.experiment, self.main.name)

    @property
    def carried(self) -> list[found.Carried]:
        """Whether the gain of the networks is there on independent sets."""
        return [c for m in self.networks for c in found.carried(self.experiment, m)]

    @property
    def references(self) -> tuple[published.PublishedTransfer, ...]:
        """What others reached on the same survey's stars."""
        return published.transfer(self.main.info.survey)

    def strategies(self, model: TransferModel) -> dict[str, found.Pair]:
        """Pairs of strategies of one model."""
        return found.strategies(self.experiment, self.main.name, model.name)

    def coverage(self, one: ShownSet, field: str = "coverage68") -> list[found.Covered]:
        """How stated intervals hold."""
        return found.covered(self.experiment, one.name, field)


def _panels(e: Experiment, best: Tried, rows: list[Tried]) -> list[Tried]:
    """Synthetic only and the best, of the best one's model."""
    zero = [t for t in rows if t.row.model == best.row.model and t.row.strategy == "synthetic"]
    return [*(t for t in zero if t is not best), best]


def _choice_name(model: str, a: TransferAnswer) -> str:
    strategy = _(STRATEGY_TITLES[a.strategy])
    if a.augmented:
        return _("{model}, {strategy}, augmented", model=said(model), strategy=strategy)
    return _("{model}, {strategy}", model=said(model), strategy=strategy)


def _star_figures(site: Site, e: Experiment, name: str, best: Tried, rows: list[Tried], drawn: bool) -> dict[str, Any]:
    stars = e.stars(name)
    none: dict[str, Any] = {
        "stars": None,
        "stars_live": None,
        "stars_csv": tables.transfer_stars_csv(site, e, name),
        "choices": [],
    }
    if stars is None or not drawn:
        return none
    first = drawings.answer_of(stars, best)
    answers = [a for t in _panels(e, best, rows) if (a := drawings.answer_of(stars, t)) is not None]
    pairs = [(_choice_name(e.model(a.model).title, a), a) for a in answers]
    if first is None or not pairs:
        return none
    key = f"transfer-{e.file.name}-{name}".replace(".", "-")
    figure = draw_figure(
        site, key, _("Predicted against catalogue log g of real stars"), drawings.predicted_catalogue(stars, pairs),
        (960, 480), (380, 400), STARS,
    )  # fmt: skip
    choices = [
        Choice(
            live.part_of(a),
            _choice_name(e.model(a.model).title, a),
            a.model,
            a is first,
        )
        for a in stars.answers
    ]
    return none | {
        "stars": figure,
        "stars_live": live.every_star(site, key, stars, live.part_of(first)),
        "choices": choices,
    }


def _set(site: Site, e: Experiment, info: TransferSet, drawn: bool) -> ShownSet:
    rows, best = e.full(info.name), e.best(info.name)
    labels = {t.row.label for t in e.rows(info.name, "class")}
    return ShownSet(
        experiment=e,
        info=info,
        index=e.set_index(info.name),
        rows=rows,
        subset=[t for t in (e.same(row, "subset") for row in e.shown(info.name)) if t is not None],
        best=best,
        classes=[c for c in CLASSES if c in labels],
        **_star_figures(site, e, info.name, best, rows, drawn),
    )


def _shown(site: Site, e: Experiment) -> Shown:
    cross = [_set(site, e, info, True) for info in e.sets("cross-validated")]
    first = cross[0].name
    figure = address = None
    if drawings.panels(e, first):
        key = f"transfer-{e.file.name}-gain".replace(".", "-")
        heights = [drawings.gain_height(e, first, narrow) for narrow in (False, True)]
        title = _("R² against the number of real stars trained on")
        sizes = ((960, heights[0]), (380, heights[1]))
        figure = draw_figure(site, key, title, drawings.gain(e, first), *sizes, GAIN)
        address = live.gain(site, key, e, first)
    return Shown(
        experiment=e,
        cross=cross,
        independent=[_set(site, e, info, False) for info in e.sets("independent")],
        gain=figure,
        gain_live=address,
        csv=tables.transfer_csv(site, e),
    )


def shown_experiments(results: Results, site: Site) -> list[Shown]:
    """Every experiment; empty where the results hold none."""
    return [_shown(site, e) for e in experiments(results)]
