"""Baselines: one file each, one interface (``Baseline``), same data, same test set, same metrics."""

from typing import Protocol

import numpy as np
from torch import Tensor


class Baseline(Protocol):
    """A fitted regressor of log g."""

    n_parameters: int
    n_spectra: int
    description: str

    def predict(self, flux: Tensor, level: Tensor | None = None) -> np.ndarray:
        """log g (n,) in dex of normalised flux (n, pixels); level (n,) magnitudes, where there are any."""
        ...
