"""Observed spectra: one reader a survey or file format, all returning the same in-memory spectra.

A reader is a function ``read(path, ...) -> ObservedSpectra``. It gives no weight (ivar 0) to pixels that the survey's
own flags call bad, leaves labels that the survey marks as missing (-9999, NaN) at NaN, and counts in ``report`` what
every cut leaves.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

LABELS = ("teff", "logg", "mh")
# what a label of a star can be at all; outside lies what catalogues write for "missing"
VALID = {"teff": (1000.0, 100_000.0), "logg": (-1.5, 9.0), "mh": (-6.0, 2.0)}


@dataclass
class ObservedSpectra:
    """N observed spectra on one wavelength axis.

    Attributes:
        id: (N,) identifiers (strings).
        wave: (pixels,) increasing, vacuum Angstrom, observed frame.
        flux: (N, pixels), any unit; 0 where not finite.
        ivar: (N, pixels) inverse variance of flux, 0 where there is no data or ``mask`` is set.
        z: (N,) redshift to divide out: rest = wave / (1 + z).
        logg, teff, mh: (N,) catalogue labels, dex, K and dex; NaN where there is none.
        mask: (N, pixels) bool, True where the survey's flags call a pixel bad; None: it gives no flags.
        logg_err, teff_err, mh_err: (N,) errors that the catalogue states; NaN where it states none.
        instrument: survey and spectrograph, as pages name them.
        resolution: lambda / FWHM, where one number describes it.
        report: spectra left after each cut, in order.
    """

    id: np.ndarray
    wave: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    z: np.ndarray
    logg: np.ndarray
    teff: np.ndarray
    mh: np.ndarray
    mask: np.ndarray | None = None
    logg_err: np.ndarray = None  # type: ignore[assignment]  # NaN throughout, filled below
    teff_err: np.ndarray = None  # type: ignore[assignment]
    mh_err: np.ndarray = None  # type: ignore[assignment]
    instrument: str = ""
    resolution: float | None = None
    report: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("logg_err", "teff_err", "mh_err"):
            if getattr(self, name) is None:
                setattr(self, name, np.full(len(self.logg), np.nan))

    def __len__(self) -> int:
        return len(self.logg)

    def take(self, keep: np.ndarray, cut: str | None = None) -> "ObservedSpectra":
        """The stars that ``keep`` (mask or indices) selects; ``cut`` names it in the report."""
        shared = {"wave", "instrument", "resolution", "report"}
        rows = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in shared}
        taken: dict[str, Any] = {name: None if value is None else value[keep] for name, value in rows.items()}
        report = dict(self.report) | ({} if cut is None else {cut: len(taken["logg"])})
        return ObservedSpectra(
            wave=self.wave, instrument=self.instrument, resolution=self.resolution, report=report, **taken
        )

    @property
    def labelled(self) -> np.ndarray:
        """(N,) bool: all three labels are finite and possible for a star."""
        inside = [(v > VALID[k][0]) & (v < VALID[k][1]) for k in LABELS for v in [getattr(self, k)]]
        return np.asarray(np.all(inside, axis=0))
