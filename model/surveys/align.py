"""Velocities from the Ca II triplet, for spectra whose catalogue gives none or a poor one."""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from model.grid import AXES, load_optical
from model.instruments import FWHM
from model.resample import fill
from model.surveys import ObservedSpectra
from model.surveys.reading import C_KMS

REGION = (8480.0, 8685.0)  # vacuum Angstrom: the triplet and its wings
STEP_KMS = 10.0
MAX_KMS = 600.0
MIN_CORRELATION = 0.4
MIN_COVERAGE = 0.8
DEGREE = 3  # of the continuum that is divided out
# labels of the templates: nodes of the grid from hot to cool, giants and dwarfs
TEMPLATES = ((4000.0, 2.0, -0.5), (4500.0, 4.5, 0.0), (5000.0, 3.0, -1.0), (5750.0, 4.0, 0.0), (6750.0, 4.0, -0.5))


def _axis() -> np.ndarray:
    """log wavelength, in steps of STEP_KMS, of REGION and of the velocities that are tried on either side."""
    reach = MAX_KMS / C_KMS
    n = int(np.log(REGION[1] / REGION[0] * (1 + 2 * reach)) * C_KMS / STEP_KMS) + 1
    return np.log(REGION[0]) - reach + STEP_KMS / C_KMS * np.arange(n)


@cache
def _templates(resolution: float) -> np.ndarray:
    """(templates, pixels) synthetic spectra on ``_axis``, broadened to ``resolution``, flat and of mean 0."""
    import torch

    grid, axis = load_optical(), _axis()
    labels = torch.tensor(TEMPLATES, dtype=torch.float64)
    for i, name in enumerate(AXES):
        labels[:, i].clamp_(*grid.bounds[name])
    sigma = C_KMS * np.sqrt(max(resolution**-2.0 - grid.resolution**-2.0, 0.0)) / FWHM / STEP_KMS
    spectra = [np.interp(axis, np.log(grid.wave), s) for s in grid.spectra(labels).double().numpy()]
    return np.array([_flat(gaussian_filter1d(s, sigma) if sigma > 0 else s) for s in spectra])


def _flat(flux: np.ndarray) -> np.ndarray:
    """Flux over its polynomial continuum, less 1; lines (the lower quarter) are left out of the fit."""
    x = np.linspace(-1, 1, len(flux))
    keep = flux > np.quantile(flux, 0.25)
    level = np.polynomial.legendre.legval(x, np.polynomial.legendre.legfit(x[keep], flux[keep], DEGREE))
    return np.asarray(flux / np.where(level > 0, level, 1) - 1)


def velocity(wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, resolution: float) -> tuple[float, float]:
    """Velocity of one spectrum by cross-correlation with synthetic spectra around the Ca II triplet.

    The template that correlates best is taken, and the peak is interpolated by a parabola.

    Args:
        wave: (n,) vacuum Angstrom.
        flux, ivar: (n,); ivar 0 where there is no data.
        resolution: lambda / FWHM.

    Returns:
        velocity [km/s] and correlation; (nan, 0) where less than 80 % of the region has data.
    """
    good, axis = ivar > 0, _axis()
    inside = (wave >= REGION[0]) & (wave <= REGION[1])
    if inside.sum() < 10 or good[inside].mean() < MIN_COVERAGE or wave[0] > REGION[0] or wave[-1] < REGION[1]:
        return float("nan"), 0.0
    spectrum = _flat(np.interp(axis, np.log(wave), fill(flux, good)))
    lags = np.arange(-int(MAX_KMS / STEP_KMS), int(MAX_KMS / STEP_KMS) + 1)
    middle = slice(len(lags) // 2, len(axis) - len(lags) // 2)
    best = (float("nan"), 0.0)
    for template in _templates(resolution):
        model = template[middle] - template[middle].mean()
        moved = np.array([spectrum[middle.start + k : middle.stop + k] for k in lags])
        moved -= moved.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(moved, axis=1) * np.linalg.norm(model)
        r = np.divide(moved @ model, norm, out=np.zeros(len(lags)), where=norm > 0)
        peak = int(np.argmax(r))
        if r[peak] > best[1] and 0 < peak < len(lags) - 1:
            curve = r[peak - 1] - 2 * r[peak] + r[peak + 1]
            shift = 0.5 * (r[peak - 1] - r[peak + 1]) / curve if curve < 0 else 0.0
            best = (float((lags[peak] + shift) * STEP_KMS), float(r[peak]))
    return best


def align(spectra: ObservedSpectra) -> np.ndarray:
    """Redshift (N,) of each spectrum as its Ca II triplet gives it, in place of ``spectra.z``.

    Where the triplet is not covered or correlates by less than 0.4 with every template, ``spectra.z`` is kept.
    """
    out = np.array(spectra.z, np.float64)
    for i in range(len(spectra)):
        v, r = velocity(spectra.wave, spectra.flux[i], spectra.ivar[i], spectra.resolution or 2000.0)
        if np.isfinite(v) and r >= MIN_CORRELATION:
            out[i] = np.expm1(v / C_KMS)
    return out
