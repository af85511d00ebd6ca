"""From a spectrum as observed to the pixels of an instrument: rest frame, resampled, gaps bridged."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.instruments import Instrument


def resample(wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rebin a spectrum to pixels with borders ``edges``, weighing by inverse variance.

    Input pixels are spread over the output pixels that they overlap (as boxes). Where output pixels are
    finer than the input, neighbours share information and their noise is correlated.

    Args:
        wave: (n,) increasing, Angstrom.
        flux: (n,).
        ivar: (n,) inverse variance; 0 marks pixels without data.
        edges: (m + 1,) increasing, Angstrom.

    Returns:
        flux and ivar (m,); both 0 where no valid input pixel overlaps.
    """
    borders = np.concatenate(
        [[1.5 * wave[0] - 0.5 * wave[1]], 0.5 * (wave[1:] + wave[:-1]), [1.5 * wave[-1] - 0.5 * wave[-2]]]
    )
    good = ivar > 0
    weight = np.where(good, ivar, 0.0)

    def integral(density: np.ndarray) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(density * np.diff(borders))])
        return np.diff(np.interp(edges, borders, total))

    sum_weight = integral(weight)
    sum_flux = integral(weight * np.where(good, flux, 0.0))
    covered = integral(good.astype(float)) > 0.5 * np.diff(np.clip(edges, borders[0], borders[-1]))
    covered &= (edges[1:] > borders[0]) & (edges[:-1] < borders[-1]) & (sum_weight > 0)
    mean_width = np.interp(0.5 * (edges[1:] + edges[:-1]), wave, np.diff(borders))
    out = np.divide(sum_flux, sum_weight, out=np.zeros(len(covered)), where=covered)
    return out, np.where(covered, sum_weight / mean_width, 0.0)


def fill(flux: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Flux with invalid pixels bridged linearly from their valid neighbours."""
    x = np.arange(len(flux))
    return np.interp(x, x[valid], flux[valid])


@dataclass
class OnPixels:
    """One observed spectrum on an instrument's pixels.

    Attributes:
        flux: (pixels,) normalised as the instrument does; bridged where there is no data.
        sigma: (pixels,) its standard deviation; 0 where there is no data.
        valid: (pixels,) bool.
        snr: median over valid pixels of flux / sigma.
        slope: of the flux per wavelength before it is normalised, as ``slope`` has it, and its standard deviation.
    """

    flux: Tensor
    sigma: Tensor
    valid: Tensor
    snr: float
    slope: tuple[float, float]


def slope(wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray) -> tuple[float, float]:
    """Change of the flux over 1000 Angstrom in units of the flux at 8000 Angstrom, and its standard deviation.

    From a line fitted by weighted least squares; (0, inf) where it is not positive at 8000 Angstrom.

    Args:
        wave, flux: (n,).
        ivar: (n,), 0 where there is no data.
    """
    x = (wave - 8000) / 1000
    m = np.array([[(ivar * x**k).sum() for k in (j, j + 1)] for j in (0, 1)])  # normal equations
    b = np.array([(ivar * flux).sum(), (ivar * flux * x).sum()])
    det = m[0, 0] * m[1, 1] - m[0, 1] ** 2
    if not det > 0:
        return 0.0, np.inf
    level, rise = (m[1, 1] * b[0] - m[0, 1] * b[1]) / det, (m[0, 0] * b[1] - m[0, 1] * b[0]) / det
    return (rise / level, (m[0, 0] / det) ** 0.5 / level) if level > 0 else (0.0, np.inf)


def to_instrument(wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, z: float, instrument: Instrument) -> OnPixels:
    """Rest frame, resampled and normalised.

    Args:
        wave: (n,) increasing vacuum Angstrom, observed frame.
        flux: (n,).
        ivar: (n,), 0 where there is no data.
        z: redshift to divide out.

    Raises:
        ValueError: no pixel of the instrument has data.
        OverflowError: numbers are too large or too small to compute with.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # told below
        on = _on_pixels(*resample(wave / (1 + z), flux, ivar, instrument.edges), instrument)
    if not (np.isfinite([on.snr, on.slope[0]]).all() and on.flux.isfinite().all() and on.sigma.isfinite().all()):
        raise OverflowError("numbers beyond what can be computed with")
    return on


def _on_pixels(f: np.ndarray, i: np.ndarray, instrument: Instrument) -> OnPixels:
    """Resampled flux and inverse variance, (pixels,) each, normalised; not finite where numbers are too large.

    Raises:
        ValueError: no pixel of the instrument has data.
    """
    valid = i > 0
    if not valid.any():
        raise ValueError("no pixel of the instrument has data")
    level = float(np.median(f[valid]))
    if level > 0:  # fluxes may be in any unit, 1e-14 as well as 1000
        f, i = f / level, i * level**2
    bridged = torch.from_numpy(fill(f, valid).astype(np.float32))
    normalised = instrument.normalise(bridged[None])[0]
    # the same division that took the flux to its normalised form takes sigma there
    scale = (normalised.double() / torch.where(bridged == 0, 1.0, bridged).double()).numpy()
    sigma = np.zeros(len(f))
    sigma[valid] = i[valid] ** -0.5 * np.abs(scale[valid])
    good = valid & (sigma > 0)
    snr = float(np.median(normalised.numpy()[good] / sigma[good])) if good.any() else 0.0
    rise = slope(instrument.wave, f, np.where(instrument.used.numpy(), i, 0.0))
    return OnPixels(normalised, torch.from_numpy(sigma.astype(np.float32)), torch.from_numpy(valid), snr, rise)


def vacuum_from_air(wave: np.ndarray) -> np.ndarray:
    """Vacuum wavelengths of air wavelengths (Angstrom), for standard air.

    Source: inverse of Morton (2000, ApJS 130, 403) eq. 8 as fitted by N. Piskunov for VALD3.
    """
    s = 1e4 / np.asarray(wave, np.float64)
    n = (
        1
        + 8.336624212083e-5
        + 2.408926869968e-2 / (130.1065924522 - s**2)
        + 1.599740894897e-4 / (38.92568793293 - s**2)
    )
    return np.asarray(wave * n)
