"""The 1-D convolutional baseline: StarNet (Fabbro et al. 2018, MNRAS 475, 2978, arXiv 1709.09182).

Two convolutions of 4 and 16 filters of 8 pixels, a max-pool over 4 pixels, two dense layers of 256 and 128,
ReLU between. The output is ours: a mean and a sigma of log g, in the same loss and loop as SpecViT.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.vit import Network, Scaler

FILTERS = (4, 16)
LENGTH = 8  # pixels of a filter
POOL = 4  # pixels that a max-pool joins
DENSE = (256, 128)
CHUNK = 32  # spectra convolved at once on a CPU, so that their channels stay in its cache


class CNN(Network):
    """pixels - convolutions - max-pool - dense layers - (mean, log sigma)."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.scaler = Scaler(n_pixels, DENSE[1])
        one, two = FILTERS
        # a spectrum is an image of one row: only 2-D convolutions and pools keep channels last, which is fastest
        self.convolution1 = nn.Conv2d(1, one, (1, LENGTH))
        self.convolution2 = nn.Conv2d(one, two, (1, LENGTH))
        self.dense1 = nn.Linear(n_pixels // POOL * two, DENSE[0])
        self.dense2 = nn.Linear(*DENSE)
        self.head = nn.Linear(DENSE[1], 2)
        for layer in (self.convolution1, self.convolution2, self.dense1, self.dense2):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for name, parameter in self.named_parameters():
            if name.endswith("bias") or name == "head.weight":
                nn.init.zeros_(parameter)

    def features(self, x: Tensor) -> Tensor:
        """(B, pixels) -> (B, pixels / 4 x 16): zero-padded convolutions, max-pool."""
        same = ((LENGTH - 1) // 2, LENGTH // 2)
        x = x[:, None, None].to(memory_format=torch.channels_last)
        x = F.relu(self.convolution1(F.pad(x, same)))
        x = self.convolution2(F.pad(x, same))
        x = F.relu(F.max_pool2d(x, (1, POOL)))  # the same as after ReLU, and a quarter of the work
        return x.permute(0, 2, 3, 1).flatten(1)

    def forward(self, flux: Tensor, explicit: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """Raw (mean, log sigma) (B, 2) of normalised flux (B, pixels); there is no attention to make explicit."""
        inputs = self.scaler.inputs(flux)
        parts = inputs.split(CHUNK) if inputs.device.type == "cpu" else (inputs,)
        x = torch.cat([self.features(part) for part in parts])
        pooled = F.relu(self.dense2(F.relu(self.dense1(x))))
        return self.read(pooled, inputs), {"pooled": pooled}


def build(n_pixels: int, seed: int) -> CNN:
    """A CNN with seeded initial weights."""
    torch.manual_seed(seed)
    return CNN(n_pixels)
