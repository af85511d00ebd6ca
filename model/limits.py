"""How much log g a noisy spectrum holds: the Cramer-Rao bound, the Bayes limit, and the checks of both.

The Cramer-Rao bound (Fisher matrix from exact derivatives, amplitude among the nuisances, marginalised) binds
unbiased estimators only; the Bayes limit, the error of the posterior mean, binds all of them on average over
the prior. References: Ting et al. 2017, ApJ 843, 32 (arXiv 1706.00111); Sandford et al. 2020, ApJS 249, 24
(arXiv 2006.08640); Ben-Haim & Eldar 2009, IEEE Trans. Inf. Theory 55, 5179 (arXiv 0804.4391).
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.stats import kstest
from torch import Tensor

from model import data
from model.grid import AXES, OPTICAL, SpectralGrid, SplineAxis, from_npz_arrays, load_optical
from model.metrics import bootstrap, paired_gap
from model.posterior import LIBRARY, Compressed, Exact, Posterior, posterior, prior_box, sobol_labels
from model.simulator import Batch, Simulator, generator
from site_builder.contract.schema import Crlb, Gap, Interval, LimitBin, LimitsFile, Provenance, SelfCheck

METHOD = (
    "posterior over Teff, log g and [M/H] by importance sampling: a library of model spectra that fills the prior, "
    "local Student t proposals where fewer than 100 effective samples fall on it, both joined by the balance "
    "heuristic; the amplitude is integrated out"
)


class Abundances:
    """Derivatives of the observed flux with [alpha/M] and [C/M], from the coarse extension of the grid.

    Finite differences between grid nodes that differ in one abundance alone (0.4 dex in [alpha/M], 0.9 dex in
    [C/M]), interpolated over the coarse Teff, log g and [M/H]; beyond the hottest coarse node its value holds.
    """

    def __init__(self, simulator: Simulator) -> None:
        arrays = data.load(OPTICAL)
        axes = [arrays[f"ext_{name}"].astype(np.float64) for name in AXES]
        base = load_optical()
        picks = [np.searchsorted(full.nodes, coarse) for full, coarse in zip(base.axes, axes, strict=True)]
        shape = tuple(len(a.nodes) for a in base.axes)
        solar = base.nodes.view(*shape, -1).numpy()[np.ix_(*picks)]
        varied = []
        for i in range(len(arrays["ext_alpha_m"])):
            one = {k: arrays[k] for k in ("wave_vac", "flux_scale", "cont_wave_vac")}
            one |= dict(zip(AXES, axes, strict=True))
            one |= {"flux_u16": arrays["ext_flux_u16"][i], "continuum": arrays["ext_continuum"][i]}
            one["valid"] = arrays["ext_valid"][i]
            varied.append(from_npz_arrays(one, OPTICAL).nodes.view(*(len(a) for a in axes), -1).numpy())
        ratios = list(zip(arrays["ext_alpha_m"].tolist(), arrays["ext_c_m"].tolist(), strict=True))
        flux = {(0.0, 0.0): solar} | dict(zip(ratios, varied, strict=True))
        observed = {
            key: simulator.instrument.observe(SpectralGrid.from_arrays(base.wave, value, axes)).nodes
            for key, value in flux.items()
        }
        alpha = max(ratios)[0]
        carbon = sorted(c for a, c in ratios if a == 0)
        self.slopes = (
            (observed[(alpha, 0.0)] - observed[(0.0, 0.0)]) / alpha,
            (observed[(0.0, carbon[-1])] - observed[(0.0, carbon[0])]) / (carbon[-1] - carbon[0]),
        )
        self.axes = [SplineAxis(a) for a in axes]

    def jacobian(self, labels: Tensor) -> Tensor:
        """d flux / d ([alpha/M], [C/M]) at labels (n, 3): (n, 2, pixels), per dex."""
        inside = [labels[:, i].clamp(float(a.nodes[0]), float(a.nodes[-1])) for i, a in enumerate(self.axes)]
        t, g, m = (axis.weights(x) for axis, x in zip(self.axes, inside, strict=True))
        weights = (t[:, :, None, None] * g[:, None, :, None] * m[:, None, None, :]).flatten(1).float()
        return torch.stack([weights @ slope for slope in self.slopes], dim=1)


def crlb(simulator: Simulator, abundances: Abundances, labels: Tensor, level: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Cramer-Rao bound on sigma(log g) with 3 and with 5 labels, (n,) dex each.

    I_kl = sum over pixels of d_k f d_l f / sigma^2 for the labels and the amplitude; the bound is the root of
    the log g entry of its inverse, which marginalises over everything else (Schur complement).
    """
    three: list[Tensor] = []
    five: list[Tensor] = []
    for part, m in zip(labels.split(500), level.split(500), strict=True):
        flux = simulator.grid.spectra(part)
        sigma = simulator.instrument.noise.sigma(flux, m)
        rows = torch.cat([simulator.grid.jacobian(part), flux[:, None], abundances.jacobian(part)], 1)
        rows = (rows / sigma[:, None]).double()
        scale = rows.square().sum(2).sqrt().clamp_min(1e-30)  # unit diagonal: K and dex differ by thousands
        rows = rows / scale[:, :, None]
        fisher = rows @ rows.transpose(1, 2)
        for n, out in ((4, three), (6, five)):
            inverse = torch.linalg.inv(fisher[:, :n, :n])
            out.append(inverse[:, 1, 1].sqrt() / scale[:, 1])
    return torch.cat(three).numpy(), torch.cat(five).numpy()


def prior_sd(simulator: Simulator) -> float:
    """Standard deviation of the uniform prior of log g, dex."""
    lo, hi = simulator.prior.logg
    return (hi - lo) / math.sqrt(12)


@dataclass
class Limits:
    """What any estimator can know of the spectra of one set; arrays have one entry per star."""

    posterior: Posterior
    crlb3: np.ndarray
    crlb5: np.ndarray
    library: int
    seconds: float

    @classmethod
    def of(cls, simulator: Simulator, batch: Batch, likelihood: Compressed, abundances: Abundances) -> "Limits":
        """Limits of the spectra of a batch."""
        started = time.perf_counter()
        found = posterior(likelihood, batch.flux, batch.level, batch.labels[:, 1].numpy())
        three, five = crlb(simulator, abundances, batch.labels, batch.level)
        return cls(found, three, five, len(likelihood.labels), time.perf_counter() - started)

    @classmethod
    def join(cls, parts: list["Limits"]) -> "Limits":
        """Those of several sets, one after the other."""
        joined = [np.concatenate([getattr(p, k) for p in parts]) for k in ("crlb3", "crlb5")]
        seconds = sum(p.seconds for p in parts)
        return cls(Posterior.join([p.posterior for p in parts]), joined[0], joined[1], parts[0].library, seconds)

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz)."""
        rest = {k: getattr(self, k) for k in ("crlb3", "crlb5", "library", "seconds")}
        rest |= {f: getattr(self.posterior, f) for f in Posterior.__dataclass_fields__}
        data.write_npz(path, **rest)

    @classmethod
    def load(cls, path: Path) -> "Limits":
        """Read what ``save`` wrote."""
        a = data.read_npz(path)
        found = Posterior(*(a[f] for f in Posterior.__dataclass_fields__))
        return cls(found, a["crlb3"], a["crlb5"], int(a["library"]), float(a["seconds"]))


def _crlb_summary(sigma: np.ndarray, labels: Literal[3, 5], sd: float) -> Crlb:
    middle, lo, hi = (float(v) for v in np.percentile(sigma, [50, 10, 90]))
    r2 = [round(1 - (s / sd) ** 2, 6) for s in (middle, hi, lo)]
    return Crlb(
        labels=labels,
        sigma=round(middle, 6),
        sigma_lo=round(lo, 6),
        sigma_hi=round(hi, 6),
        r2=r2[0],
        r2_lo=r2[1],
        r2_hi=r2[2],
    )


def limit_bin(limits: Limits, kind: str, label: str, inside: np.ndarray, truth: np.ndarray, snr: np.ndarray,
              sd: float, resamples: int) -> LimitBin:  # fmt: skip
    """The limits on the stars of one bin; columns are rounded as exported."""
    p = limits.posterior.take(np.flatnonzero(inside))
    mean, t = p.mean.round(4), truth[inside]
    table = bootstrap(t, mean, resamples).round(6)
    n, spread = len(t), float(np.square(t - t.mean()).mean())
    # the error e of each posterior mean adds e^2 and 2 e (mean - truth) to its squared error
    bias = float(np.square(p.error).mean())
    scatter = 2 * math.sqrt(float(np.sum(np.square(p.error * (mean - t))))) / n
    return LimitBin(
        slice=kind,
        label=label,
        n=n,
        median_snr=round(float(np.median(snr[inside])), 4),
        r2=Interval(value=table[0, 0], lo=table[1, 0], hi=table[2, 0]),
        r2_se=round(math.hypot(bias, scatter) / spread, 6),
        rmse=Interval(value=table[0, 1], lo=table[1, 1], hi=table[2, 1]),
        posterior_sd=round(float(np.sqrt(np.square(p.sd.round(4)).mean())), 6),
        ess_median=round(float(np.median(p.ess.round(1))), 1),
        ess_p1=round(float(np.percentile(p.ess.round(1), 1)), 1),
        pit_ks=round(float(kstest(p.pit.round(4), "uniform").statistic), 6),
        crlb=[_crlb_summary(limits.crlb3[inside], 3, sd), _crlb_summary(limits.crlb5[inside], 5, sd)],
    )


def grid_integral(simulator: Simulator, y: Tensor, level: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and sd (n,) by brute force: the exact likelihood on a regular grid over the whole prior.

    Args:
        points: grid points an axis (log g; half as many along the others), at cell centres.
    """
    lo, hi = prior_box(simulator)
    counts = (points // 2, points, points // 2)
    ticks = [a + (b - a) * (torch.arange(n) + 0.5) / n for a, b, n in zip(lo, hi, counts, strict=True)]
    labels = torch.cartesian_prod(*ticks).double()
    weights = Exact(simulator, level)(y, labels).softmax(1)
    mean = weights @ labels[:, 1]
    return mean.numpy(), (weights @ labels[:, 1].square() - mean.square()).clamp_min(0).sqrt().numpy()


GRID_LEVEL, GRID_STARS, GRID_POINTS = 22.75, 48, 48  # spectra that so coarse a grid can integrate
EXACT_LEVEL, EXACT_STARS, EXACT_LIBRARY = 20.5, 200, 16_384


def set_checks(limits: Limits, truth: np.ndarray) -> list[SelfCheck]:
    """Checks of the posteriors of one set with true log g (n,); the builder refuses one that fails."""
    p, n = limits.posterior, len(truth)
    square = np.square(p.mean - truth)
    return [
        SelfCheck(
            name="variance",
            text="Mean posterior variance over mean squared error of the posterior mean, all spectra of the set; "
            "1 if the posterior is right (tolerance: three standard errors).",
            value=round(float(np.square(p.sd).mean() / square.mean()), 5),
            expected=1.0,
            tolerance=round(3 * float(square.std() / square.mean()) / math.sqrt(n), 5),
        ),
        SelfCheck(
            name="pit",
            text="Largest distance of the distribution of the posterior probability below the true log g from uniform "
            "(Kolmogorov-Smirnov; tolerance: its 99 % point).",
            value=round(float(kstest(p.pit, "uniform").statistic), 5),
            expected=0.0,
            tolerance=round(1.628 / math.sqrt(n), 5),
        ),
        SelfCheck(
            name="effective-samples",
            text="Share of spectra with fewer than 50 effective samples.",
            value=round(float((p.ess < 50).mean()), 6),
            expected=0.0,
            tolerance=0.01,
        ),
    ]


def method_checks(simulator: Simulator, likelihood: Compressed, cut: int = 1) -> list[SelfCheck]:
    """Checks of the method on spectra of their own; ``cut`` divides their number."""
    return [_grid_check(simulator, likelihood, cut), _compression_check(simulator, cut)]


def _grid_check(simulator: Simulator, likelihood: Compressed, cut: int) -> SelfCheck:
    stars, points = max(8, GRID_STARS // cut), max(24, GRID_POINTS // cut)
    batch = _spectra(simulator, stars, GRID_LEVEL)
    brute, brute_sd = grid_integral(simulator, batch.flux, GRID_LEVEL, points)
    sampled = posterior(likelihood, batch.flux, batch.level)
    return SelfCheck(
        name="grid-integral",
        text=f"Posterior means of {stars} spectra of magnitude {GRID_LEVEL:g} against a brute-force integral over "
        f"{(points // 2) ** 2 * points} grid points: rms difference in posterior standard deviations (tolerance: "
        "three times the Monte-Carlo error of the sampling).",
        value=round(float(np.sqrt(np.mean(np.square((sampled.mean - brute) / brute_sd)))), 5),
        expected=0.0,
        tolerance=round(3 * float(np.sqrt(np.mean(np.square(sampled.error / brute_sd)))), 5),
    )


def _compression_check(simulator: Simulator, cut: int) -> SelfCheck:
    stars, library = max(40, EXACT_STARS // cut), max(2048, EXACT_LIBRARY // cut)
    batch = _spectra(simulator, stars, EXACT_LEVEL)
    points = sobol_labels(simulator, library, 3)
    logg, true = points[:, 1], batch.labels[:, 1].double()
    exact = Exact(simulator, EXACT_LEVEL)(batch.flux, points).softmax(1) @ logg
    compressed = Compressed(simulator, points)
    fast = compressed.of_library(compressed.see(batch.flux, batch.level)).double().softmax(1) @ logg
    spread = float((true - true.mean()).square().mean())
    lost = float(((fast - true).square().mean() - (exact - true).square().mean()) / spread)
    return SelfCheck(
        name="compression",
        text=f"R2 lost by the compressed likelihood against the exact one on the same {library} library spectra, "
        f"{stars} spectra of magnitude {EXACT_LEVEL:g}.",
        value=round(lost, 6),
        expected=0.0,
        tolerance=0.001,
    )


def _spectra(simulator: Simulator, n: int, level: float) -> Batch:
    g = generator(0, f"limit-checks/{level:g}")
    labels = simulator.draw_labels(n, g)
    return simulator.observe(labels, torch.full((n,), level), g)


def limits_file(
    limits: Limits,
    name: str,
    provenance: Provenance,
    truth: np.ndarray,
    snr: np.ndarray,
    bins: list[tuple[str, str, np.ndarray]],
    predicted: dict[str, np.ndarray],
    sd: float,
    self_checks: list[SelfCheck],
    resamples: int,
) -> LimitsFile:
    """The exported file of one set.

    Args:
        bins: (slice, label, mask) of each bin, ``all`` first.
        predicted: (n,) log g of every model, rounded as exported.
    """
    p = limits.posterior
    mean = p.mean.round(4)
    gaps = []
    for kind, label, inside in bins:
        for model, answer in predicted.items():
            value, lo, hi = paired_gap(truth[inside], mean[inside], answer[inside], resamples)
            interval = Interval(value=round(value, 6), lo=round(lo, 6), hi=round(hi, 6))
            gaps.append(Gap(model=model, slice=kind, label=label, r2=interval))
    return LimitsFile(
        provenance=provenance,
        set=name,
        method=METHOD,
        prior_sd=round(sd, 6),
        library=limits.library,
        seconds=round(limits.seconds, 1),
        bins=[limit_bin(limits, *b, truth, snr, sd, resamples) for b in bins],
        gaps=gaps,
        checks=self_checks,
        posterior_mean=mean.tolist(),
        posterior_sd=p.sd.round(4).tolist(),
        ess=p.ess.round(1).tolist(),
        pit=p.pit.round(4).tolist(),
    )


def prepare(simulator: Simulator) -> tuple[Compressed, Abundances]:
    """What the limits of every set share."""
    return Compressed(simulator, sobol_labels(simulator, LIBRARY, 0)), Abundances(simulator)
