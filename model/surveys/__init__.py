"""Observed spectra: one reader a survey or file format, all returning the same in-memory spectra."""

from dataclasses import dataclass

import numpy as np


@dataclass
class ObservedSpectra:
    """N observed spectra on one wavelength axis.

    Attributes:
        id: (N,) identifiers.
        wave: (pixels,) vacuum Angstrom, observed frame.
        flux: (N, pixels), any unit.
        ivar: (N, pixels) inverse variance of flux, 0 where there is no data.
        z: (N,) redshift to divide out: rest = wave / (1 + z).
        logg, teff, mh: (N,) catalogue labels, dex, K and dex.
    """

    id: np.ndarray
    wave: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    z: np.ndarray
    logg: np.ndarray
    teff: np.ndarray
    mh: np.ndarray

    def __len__(self) -> int:
        return len(self.logg)

    def take(self, keep: np.ndarray) -> "ObservedSpectra":
        """The stars that ``keep`` (mask or indices) selects."""
        rows = {k: getattr(self, k)[keep] for k in ("id", "flux", "ivar", "z", "logg", "teff", "mh")}
        return ObservedSpectra(wave=self.wave, **rows)
