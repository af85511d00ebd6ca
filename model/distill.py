"""The teacher: posterior mean and variance of log g for any simulated spectrum, fast enough to train on.

A label is the posterior mean plus noise that no spectrum explains; regressing on the posterior mean itself
(distillation, Hinton et al. 2015, arXiv 1503.02531; here the teacher is the Bayes estimator) leaves the optimum
where it was and takes that noise out of every gradient. The library alone is used, without local proposals: its
coarseness is noise of its own at bright magnitudes, small beside the label's.
"""

import math

import torch
from torch import Tensor

from model.posterior import Compressed, sobol_labels
from model.simulator import Simulator

LIBRARY = 12_288  # model spectra at the brightest magnitude; fewer are enough where the noise is larger
LEAST = 2048
TOLERANCE = 0.03
LEVELS = 25  # magnitudes at which training spectra are drawn, ends included
GROUPS = 8  # magnitudes in one batch


class Teacher:
    """Posterior mean and variance of log g for batches of simulated spectra of an instrument with magnitudes."""

    def __init__(self, simulator: Simulator, library: int = LIBRARY, seed: int = 1) -> None:
        assert simulator.prior.magnitude is not None
        self.simulator = simulator
        labels = sobol_labels(simulator, library, seed)
        self.logg = labels[:, 1].float()
        self.likelihood = Compressed(simulator, labels, TOLERANCE)
        self.magnitudes = torch.linspace(*simulator.prior.magnitude, LEVELS)
        shrink = 10 ** (-0.6 * (self.magnitudes - self.magnitudes[0]))  # the posterior's volume grows about so
        self.enough = (2 * library * shrink).clamp(min(LEAST, library), library).int().tolist()

    def examples(
        self, n: int, g: torch.Generator, labels: Tensor | None = None, rows: slice = slice(None)
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Flux (n, pixels) of fresh spectra, posterior mean (n,) and variance (n,) of their log g.

        A batch is at ``GROUPS`` of the ``LEVELS`` magnitudes, so that its parts meet the library together.

        Args:
            labels: (n, 3) of the spectra; drawn from the prior if None.
            rows: the part of the batch to make.
        """
        labels = self.simulator.draw_labels(n, g) if labels is None else labels
        chosen = torch.randint(LEVELS, (GROUPS,), generator=g, device=g.device)
        group = torch.arange(n, device=g.device) // math.ceil(n / GROUPS)
        flux = self.simulator.observe(labels, self.magnitudes[chosen[group]], g, jitter=True, rows=rows).flux
        mine, counts = group[rows].unique_consecutive(return_counts=True)
        groups = zip(chosen[mine].tolist(), flux.split(counts.tolist()), strict=True)
        parts = [self.posterior(y, k) for k, y in groups]
        return flux, torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])

    def posterior(self, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance (n,) of log g of normalised spectra y (n, pixels) at magnitude k."""
        seen = self.likelihood.see(y, self.magnitudes[k].expand(len(y)))
        n = self.enough[k]
        p = self.likelihood.of_library(seen, n).softmax(1)
        logg = self.logg[:n]
        mean = p @ logg
        return mean, (p @ logg.square() - mean.square()).clamp_min(1e-6)
