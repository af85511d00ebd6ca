"""The guided tour of the token and attention pages: one spectrum on its way through the network, in numbers."""

from dataclasses import dataclass, field

import numpy as np

from site_builder.attention_view import AttentionView
from site_builder.contract.attribution import AttributionFile
from site_builder.derived import place, pooled
from site_builder.results import Quantity
from site_builder.stars import Star

ON_TOKENS, STEPS = 3, 8  # steps on the page of tokens, and in all


@dataclass(frozen=True)
class LayerRead:
    """What the pooled output attends to most in one layer."""

    layer: int  # from 1
    patch: Quantity  # from 1
    share: Quantity  # mean of heads
    lines: str


@dataclass(frozen=True)
class Tour:
    """One star with its activations."""

    star: Star = field(repr=False)
    view: AttentionView = field(repr=False)
    file: AttributionFile = field(repr=False)

    @property
    def path(self) -> str:
        """Contract file with the activations."""
        return self.star.attribution_path

    def q(self, pointer: str) -> Quantity:
        """A value of that file."""
        return self.star.results.quantity(self.path, pointer)

    def answer(self, name: str) -> Quantity:
        """predicted_logg or predicted_sigma of the attention file."""
        return self.star.results.quantity(self.star.attention_path, f"/{name}")

    @property
    def furthest(self) -> tuple[Quantity, Quantity]:
        """The patch (from 1) that differs most from the mean training spectrum, and by how much."""
        i = int(np.argmax(self.file.activations.input_rms))
        value = self.q(f"/activations/input_rms/{i}")
        return place(value), value

    @property
    def lengths(self) -> tuple[tuple[Quantity, Quantity], tuple[Quantity, Quantity]]:
        """Patches (from 1) with the shortest and the longest embedding, and their lengths."""
        values = self.view.file.embedding_norm
        ends = (int(np.argmin(values)), int(np.argmax(values)))
        path = self.star.attention_path
        first, last = (self.star.results.quantity(path, f"/embedding_norm/{i}") for i in ends)
        return (place(first), first), (place(last), last)

    def relative_change(self, which: str) -> list[float]:
        """Per layer: norm of what it adds over the norm before, of the CLS token or the mean of the patches."""
        a, cls = self.file.activations, int(self.view.file.has_cls)
        ratio = np.array(a.change) / np.array(a.token_norm)[:-1]
        own: list[float] = (ratio[:, 0] if which == "cls" else ratio[:, cls:].mean(1)).tolist()
        return own

    @property
    def reads(self) -> list[LayerRead]:
        """What the pooled output attends to most, layer by layer."""
        out = []
        for k, row in enumerate(self.view.by_layer):
            patch = int(np.argmax(row))
            name = place(self.star.results.quantity(self.star.attention_path, f"/rollout/{patch}"))
            share = pooled(self.view, k, patch)
            out.append(LayerRead(k + 1, name, share, ", ".join(self.view.lines_in(patch))))
        return out

    @property
    def readings(self) -> list[Quantity]:
        """log g read off the pooled token before the first layer and after each."""
        return [self.q(f"/activations/reading/{i}") for i in range(len(self.file.activations.reading))]

    @property
    def top(self) -> tuple[Quantity, Quantity]:
        """Patches (from 1) with the largest share of the Fisher information and of the attention rolled out."""
        fisher, rollout = self.file.cuts[0].fisher, self.view.file.rollout
        rolled = self.star.results.quantity(self.star.attention_path, f"/rollout/{int(np.argmax(rollout))}")
        return place(self.q(f"/cuts/0/fisher/{int(np.argmax(fisher))}")), place(rolled)


def tour_of(stars: list[Star]) -> Tour | None:
    """The tour of the first star that has activations."""
    for star in stars:
        file = star.run.attribution.get(star.file.id)
        if file is not None and star.attention is not None:
            return Tour(star, AttentionView(star), file)
    return None
