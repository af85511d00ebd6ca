"""The teacher: posterior mean and variance of log g for any simulated spectrum, fast enough to train on.

A label is the posterior mean plus noise that no spectrum explains; regressing on the posterior mean itself
(Hinton et al. 2015, arXiv 1503.02531, in the regression form; here the teacher is the exact Bayes estimator)
leaves the optimum where it was and takes that noise out of every gradient.

Two approximations make it fast. Variances per pixel are those of the spectrum's own projection on principal
components (a pilot estimate) rather than of each library spectrum; and differences from the mean spectrum are
products of few components, so that one small matrix product compares a batch with the whole library.
``tests/test_limits.py`` holds it against the exact posterior.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.posterior import sobol_labels
from model.simulator import Simulator

LEVELS = 25  # magnitudes at which training spectra are drawn, ends included
GROUPS = 8  # magnitudes in one batch
PILOT = 12  # components of the pilot estimate
TOLERANCE = 2e-3  # root of the sum over pixels of what the compression leaves out, squared, in units of the noise


@dataclass
class _Level:
    """What is prepared for one magnitude."""

    level: float
    weight: Tensor  # (P,) 1 / variance of the mean spectrum
    pilot: Tensor  # (P, PILOT) orthonormal in the weighted space
    library: int  # leading library spectra that are enough at this noise


class Teacher:
    """Posterior mean and variance of log g for batches of simulated spectra.

    Args:
        simulator: of an instrument with magnitudes.
        library: model spectra at the brightest magnitude; fewer where the noise is larger.
    """

    def __init__(self, simulator: Simulator, library: int = 12_288, seed: int = 1) -> None:
        assert simulator.prior.magnitude is not None
        self.simulator = simulator
        lo, hi = simulator.prior.magnitude
        self.magnitudes = torch.linspace(lo, hi, LEVELS)
        labels = sobol_labels(simulator, library, seed)
        self.logg = labels[:, 1].float()
        flux = torch.cat([simulator.grid.spectra(part) for part in labels.split(4096)])
        self.mean = flux.mean(0)
        delta = flux.sub_(self.mean)
        sigma = simulator.instrument.noise.sigma(self.mean[None], torch.tensor([lo]))[0]
        self.one, self.first = _compress(delta, sigma)
        self.two, self.second = _compress(delta.square_(), sigma.square())
        self.features = torch.cat([self.first, self.second.mul(-0.5)], 1)
        self.levels = [self._prepare(float(m)) for m in self.magnitudes]

    def _prepare(self, magnitude: float) -> _Level:
        noise = self.simulator.instrument.noise
        weight = noise.sigma(self.mean[None], torch.tensor([magnitude]))[0].square().reciprocal()
        q, triangle = torch.linalg.qr(self.one * weight.sqrt()[:, None])
        v = torch.linalg.svd(self.first[:2048] @ triangle.T, full_matrices=False).Vh[:PILOT]
        shrink = 10 ** (-0.6 * (magnitude - float(self.magnitudes[0])))  # the posterior's volume grows about so
        n = int(min(len(self.first), max(2048, len(self.first) * shrink * 2)))
        return _Level(magnitude, weight, q @ v.T, n)

    def examples(self, n: int, g: torch.Generator, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Flux (n, pixels) of fresh spectra, posterior mean (n,) and variance (n,) of their log g.

        A batch is at ``GROUPS`` of the ``LEVELS`` magnitudes, so that its parts meet the library together.

        Args:
            labels: (n, 3) of the spectra; drawn from the prior if None.
        """
        labels = self.simulator.draw_labels(n, g) if labels is None else labels
        chosen = torch.randint(LEVELS, (GROUPS,), generator=g)
        level = self.magnitudes[chosen].repeat_interleave(math.ceil(n / GROUPS))[:n]
        flux = self.simulator.observe(labels, level, g, jitter=True).flux
        size = math.ceil(n / GROUPS)
        parts = [self.posterior(y, int(k)) for k, y in zip(chosen, flux.split(size), strict=False)]
        return flux, torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])

    def posterior(self, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance (n,) of log g of normalised spectra y (n, pixels) at magnitude k."""
        this = self.levels[k]
        pixels = y.shape[1]
        r = y - self.mean
        root = this.weight.sqrt()
        pilot = (self.mean + ((r * root) @ this.pilot) @ this.pilot.T / root).clamp_min(0)
        level = torch.full((len(y),), this.level)
        w = self.simulator.instrument.noise.sigma(pilot, level).square().reciprocal()
        wr, wy = w * r, w * y
        # ln p = N e - q1 e - (q2 + N) e^2 / 2 - q0 / 2 over the amplitude error e; see ``posterior.marginal``
        n = this.library
        cross = torch.cat([wr @ self.one, w @ self.two], 1) @ self.features[:n].T
        q1 = (wy * r).sum(1, keepdim=True) - (wy @ self.one) @ self.first[:n].T
        q2 = (wy * y).sum(1, keepdim=True)
        log_l = cross + 0.5 * (pixels - q1).square() / (q2 + pixels)
        p = log_l.softmax(1)
        logg = self.logg[:n]
        mean = p @ logg
        return mean, (p @ logg.square() - mean.square()).clamp_min(1e-6)


def _compress(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """x (N, P) = coefficients @ basis.T: basis (P, K) and coefficients (N, K), accurate in units of sigma."""
    scaled = x[:: max(1, len(x) // 3072)] / sigma
    _, s, v = torch.linalg.svd(scaled, full_matrices=False)
    left = s.square().flip(0).cumsum(0).flip(0) / len(scaled)  # sum over pixels of the squared rest
    k = int((left > TOLERANCE**2).sum())
    v = v[:k]
    coefficients = torch.cat([(part / sigma) @ v.T for part in x.split(4096)])
    return (v * sigma).T.contiguous(), coefficients
