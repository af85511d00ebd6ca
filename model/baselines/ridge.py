"""Ridge regression (Hoerl & Kennard 1970, Technometrics 12, 55) on principal components and their products.

Clean spectra lie in a space of few dimensions, so their leading components hold all that the pixels say. log g is
far from linear in them: lines saturate, and what they say depends on Teff and [M/H]. So that Ridge has a fair
chance it is also given the squares and products of the first of them, each weighed by its signal (a Wiener filter).

The normal equations are summed over batches of fresh spectra, so their number is bounded by time, not
memory; the validation set chooses the penalty.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.components import leading
from model.data import read_npz, write_npz
from model.metrics import r2
from model.simulator import Batch, Simulator, generator
from model.train import progress_bar
from model.vit import Scaler

BATCH = 2000
COMPONENTS = 256  # principal components of clean spectra, or as many as there are pixels
PRODUCTS = 40  # of which the first so many enter with their squares and products, too


class Ridge:
    """Linear model with intercept: log g = features @ coefficients + intercept.

    Attributes:
        components: (pixels, COMPONENTS) that the products are made of.
    """

    def __init__(
        self,
        scaler: Scaler,
        components: Tensor,
        coefficients: np.ndarray,
        intercept: float,
        alpha: float,
        n_spectra: int,
    ) -> None:
        self.scaler, self.components = scaler, components
        self.coefficients, self.intercept, self.alpha = coefficients, intercept, alpha
        self.n_spectra = n_spectra
        self.n_parameters = len(coefficients) + 1
        self.description = (
            f"linear in {components.shape[1]} principal components and in the squares and products of the first "
            f"{PRODUCTS}; penalty {alpha:.3g} chosen on the validation set"
        )

    @staticmethod
    def features(x: Tensor, components: Tensor) -> Tensor:
        """(n, COMPONENTS + products) of scaled flux x (n, pixels)."""
        z = x @ components
        i, j = torch.triu_indices(PRODUCTS, PRODUCTS)
        return torch.cat([z, z[:, i] * z[:, j]], 1)

    @staticmethod
    @lru_cache(maxsize=2)  # a study fits many on the same
    def components_of(simulator: Simulator, scaler: Scaler, seed: int) -> Tensor:
        """(pixels, COMPONENTS) leading directions of clean spectra, scaled to unit variance, noise filtered."""
        clean = simulator.clean(simulator.draw_labels(2048, generator(seed, "components")))
        x = scaler.inputs(simulator.instrument.normalise(clean))
        directions, variance = leading(x, COMPONENTS)
        return (directions * (variance.sqrt() / (variance + 1))[:, None]).T.contiguous()

    @classmethod
    def fit(
        cls, simulator: Simulator, scaler: Scaler, validation: Batch, n: int, seed: int, distinct: int | None = None
    ) -> "Ridge":
        """Fit on n fresh spectra of the stream "ridge", of ``distinct`` sets of labels if given."""
        components = cls.components_of(simulator, scaler, seed)
        p = components.shape[1] + PRODUCTS * (PRODUCTS + 1) // 2
        gram, cross = torch.zeros(p, p, dtype=torch.float64), torch.zeros(p, dtype=torch.float64)
        mean_x, mean_y, count = torch.zeros(p, dtype=torch.float64), 0.0, 0
        with progress_bar("ridge", n) as show:
            for i in range(0, n, BATCH):
                batch = simulator.batch(min(BATCH, n - i), seed, "ridge", i, distinct=distinct)
                x, y = cls.features(scaler.inputs(batch.flux), components), batch.labels[:, 1]
                gram += (x.T @ x).double()
                cross += (x.T @ y).double()
                mean_x += x.double().sum(0)
                mean_y += float(y.double().sum())
                count += len(y)
                show(count, "")
        mean_x, mean_y = mean_x / count, mean_y / count
        gram -= count * torch.outer(mean_x, mean_x)
        cross -= count * mean_x * mean_y
        x = cls.features(scaler.inputs(validation.flux), components).double()
        truth = validation.labels[:, 1].double().numpy()
        best: tuple[float, float, Tensor] | None = None
        for alpha in count * np.logspace(-3.5, 1.5, 11):
            factor = torch.linalg.cholesky(gram + alpha * torch.eye(p, dtype=torch.float64))
            w = torch.cholesky_solve(cross[:, None], factor)[:, 0]
            score = r2(truth, ((x - mean_x) @ w + mean_y).numpy())
            if best is None or score > best[0]:
                best = (score, float(alpha), w)
        assert best is not None
        _, alpha, w = best
        return cls(scaler, components, w.numpy(), float(mean_y - mean_x @ w), alpha, count)

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz)."""
        write_npz(
            path,
            components=self.components.numpy(),
            coefficients=self.coefficients,
            intercept=self.intercept,
            alpha=self.alpha,
            n_spectra=self.n_spectra,
        )

    @classmethod
    def load(cls, path: Path, scaler: Scaler) -> "Ridge":
        """Read what ``save`` wrote."""
        a = read_npz(path)
        components = torch.from_numpy(a["components"])
        return cls(scaler, components, a["coefficients"], float(a["intercept"]), float(a["alpha"]), int(a["n_spectra"]))

    def predict(self, flux: Tensor, level: Tensor | None = None) -> np.ndarray:
        """log g (n,) of normalised flux (n, pixels)."""
        w = torch.from_numpy(self.coefficients).float()
        parts = [self.features(self.scaler.inputs(f), self.components) @ w + self.intercept for f in flux.split(BATCH)]
        return torch.cat(parts).numpy()
