"""Spectra as they are needed: labels from the prior, clean flux from the grid, noise drawn afresh.

Every batch is drawn from a generator seeded by (seed, stream, step), so that a resumed run sees exactly
the spectra that an uninterrupted one sees, and the streams (train, validation, test, ...) never meet.
"""

import hashlib
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model import instruments
from model.grid import AXES, SpectralGrid, load_optical
from model.instruments import Instrument, row_median
from site_builder.contract import BadInput
from site_builder.contract.schema import Prior

SPEED_OF_LIGHT_KMS = 299_792.458

PRIORS = {
    "pfs-mr": Prior(teff=(3750, 6000), logg=(1, 5), mh=(-2.5, 0.75), magnitude=(20, 23), snr=None),
    "lamost": Prior(teff=(3750, 7000), logg=(1, 5), mh=(-2.5, 0.75), magnitude=None, snr=(10, 200)),
}


@dataclass
class Batch:
    """B simulated spectra.

    Attributes:
        labels: (B, 3) teff [K], logg [dex], mh [dex].
        level: (B,) magnitude, or S/N where the instrument has no magnitudes.
        flux: (B, pixels) noisy, divided by its own median (or continuum).
        snr: (B,) median over pixels of clean flux / sigma.
    """

    labels: Tensor
    level: Tensor
    flux: Tensor
    snr: Tensor


def generator(seed: int, stream: str, step: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of one batch: a hash of (seed, stream, step) keeps streams apart.

    Another kind of device draws other numbers from the same seed.
    """
    digest = hashlib.sha256(f"{seed}/{stream}/{step}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)


class Simulator:
    """Makes spectra of one instrument.

    Args:
        instrument: wavelengths, line spread, noise.
        prior: ranges that labels and levels are drawn from.
        grid: synthetic grid at its own resolution; the embedded optical grid if None.

    Raises:
        BadInput: the prior leaves the grid.
    """

    def __init__(self, instrument: Instrument, prior: Prior, grid: SpectralGrid | None = None) -> None:
        self.instrument = instrument
        self.prior = prior
        self.grid = instrument.observe(grid or load_optical())
        for name, (lo, hi) in self.grid.bounds.items():
            a, b = getattr(prior, name)
            if a < lo or b > hi:
                raise BadInput(f"prior: field {name} ({a} to {b}) leaves the grid ({lo} to {hi}); narrow it.")
        # d flux / d ln(lambda) of the nodes: velocity errors of a few tens of km/s are linear in it
        self._slope = None
        self._pool: tuple[tuple[int, int, str] | None, Tensor] = (None, torch.empty(0))  # the last one drawn from
        if instrument.rv_jitter_kms:
            slope = np.gradient(self.grid.nodes.numpy(), np.log(instrument.wave), axis=1)
            self._slope = torch.from_numpy(slope.astype(np.float32))

    @classmethod
    def of(cls, instrument: str) -> "Simulator":
        """Simulator of a named instrument with its prior and the embedded grid."""
        return cls(instruments.get(instrument), PRIORS[instrument])

    @property
    def level_range(self) -> tuple[float, float]:
        """Range of magnitudes or of S/N."""
        chosen = self.prior.magnitude or self.prior.snr
        assert chosen is not None
        return chosen

    def draw_labels(self, n: int, g: torch.Generator) -> Tensor:
        """(n, 3) labels from the uniform priors."""
        lo, hi = torch.tensor([getattr(self.prior, name) for name in AXES], device=g.device).T
        return lo + (hi - lo) * torch.rand(n, 3, generator=g, device=g.device)

    def draw_levels(self, n: int, g: torch.Generator) -> Tensor:
        """(n,) magnitudes (uniform) or S/N (log-uniform)."""
        lo, hi = self.level_range
        u = torch.rand(n, generator=g, device=g.device)
        return lo + (hi - lo) * u if self.prior.magnitude else lo * (hi / lo) ** u

    def clean(self, labels: Tensor) -> Tensor:
        """Noise-free flux (B, pixels), median 1, before normalisation by the instrument."""
        flux = self.grid.spectra(labels)
        return flux / row_median(flux)

    def observe(
        self, labels: Tensor, level: Tensor, g: torch.Generator, jitter: bool = False, rows: slice = slice(None)
    ) -> Batch:
        """Spectra at given labels and levels with fresh noise (and velocity errors if ``jitter``).

        Args:
            rows: the part of the batch to make; each of its spectra is the one that the whole batch has there.
        """
        weights = self.grid.weights(labels[rows])
        flux = weights @ self.grid.nodes
        if jitter and self._slope is not None:
            v = torch.randn(len(labels), 1, generator=g, device=g.device)[rows] * self.instrument.rv_jitter_kms
            flux = flux - (v / SPEED_OF_LIGHT_KMS) * (weights @ self._slope)
        sigma = self.instrument.noise.sigma(flux, level[rows])
        snr = (flux[:, ::8] / sigma[:, ::8]).median(dim=1).values
        noise = torch.randn(len(labels), flux.shape[1], generator=g, device=g.device)[rows]
        noisy = torch.addcmul(flux, sigma, noise)
        return Batch(labels[rows], level[rows], self.instrument.normalise(noisy), snr)

    def batch(
        self, n: int, seed: int, stream: str, step: int = 0, jitter: bool = True, distinct: int | None = None
    ) -> Batch:
        """n fresh spectra of batch ``step`` of a stream; of ``distinct`` fixed sets of labels if given."""
        g = generator(seed, stream, step)
        labels = self.draw_labels(n, g) if distinct is None else self.draw_distinct(n, distinct, seed, g)
        return self.observe(labels, self.draw_levels(n, g), g, jitter)

    def draw_distinct(self, n: int, distinct: int, seed: int, g: torch.Generator) -> Tensor:
        """(n, 3) labels picked from a pool of ``distinct`` that depends on the seed alone."""
        key = (distinct, seed, str(g.device))
        if self._pool[0] != key:
            self._pool = (key, self.draw_labels(distinct, generator(seed, "pool", device=g.device)))
        pool = self._pool[1]
        return pool[torch.randint(distinct, (n,), generator=g, device=g.device)]


def fixed_set(simulator: Simulator, n: int, stream: str, levels: tuple[float, float] | None = None) -> Batch:
    """A validation or test set: seed 0 of its own stream, so every run of every seed is judged on the same.

    Args:
        levels: another range of magnitudes or S/N than the prior's (uniform in magnitude, log-uniform in S/N).
    """
    wanted = simulator
    if levels is not None:
        key = "magnitude" if simulator.prior.magnitude else "snr"
        wanted = copy(simulator)
        wanted.prior = simulator.prior.model_copy(update={key: levels})
    parts = [wanted.batch(min(1000, n - i), 0, stream, i) for i in range(0, n, 1000)]
    return Batch(*(torch.cat([getattr(p, f) for p in parts]) for f in ("labels", "level", "flux", "snr")))
