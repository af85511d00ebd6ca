"""Ridge regression on the scaled pixels (Hoerl & Kennard 1970, Technometrics 12, 55).

The normal equations are summed over batches of fresh spectra, so their number is bounded by time, not
memory; the validation set chooses the penalty.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.data import read_npz
from model.metrics import r2
from model.simulator import Batch, Simulator
from model.train import progress_bar
from model.vit import Scaler
from site_builder.contract.io import write_atomic

BATCH = 2000


class Ridge:
    """Linear model with intercept: log g = scaled flux @ coefficients + intercept."""

    def __init__(self, scaler: Scaler, coefficients: np.ndarray, intercept: float, alpha: float, n_spectra: int):
        self.scaler = scaler
        self.coefficients, self.intercept, self.alpha = coefficients, intercept, alpha
        self.n_spectra = n_spectra
        self.n_parameters = len(coefficients) + 1
        self.description = (
            f"linear in the {len(coefficients)} scaled pixels; penalty {alpha:.3g} chosen on the validation set"
        )

    @classmethod
    def fit(cls, simulator: Simulator, scaler: Scaler, validation: Batch, n: int, seed: int) -> "Ridge":
        """Fit on n fresh spectra of the stream "ridge"."""
        p = simulator.instrument.wave_axis.n
        gram, cross = torch.zeros(p, p, dtype=torch.float64), torch.zeros(p, dtype=torch.float64)
        mean_x, mean_y, count = torch.zeros(p, dtype=torch.float64), 0.0, 0
        with progress_bar("ridge", n) as show:
            for i in range(0, n, BATCH):
                batch = simulator.batch(min(BATCH, n - i), seed, "ridge", i)
                x, y = scaler.inputs(batch.flux), batch.labels[:, 1]
                gram += (x.T @ x).double()
                cross += (x.T @ y).double()
                mean_x += x.double().sum(0)
                mean_y += float(y.double().sum())
                count += len(y)
                show(count, "")
        mean_x, mean_y = mean_x / count, mean_y / count
        gram -= count * torch.outer(mean_x, mean_x)
        cross -= count * mean_x * mean_y
        x, truth = scaler.inputs(validation.flux).double(), validation.labels[:, 1].double().numpy()
        best: tuple[float, float, Tensor] | None = None
        for alpha in count * np.logspace(-2.5, 1.5, 9):
            factor = torch.linalg.cholesky(gram + alpha * torch.eye(p, dtype=torch.float64))
            w = torch.cholesky_solve(cross[:, None], factor)[:, 0]
            score = r2(truth, ((x - mean_x) @ w + mean_y).numpy())
            if best is None or score > best[0]:
                best = (score, float(alpha), w)
        assert best is not None
        _, alpha, w = best
        return cls(scaler, w.numpy(), float(mean_y - mean_x @ w), alpha, count)

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz)."""
        import io

        buffer = io.BytesIO()
        np.savez(
            buffer,
            coefficients=self.coefficients,
            intercept=self.intercept,
            alpha=self.alpha,
            n_spectra=self.n_spectra,
        )
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, scaler: Scaler) -> "Ridge":
        """Read what ``save`` wrote."""
        a = read_npz(path)
        return cls(scaler, a["coefficients"], float(a["intercept"]), float(a["alpha"]), int(a["n_spectra"]))

    def predict(self, flux: Tensor, level: Tensor | None = None) -> np.ndarray:
        """log g (n,) of normalised flux (n, pixels)."""
        w = torch.from_numpy(self.coefficients).float()
        return (self.scaler.inputs(flux) @ w + self.intercept).numpy()
