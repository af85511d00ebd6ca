"""Training spectra varied as real ones vary, so that a network does not lean on what only synthetic spectra have.

Domain randomisation (Tobin et al. 2017, arXiv 1703.06907): each spectrum gets its own line-spread function, velocity
error, continuum error, line depth, sky residual, correlated deviation and gap, so that real spectra look like one
more variation.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model import data
from model.grid import SpectralGrid
from model.instruments import Instrument
from model.simulator import SPEED_OF_LIGHT_KMS, Batch, Simulator, generator
from site_builder.contract.schema import Prior

CONTINUUM_ORDERS = 8


@dataclass(frozen=True)
class Variation:
    """How much training spectra are varied; 0 or () leaves a thing as it is."""

    resolutions: tuple[float, ...] = ()  # lambda / FWHM, one drawn per batch of synthetic spectra
    velocity_kms: float = 0.0  # standard deviation of velocity errors
    continuum: float = 0.0  # sd of ln flux along Legendre polynomial 1; falls as order^-1.5 up to order 8
    depth: float = 0.0  # sd of a factor 1 + e on the depth of all lines
    discrepancy: float = 0.0  # largest sd of correlated relative deviations
    correlation: float = 2.5  # their length, pixels
    sky: float = 0.0  # largest residual of the strongest sky line, over the median flux
    gap: int = 0  # longest run of lost pixels
    noise: float = 0.0  # largest sd of white noise added to observed training spectra

    def words(self) -> dict[str, str]:
        """What is varied, in words, for readers."""
        texts = {
            "resolutions": f"line spread: R drawn from {', '.join(f'{r:g}' for r in self.resolutions)}",
            "velocity_kms": f"velocity: errors of {self.velocity_kms:g} km/s (standard deviation)",
            "continuum": f"continuum: smooth errors of up to order {CONTINUUM_ORDERS}, {self.continuum:g} in the first",
            "depth": f"line depth: one factor for all lines, standard deviation {self.depth:g}",
            "discrepancy": f"model errors: deviations of up to {self.discrepancy:g}, correlated over "
            f"{self.correlation:g} pixels",
            "sky": f"sky: residuals of the sky's emission lines, up to {self.sky:g} in the strongest",
            "gap": f"lost pixels: a run of up to {self.gap}",
            "noise": f"noise: up to {self.noise:g} of the continuum added to observed spectra",
        }
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        found = [texts[name] for name in texts if values[name]]
        return {t.split(": ", 1)[0]: t.split(": ", 1)[1] for t in found}


def sky_template(wave: np.ndarray) -> np.ndarray:
    """(pixels,) sky emission at ``wave`` (vacuum Angstrom), its strongest line 1; 0 where the sky model ends."""
    arrays = data.load("pfs_mr_noise_model.npz")
    at = arrays["wave_nm"] * 10
    step = int(max(1, round(float(np.median(np.diff(wave)) / np.median(np.diff(at))))))
    smooth = np.convolve(arrays["sky_e"], np.ones(step) / step, mode="same")
    sky = np.interp(wave, at, smooth - np.median(smooth), left=0, right=0)
    peak = np.abs(sky).max()
    return np.asarray(sky / peak if peak > 0 else sky)


class Variations:
    """Draws variations of spectra on an instrument's pixels.

    Args:
        mean: (pixels,) what a lost pixel is set to: the mean of training spectra.
    """

    def __init__(self, instrument: Instrument, variation: Variation, mean: Tensor) -> None:
        self.instrument, self.variation, self.mean = instrument, variation, mean
        n = instrument.wave_axis.n
        legendre = np.polynomial.legendre.legvander(np.linspace(-1, 1, n), CONTINUUM_ORDERS)[:, 1:].T
        fall = np.arange(1, CONTINUUM_ORDERS + 1)[:, None] ** -1.5
        self._smooth = torch.from_numpy((legendre * fall).astype(np.float32))
        self._sky = torch.from_numpy(sky_template(instrument.wave).astype(np.float32))
        reach = int(4 * variation.correlation)
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / variation.correlation) ** 2)
        self._kernel = (kernel / kernel.norm())[None, None]

    def before_noise(self, flux: Tensor, g: torch.Generator) -> Tensor:
        """Flux (B, pixels) with continuum, line depths, deviations and sky as a real spectrum might have them."""
        v, n = self.variation, len(flux)
        if v.depth:
            lines = self.instrument.normalise(flux) - 1
            flux = flux * (1 + lines * v.depth * torch.randn(n, 1, generator=g))
        if v.continuum:
            orders = torch.randn(n, CONTINUUM_ORDERS, generator=g) * v.continuum
            flux = flux * torch.exp(orders @ self._smooth)
        if v.discrepancy:
            white = torch.randn(n, 1, flux.shape[1], generator=g)
            wander = F.conv1d(white, self._kernel, padding="same")[:, 0]
            flux = flux * (1 + v.discrepancy * torch.rand(n, 1, generator=g) * wander)
        if v.sky:
            flux = flux + (2 * torch.rand(n, 1, generator=g) - 1) * v.sky * self._sky
        return flux

    def lose(self, flux: Tensor, g: torch.Generator) -> Tensor:
        """Normalised flux (B, pixels) with a run of pixels of each spectrum lost."""
        v, pixels = self.variation, flux.shape[1]
        if not v.gap:
            return flux
        start = torch.randint(pixels, (len(flux), 1), generator=g)
        length = (v.gap * torch.rand(len(flux), 1, generator=g)).long()
        at = torch.arange(pixels)
        return torch.where((at >= start) & (at < start + length), self.mean, flux)

    def of_observed(self, flux: Tensor, g: torch.Generator) -> Tensor:
        """Normalised observed spectra (B, pixels), varied anew for each presentation."""
        v, n = self.variation, len(flux)
        if v.velocity_kms:
            step = float(np.median(np.diff(np.log(self.instrument.wave)))) * SPEED_OF_LIGHT_KMS
            shift = torch.randn(n, 1, generator=g) * v.velocity_kms / step
            flux = flux - shift * torch.gradient(flux, dim=1)[0]
        if v.continuum:
            orders = torch.randn(n, CONTINUUM_ORDERS, generator=g) * v.continuum
            flux = self.instrument.normalise(flux * torch.exp(orders @ self._smooth))
        if v.noise:
            flux = flux + v.noise * torch.rand(n, 1, generator=g) * torch.randn(flux.shape, generator=g)
        return self.lose(flux, g)


class VariedSimulator(Simulator):
    """A simulator whose training spectra (``jitter``) are varied; validation and test spectra are not.

    Args:
        variation: None: training spectra get the instrument's velocity errors and noise alone.
    """

    def __init__(self, instrument: Instrument, prior: Prior, grid: SpectralGrid, variation: Variation | None) -> None:
        super().__init__(instrument, prior, grid)
        self._at: list[Simulator] = []
        self._variations: Variations | None = None
        if variation is not None:
            resolutions = variation.resolutions or (instrument.resolution,)
            self._at = [Simulator(replace(instrument, resolution=r), prior, grid) for r in resolutions]
            clean = self.clean(self.draw_labels(2048, generator(0, "mean")))
            self._variations = Variations(instrument, variation, instrument.normalise(clean).mean(0))

    def observe(
        self, labels: Tensor, level: Tensor, g: torch.Generator, jitter: bool = False, rows: slice = slice(None)
    ) -> Batch:
        """As ``Simulator.observe``; with ``jitter`` each spectrum is varied."""
        varied = self._variations
        if varied is None or not jitter:
            return super().observe(labels, level, g, jitter, rows)
        chosen = self._at[int(torch.randint(len(self._at), (1,), generator=g))]
        weights = chosen.grid.weights(labels)
        flux = weights @ chosen.grid.nodes
        if chosen._slope is not None:
            v = torch.randn(len(labels), 1, generator=g) * varied.variation.velocity_kms
            flux = flux - (v / SPEED_OF_LIGHT_KMS) * (weights @ chosen._slope)
        flux = varied.before_noise(flux, g)
        sigma = self.instrument.noise.sigma(flux, level)
        snr = (flux / sigma).median(dim=1).values
        noisy = torch.addcmul(flux, sigma, torch.randn(flux.shape, generator=g))
        flux = varied.lose(self.instrument.normalise(noisy), g)
        return Batch(labels[rows], level[rows], flux[rows], snr[rows])
