"""From a spectrum as observed to the pixels of an instrument: rest frame, resampled, gaps bridged."""

import numpy as np


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
