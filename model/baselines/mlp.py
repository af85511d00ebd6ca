"""The multilayer perceptron: the baseline to fear. Same input, same loss, same loop as SpecViT."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from model.vit import Network, Scaler


class MLP(Network):
    """pixels - hidden layers - (mean, log sigma), with GELU between."""

    def __init__(self, n_pixels: int, hidden: tuple[int, ...] = (512, 256, 128)) -> None:
        super().__init__()
        self.scaler = Scaler(n_pixels, hidden[-1])
        layers: list[nn.Module] = []
        for a, b in pairwise((n_pixels, *hidden)):
            layers += [nn.Linear(a, b), nn.GELU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(hidden[-1], 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, flux: Tensor, explicit: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """Raw (mean, log sigma) (B, 2) of normalised flux (B, pixels); there is no attention to make explicit."""
        x = self.scaler.inputs(flux)
        pooled = self.layers(x)
        return self.read(pooled, x), {"pooled": pooled}


def build(n_pixels: int, hidden: tuple[int, ...], seed: int) -> MLP:
    """An MLP with seeded initial weights."""
    torch.manual_seed(seed)
    return MLP(n_pixels, hidden)
