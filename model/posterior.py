"""The exact posterior of log g for simulated spectra, by importance sampling.

The noise is Gaussian and known, the prior is a box and the spectra come from a grid, so the posterior of the
labels given a spectrum is computable, and its mean is the estimator with the least mean squared error: the
Bayes limit. Every spectrum is compared with one library of model spectra (two matrix products give all
chi-squares); where its weights are too few, labels are drawn from a local proposal as well, and both samples
are joined by the balance heuristic (Veach & Guibas 1995, SIGGRAPH 95, eq. 8; Owen 2013, "Monte Carlo theory,
methods and examples", chapter 9).

Two likelihoods are here. ``Exact`` is what the text says, pixel by pixel in double precision. ``Compressed`` is
some hundred times faster and serves everything but the checks: model spectra are few principal components, and
the variance per pixel is that of the spectrum's own projection on the leading ones instead of each model
spectrum's. ``limits.method_checks`` measures the difference.

An observed spectrum y is the noisy one divided by its own median s, which is not known. With model flux m and
variance v per pixel, p(y | labels) = integral over s of s^(P - 1) prod_i N(s y_i; m_i, v_i); the integrand is
Gaussian in ln s to high accuracy (its width is below 0.01), so the integral is done by Laplace's method.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from model.grid import AXES
from model.simulator import Simulator

LIBRARY = 32_768
LOCAL = (256, 1024, 4096)  # local draws of the first, second and third try
ENOUGH = 100.0  # effective samples that make a try the last one
DEGREES = 5.0  # of freedom of the proposal's Student t
CHUNK = 8192  # model spectra in memory in double precision
PILOT = 12  # components of the estimate that variances are taken from
BASIS = 1536  # model spectra that the components are found from
TOLERANCE = 5e-3


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


class Exact:
    """ln p(y | labels) of spectra of one instrument at one magnitude, pixel by pixel."""

    def __init__(self, simulator: Simulator, level: float) -> None:
        self.simulator, self.level = simulator, level
        self.pixels = simulator.instrument.wave_axis.n

    def __call__(self, y: Tensor, labels: Tensor) -> Tensor:
        """(n, N) float64: spectra y (n, pixels) against model spectra at labels (N, 3)."""
        y = y.double()
        out = torch.empty(len(y), len(labels), dtype=torch.float64)
        for i in range(0, len(labels), CHUNK):
            m = self.simulator.grid.spectra(labels[i : i + CHUNK]).double()
            level = torch.full((len(m),), self.level, dtype=torch.float64)
            v = self.simulator.instrument.noise.sigma(m, level).square()
            weight = m / v
            c = torch.einsum("np,np->n", m, weight)
            a, b = y.square() @ v.reciprocal().T, y @ weight.T
            out[:, i : i + CHUNK] = marginal(a, b, c, v.log().sum(1), self.pixels)
        return out


@dataclass
class Seen:
    """What ``Compressed`` keeps of n spectra: all that ln p(y | labels) depends on."""

    weight: Tensor  # (n, P) 1 / variance
    cross: Tensor  # (n, K) sum of weight * (y - mean) * basis
    amplitude: Tensor  # (n, K) sum of weight * y * basis
    q1: Tensor  # (n, 1) sum of weight * y * (y - mean)
    q2: Tensor  # (n, 1) sum of weight * y^2

    def __getitem__(self, index: slice) -> "Seen":
        return Seen(*(getattr(self, f)[index] for f in Seen.__dataclass_fields__))


@dataclass(frozen=True)
class Components:
    """Principal directions (P, K) of spectra, and what leaving out those from each on leaves out (K,), squared."""

    directions: Tensor
    left: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Components":
        """Of x (N, P)."""
        # by the Gram matrix of spectra, several times as fast as a decomposition of x; in double precision, so that
        # directions down to a millionth of the first are as exact as x is
        wide = x.double()
        squares, rows = (found.flip(-1) for found in torch.linalg.eigh(wide @ wide.T))
        kept = squares > 1e-12 * squares[0]
        squares = squares[kept]
        directions = wide.T @ rows[:, kept] / squares.sqrt()
        return cls(directions.to(x.dtype), (squares.flip(0).cumsum(0).flip(0) / len(x)).to(x.dtype))

    def leaving(self, tolerance: float) -> Tensor:
        """(P, K) leading directions, as many as leave out no more than the tolerance."""
        return self.directions[:, : int((self.left > tolerance**2).sum())].contiguous()


@dataclass(frozen=True)
class Directions:
    """What spectra of an instrument, in units of the noise at its brightest level, are compressed with."""

    mean: Tensor  # (P,) mean spectrum
    sigma: Tensor  # (P,) noise of the mean spectrum
    spectra: Components  # of (spectrum - mean) / sigma
    squares: Components  # of its squares


@lru_cache(maxsize=2)  # the limits, the teacher and the template fit of a run share them
def _directions(simulator: Simulator) -> Directions:
    assert simulator.prior.magnitude is not None
    sample = simulator.grid.spectra(sobol_labels(simulator, BASIS, 0))
    mean = sample.mean(0)
    brightest = torch.tensor([simulator.prior.magnitude[0]])
    sigma = simulator.instrument.noise.sigma(mean[None], brightest)[0]
    delta = (sample - mean) / sigma
    return Directions(mean, sigma, Components.of(delta), Components.of(delta.square()))


class Compressed:
    """ln p(y | labels) for spectra of any magnitudes from products of a few hundred numbers.

    With residual r = y - mean and model d = m - mean, both small, and the amplitude error e = s - 1,
    chi-square = q0 + 2 e q1 + e^2 q2 with q0 = sum w (r - d)^2, q1 = sum w y (r - d), q2 = sum w y^2; the
    integral over e is Gaussian.

    Args:
        simulator: of an instrument with magnitudes.
        labels: (N, 3) of the library that every spectrum is compared with, from ``sobol_labels``.
        tolerance: root of the sum over pixels of what the compression may leave out, squared, in units of the noise.
    """

    def __init__(self, simulator: Simulator, labels: Tensor, tolerance: float = TOLERANCE) -> None:
        assert simulator.prior.magnitude is not None
        self.simulator, self.labels = simulator, labels
        grid = simulator.grid
        found = _directions(simulator)
        self.mean, self.sigma = found.mean, found.sigma
        scaled = found.spectra.leaving(tolerance)
        self.nodes = ((grid.nodes - self.mean) / self.sigma) @ scaled  # spline weights sum to 1
        self.basis = scaled * self.sigma[:, None]
        self.pilot = self.basis[:, :PILOT]
        self.pairs = (self.pilot[:, :, None] * self.pilot[:, None, :]).flatten(1)  # for the normal equations
        squares = found.squares.leaving(tolerance)
        self.squares = squares * self.sigma.square()[:, None]
        self.first = self.coefficients(labels)
        self.second = torch.cat([((part @ scaled.T).square_()) @ squares for part in self.first.split(CHUNK)])

    def coefficients(self, labels: Tensor) -> Tensor:
        """(N, K) of model spectra at labels (N, 3)."""
        return self.simulator.grid.weights(labels) @ self.nodes

    def see(self, y: Tensor, level: Tensor) -> Seen:
        """Reduce normalised spectra y (n, P) at magnitudes (n,)."""
        r = y - self.mean
        # weighted least squares on the leading components, with the variances of the mean spectrum
        sigma = self.simulator.instrument.noise.sigma(self.mean.expand(len(y), -1), level)
        inverse = sigma.square().reciprocal()
        gram = (inverse @ self.pairs).view(-1, PILOT, PILOT)
        estimate = self.mean + torch.linalg.solve(gram, (r * inverse) @ self.pilot) @ self.pilot.T
        w = self.simulator.instrument.noise.sigma(estimate, level).square().reciprocal()
        wr, wy = w * r, w * y
        return Seen(w, wr @ self.basis, wy @ self.basis, (wy * r).sum(1, keepdim=True), (wy * y).sum(1, keepdim=True))

    def of_library(self, seen: Seen, n: int | None = None) -> Tensor:
        """(k, n): k spectra against the first n of the library."""
        first, second = self.first[:n], self.second[:n]
        product = seen.cross @ first.T - 0.5 * ((seen.weight @ self.squares) @ second.T)
        return product.add_(self._over_amplitude(seen, first))

    def of_coefficients(self, seen: Seen, c: Tensor) -> Tensor:
        """(1, N): one spectrum against model spectra with coefficients (N, K), drawn for it alone."""
        metric = (self.basis * seen.weight.T).T @ self.basis
        quadratic = ((c @ metric) * c).sum(1)
        return seen.cross @ c.T - 0.5 * quadratic + self._over_amplitude(seen, c)

    def _over_amplitude(self, seen: Seen, c: Tensor) -> Tensor:
        pixels = self.basis.shape[0]
        return 0.5 * (pixels - seen.q1 + seen.amplitude @ c.T).square_() / (seen.q2 + pixels)


def _proposal(labels: Tensor, log_l: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and Cholesky factor (3, 3) of a local proposal, from library weights (N,) tempered to spread."""
    temper = 1.0
    near = log_l > log_l.max() - 200
    labels, log_l = labels[near], log_l[near]
    while True:
        w = (log_l * temper).softmax(0)
        if float(w.square().sum()) < 1 / 30 or temper < 1e-3:
            break
        temper *= 0.7
    mean = w @ labels
    centred = labels - mean
    # a tempered likelihood is wider by 1 / temper; undo most of it, and keep a little more than needed
    return mean, _factor((centred.T * w) @ centred * max(temper, 0.2) * 1.5)


def _factor(covariance: Tensor) -> Tensor:
    """Cholesky factor of covariances (..., 3, 3), kept positive where samples were too few."""
    scale = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(1e-12)
    return torch.linalg.cholesky(covariance + torch.diag_embed(scale * 1e-4))


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


@dataclass
class _Samples:
    """Weighted draws from the posterior of one spectrum: labels (k, 3), ln likelihood (k,), weights (k,)."""

    labels: Tensor
    log_l: Tensor
    weights: Tensor

    @property
    def ess(self) -> float:
        return float(self.weights.sum().square() / self.weights.square().sum())

    def fit(self) -> tuple[Tensor, Tensor]:
        """Mean (3,) and Cholesky factor (3, 3) of the draws, a little wider than they are."""
        w = self.weights / self.weights.sum()
        mean = w @ self.labels
        centred = self.labels - mean
        return mean, _factor((centred.T * w) @ centred * 1.3)


def posterior(
    likelihood: Compressed, y: Tensor, level: Tensor, truth: np.ndarray | None = None, seed: int = 0
) -> Posterior:
    """The posterior of log g of normalised spectra.

    Args:
        y: (n, pixels) as ``Instrument.normalise`` returns it.
        level: (n,) magnitudes.
        truth: (n,) true log g, for the PIT.
        seed: of the local proposals.
    """
    rows = []
    library = likelihood.labels
    for start in range(0, len(y), 200):
        seen = likelihood.see(y[start : start + 200], level[start : start + 200])
        log_l = likelihood.of_library(seen).double()
        weights = (log_l - log_l.max(1, keepdim=True).values).exp()
        for i in range(len(log_l)):
            keep = weights[i] > 1e-9
            samples = _Samples(library[keep], log_l[i][keep], weights[i][keep])
            if samples.ess < ENOUGH:
                samples = _refine(likelihood, seen[i : i + 1], samples, _proposal(library, log_l[i]), seed + start + i)
            t = None if truth is None else float(truth[start + i])
            rows.append(_summary(samples.labels[:, 1], samples.weights, t))
    table = np.array(rows)
    return Posterior(table[:, 0], table[:, 1], table[:, 2:6], table[:, 6], table[:, 7], table[:, 8])


def _refine(
    likelihood: Compressed, seen: Seen, known: _Samples, proposal: tuple[Tensor, Tensor], seed: int
) -> _Samples:
    """Add local draws until there are enough effective samples, fitting the proposal anew each time."""
    g = torch.Generator().manual_seed(seed)
    samples = known
    for draws in LOCAL:
        samples = _with_local(likelihood, seen, known, proposal, draws, g)
        if samples.ess >= ENOUGH:
            break
        proposal = samples.fit()
    return samples


def _with_local(
    likelihood: Compressed,
    seen: Seen,
    known: _Samples,
    proposal: tuple[Tensor, Tensor],
    draws: int,
    g: torch.Generator,
) -> _Samples:
    """Library and local samples of one spectrum with the weights of the balance heuristic.

    A sample at x stands for a mixture of N library draws from the prior (density 1 / volume) and ``draws`` draws
    from the proposal q, so it weighs likelihood / (N / volume + draws q(x)).
    """
    lo, hi = prior_box(likelihood.simulator)
    centre, factor = proposal
    normal = torch.randn(draws, 3, generator=g, dtype=torch.float64)
    # chi-square with whole degrees of freedom, as a sum of squares: reproducible from the same generator
    square = torch.randn(draws, int(DEGREES), generator=g, dtype=torch.float64).square().sum(1, keepdim=True)
    drawn = centre + (normal * (DEGREES / square).sqrt()) @ factor.T
    drawn = drawn[((drawn >= lo) & (drawn <= hi)).all(1)]
    labels = torch.cat([known.labels, drawn])
    new = likelihood.of_coefficients(seen, likelihood.coefficients(drawn))[0].double()
    log_l = torch.cat([known.log_l, new])
    flat = len(likelihood.labels) / float((hi - lo).prod())
    density = flat + draws * _t_log_density(labels, centre, factor).exp()
    return _Samples(labels, log_l, (log_l - log_l.max()).exp() / density)
