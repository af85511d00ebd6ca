"""The exact posterior of log g for simulated spectra, by importance sampling.

The noise is Gaussian and known, the prior is a box and the spectra come from a grid, so the posterior of the
labels given a spectrum is computable, and its mean is the estimator with the least mean squared error: the
Bayes limit. Every spectrum is compared with one library of model spectra (two matrix products give all
chi-squares); where its weights are too few, labels are drawn from a local proposal as well, and both samples
are joined by the balance heuristic (Veach & Guibas 1995, SIGGRAPH 95, eq. 8; Owen 2013, "Monte Carlo theory,
methods and examples", chapter 9).

An observed spectrum y is the noisy one divided by its own median s, which is not known. With model flux m and
variance v per pixel, p(y | labels) = integral over s of s^(P - 1) prod_i N(s y_i; m_i, v_i); the integrand is
Gaussian in ln s to high accuracy (its width is below 0.01), so the integral is done by Laplace's method.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.grid import AXES
from model.simulator import Simulator

LIBRARY = 65_536
LOCAL = 1024
LOCAL_BELOW = 400.0  # spectra with fewer effective samples than this get a local proposal
DEGREES = 5.0  # of freedom of the proposal's Student t
CHUNK = 8192  # library spectra in memory in double precision


def prior_box(simulator: Simulator) -> tuple[Tensor, Tensor]:
    """Lower and upper corners (3,) of the prior of (teff, logg, mh)."""
    lo, hi = torch.tensor([getattr(simulator.prior, name) for name in AXES], dtype=torch.float64).T
    return lo, hi


def sobol_labels(simulator: Simulator, n: int, seed: int) -> Tensor:
    """(n, 3) float64 labels that fill the prior evenly (scrambled Sobol points)."""
    lo, hi = prior_box(simulator)
    unit = torch.quasirandom.SobolEngine(3, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return lo + (hi - lo) * unit


def marginal(a: Tensor, b: Tensor, c: Tensor, log_v: Tensor, pixels: int) -> Tensor:
    """ln p(y | labels) but for a constant, from a = sum y^2/v, b = sum y m/v, c = sum m^2/v, log_v = sum ln v.

    Integrates exp[P ln s - (s^2 a - 2 s b + c) / 2 - log_v / 2] over ln s by Laplace's method.
    """
    s = (b + (b * b + 4 * a * pixels).sqrt()) / (2 * a)
    peak = pixels * s.log() - 0.5 * (s * s * a - 2 * s * b + c) - 0.5 * log_v
    return peak - 0.5 * (2 * s * s * a - s * b).log()


@dataclass
class Posterior:
    """The posterior of log g of n spectra.

    Attributes:
        mean, sd: (n,) dex.
        quantiles: (n, 4) at 2.5, 16, 84 and 97.5 %.
        ess: (n,) effective sample size of the weights, 1 / sum w^2.
        error: (n,) Monte-Carlo standard error of ``mean``.
        pit: (n,) posterior probability below the true log g; nan where no truth was given.
    """

    mean: np.ndarray
    sd: np.ndarray
    quantiles: np.ndarray
    ess: np.ndarray
    error: np.ndarray
    pit: np.ndarray

    @classmethod
    def join(cls, parts: list["Posterior"]) -> "Posterior":
        """Several, one after the other."""
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in cls.__dataclass_fields__))

    def take(self, index: np.ndarray) -> "Posterior":
        """The spectra at ``index``, in that order."""
        return type(self)(*(getattr(self, f)[index] for f in type(self).__dataclass_fields__))


@dataclass
class Library:
    """Model spectra that fill the prior: labels (N, 3) float64 and flux (N, pixels) float32."""

    labels: Tensor
    flux: Tensor

    @classmethod
    def of(cls, simulator: Simulator, n: int = LIBRARY, seed: int = 0) -> "Library":
        """n spectra on scrambled Sobol points of the prior."""
        labels = sobol_labels(simulator, n, seed)
        return cls(labels, torch.cat([simulator.grid.spectra(part) for part in labels.split(CHUNK)]))


class Likelihood:
    """ln p(y | labels) of spectra of one instrument at one magnitude (or S/N)."""

    def __init__(self, simulator: Simulator, level: float) -> None:
        self.simulator, self.level = simulator, level
        self.pixels = simulator.instrument.wave_axis.n

    def variance(self, flux: Tensor) -> Tensor:
        """(n, pixels) noise variance of model flux (n, pixels)."""
        level = torch.full((len(flux),), self.level, dtype=flux.dtype)
        return self.simulator.instrument.noise.sigma(flux, level).square()

    def of_library(self, y: Tensor, library: Library) -> Tensor:
        """(n, N) float64: spectra y (n, pixels) against every spectrum of the library."""
        y = y.double()
        out = torch.empty(len(y), len(library.flux), dtype=torch.float64)
        for i in range(0, len(library.flux), CHUNK):
            m = library.flux[i : i + CHUNK].double()
            v = self.variance(m)
            weight = m / v
            c = torch.einsum("np,np->n", m, weight)
            a, b = y.square() @ v.reciprocal().T, y @ weight.T
            out[:, i : i + CHUNK] = marginal(a, b, c, v.log().sum(1), self.pixels)
        return out

    def of_labels(self, y: Tensor, labels: Tensor) -> Tensor:
        """(k,) float64: one spectrum y (pixels,) against model spectra at its own labels (k, 3)."""
        m = self.simulator.grid.spectra(labels)
        v = self.variance(m)
        y = y[None]
        # sums of the difference from the model stay small, so that float32 holds them
        e = y - m
        q0, q1, q2 = ((x / v).sum(1, dtype=torch.float64) for x in (e * e, y * e, y * y))
        c = q0 - 2 * q1 + q2  # sum m^2 / v
        return marginal(q2, q2 - q1, c, v.log().sum(1, dtype=torch.float64), self.pixels)


def _proposal(labels: Tensor, log_l: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (n, 3) and Cholesky factor (n, 3, 3) of local proposals, from library weights tempered to spread."""
    temper = torch.ones(len(log_l), 1, dtype=torch.float64)
    for _ in range(30):  # lower the temperature of those whose weights sit on too few library points
        w = (log_l * temper).softmax(1)
        few = w.square().sum(1, keepdim=True) > 1 / 30
        if not few.any():
            break
        temper = torch.where(few, temper * 0.75, temper)
    mean = w @ labels
    second = torch.einsum("nk,ki,kj->nij", w, labels, labels)
    covariance = second - mean[:, :, None] * mean[:, None, :]
    # a tempered likelihood is wider by 1 / temper; undo most of it, and keep a little more than needed
    covariance = covariance * temper[:, :, None].clamp_min(0.2) * 1.5
    scale = covariance.diagonal(dim1=1, dim2=2).clamp_min(1e-12)
    return mean, torch.linalg.cholesky(covariance + torch.diag_embed(scale * 1e-4))


def _t_log_density(x: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """ln density (k,) of a 3-dimensional Student t at x (k, 3)."""
    z = torch.linalg.solve_triangular(factor, (x - mean).T, upper=False).square().sum(0)
    d, nu = 3.0, DEGREES
    norm = math.lgamma((nu + d) / 2) - math.lgamma(nu / 2) - 0.5 * d * math.log(nu * math.pi)
    return norm - factor.diagonal().log().sum() - 0.5 * (nu + d) * (z / nu).log1p()


def _summary(logg: Tensor, weights: Tensor, truth: float | None) -> tuple[float, ...]:
    """mean, sd, four quantiles, ESS, error of the mean, PIT of weighted samples of log g."""
    w = weights / weights.sum()
    mean = float((w * logg).sum())
    variance = float((w * (logg - mean).square()).sum())
    order = logg.argsort()
    g, cumulative = logg[order], w[order].cumsum(0) - 0.5 * w[order]
    at = torch.tensor([0.025, 0.16, 0.84, 0.975], dtype=torch.float64)
    quantiles = g[torch.searchsorted(cumulative, at).clamp_max(len(g) - 1)]
    pit = math.nan if truth is None else float(np.interp(truth, g.numpy(), cumulative.numpy(), left=0, right=1))
    error = float((w.square() * (logg - mean).square()).sum().sqrt())
    return (mean, math.sqrt(variance), *quantiles.tolist(), float(1 / w.square().sum()), error, pit)


def posterior(
    simulator: Simulator, library: Library, y: Tensor, level: float, truth: np.ndarray | None = None, seed: int = 0
) -> Posterior:
    """The posterior of log g of normalised spectra at one magnitude.

    Args:
        y: (n, pixels) as ``Instrument.normalise`` returns it.
        level: the magnitude (or S/N) of all of them.
        truth: (n,) true log g, for the PIT.
        seed: of the local proposals.
    """
    likelihood = Likelihood(simulator, level)
    lo, hi = prior_box(simulator)
    n_library = len(library.labels)
    rows = []
    for start in range(0, len(y), 500):
        part = y[start : start + 500]
        log_l = likelihood.of_library(part, library)
        peak = log_l.max(1, keepdim=True).values
        weights = (log_l - peak).exp()
        ess = weights.sum(1).square() / weights.square().sum(1)
        centre, factor = _proposal(library.labels, log_l)
        for i in range(len(part)):
            keep = weights[i] > 1e-12
            labels, w = library.labels[keep], weights[i][keep]
            if ess[i] < LOCAL_BELOW:
                g = torch.Generator().manual_seed(seed * 1_000_003 + start + i)
                labels, w = _with_local(
                    likelihood, part[i], labels, log_l[i][keep], n_library, centre[i], factor[i], (lo, hi), g
                )
            t = None if truth is None else float(truth[start + i])
            rows.append(_summary(labels[:, 1], w, t))
    table = np.array(rows)
    return Posterior(table[:, 0], table[:, 1], table[:, 2:6], table[:, 6], table[:, 7], table[:, 8])


def _with_local(
    likelihood: Likelihood,
    y: Tensor,
    labels: Tensor,
    log_l: Tensor,
    n_library: int,
    centre: Tensor,
    factor: Tensor,
    box: tuple[Tensor, Tensor],
    g: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Library and local samples of one spectrum with the weights of the balance heuristic.

    A sample at x stands for a mixture of n_library draws from the prior (density 1 / volume) and LOCAL draws
    from the proposal q, so it weighs likelihood / (n_library / volume + LOCAL q(x)).
    """
    lo, hi = box
    normal = torch.randn(LOCAL, 3, generator=g, dtype=torch.float64)
    # chi-square with whole degrees of freedom, as a sum of squares: reproducible from the same generator
    square = torch.randn(LOCAL, int(DEGREES), generator=g, dtype=torch.float64).square().sum(1, keepdim=True)
    drawn = centre + (normal * (DEGREES / square).sqrt()) @ factor.T
    drawn = drawn[((drawn >= lo) & (drawn <= hi)).all(1)]
    log_new = likelihood.of_labels(y, drawn) if len(drawn) else torch.empty(0, dtype=torch.float64)
    every, log_all = torch.cat([labels, drawn]), torch.cat([log_l, log_new])
    flat = n_library / float((hi - lo).prod())
    density = flat + LOCAL * _t_log_density(every, centre, factor).exp()
    return every, (log_all - log_all.max()).exp() / density
