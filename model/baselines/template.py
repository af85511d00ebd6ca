"""Template fitting: the model spectrum with the least chi-square, its log g the answer (maximum likelihood).

Every spectrum is compared with a library that fills the prior, the amplitude solved for analytically; from the
best library point Gauss-Newton steps in (Teff, log g, [M/H]) refine the labels between library points, with the
exact derivatives of the spline, inside the grid. Variances per pixel are those of the spectrum's own smooth
estimate, as a pipeline's ivar is. Same likelihood as the Bayes limit (``model.posterior``), without the prior.
"""

import numpy as np
import torch
from torch import Tensor

from model.grid import AXES
from model.posterior import Compressed, Seen, prior_box, sobol_labels
from model.simulator import Simulator

LIBRARY = 8192
TOLERANCE = 0.03  # of the compression, see ``Compressed``
STEPS = 8


class Template:
    """Chi-square fit of one instrument's spectra; ``level`` is needed, for the noise."""

    n_parameters = 0
    n_spectra = LIBRARY

    def __init__(self, simulator: Simulator, library: int = LIBRARY) -> None:
        self.simulator = simulator
        self.n_spectra = library
        self.likelihood = Compressed(simulator, sobol_labels(simulator, library, 5), TOLERANCE)
        self.description = (
            f"chi-square against {library} library spectra, analytic amplitude, refined by up to {STEPS} "
            "Gauss-Newton steps; knows the noise of every pixel"
        )

    def predict(self, flux: Tensor, level: Tensor | None = None) -> np.ndarray:
        """log g (n,) of normalised flux (n, pixels) at magnitudes (n,)."""
        assert level is not None
        found = []
        for part, m in zip(flux.split(200), level.split(200), strict=True):
            seen = self.likelihood.see(part, m)
            best = self.likelihood.labels[self.likelihood.of_library(seen).argmax(1)]
            found.append(self._refine(seen, best)[:, 1])
        return torch.cat(found).numpy()

    def _refine(self, seen: Seen, labels: Tensor) -> Tensor:
        """Labels (n, 3) with the largest likelihood near those given."""
        basis, grid = self.likelihood.basis, self.simulator.grid
        pixels = len(basis)
        metric = torch.stack([(basis * w[:, None]).T @ basis for w in seen.weight])
        # maximising over the amplitude adds a rank-one term
        metric = metric - seen.amplitude[:, :, None] * seen.amplitude[:, None, :] / (seen.q2 + pixels)[:, :, None]
        right = seen.cross + (pixels - seen.q1) / (seen.q2 + pixels) * seen.amplitude

        def value(c: Tensor) -> Tensor:
            return (right * c).sum(1) - 0.5 * torch.einsum("ni,nij,nj->n", c, metric, c)

        lo, hi = prior_box(self.simulator)
        c = self.likelihood.coefficients(labels)
        score, damping = value(c), torch.full((len(labels), 1), 1.0, dtype=torch.float64)
        for _ in range(STEPS):
            slopes = torch.stack([grid.weights(labels, name) @ self.likelihood.nodes for name in AXES], 1)
            slopes = slopes * (hi - lo).float()[:, None]  # unit box: K and dex differ by thousands
            gradient = (slopes @ (right - torch.einsum("nij,nj->ni", metric, c))[:, :, None]).double()
            curvature = (slopes @ metric @ slopes.transpose(1, 2)).double()
            ridge = torch.diag_embed(curvature.diagonal(dim1=1, dim2=2) * 1e-4 + 1e-6)
            step = torch.linalg.solve(curvature + ridge, gradient)[:, :, 0] * (hi - lo)
            tried = (labels + damping * step).clamp(lo, hi)
            c_tried = self.likelihood.coefficients(tried)
            score_tried = value(c_tried)
            better = (score_tried > score)[:, None]
            labels, c = torch.where(better, tried, labels), torch.where(better, c_tried, c)
            score = torch.maximum(score, score_tried)
            damping = torch.where(better, damping.mul(2).clamp_max(1.0), damping * 0.3)
        return labels
