"""The labelled LAMOST DR10 stars of the data pack: read, selected, and LAMOST's relative noise.

The spectra are third-party material that is not part of this repository; where the folder is absent,
everything that needs it is left out with that reason.
"""

import os
from pathlib import Path

import numpy as np

from model import data
from model.surveys import ObservedSpectra
from site_builder.contract import BadInput

CREDIT = (
    "Observed by LAMOST (Guoshoujing Telescope, National Astronomical Observatories, Chinese Academy of "
    "Sciences), data release 10"
)
FILE = "lamost_dr10_red.npz"
ANDMASK = 1
TEFF_MAX = 7000.0
MIN_COVERAGE = 0.9


def observed_folder() -> Path:
    """Where the observed spectra lie: $SPECVIT_OBSERVED, or ../shared/data/observed beside the repository."""
    default = data.DATA.parent.parent / "shared" / "data" / "observed"
    return Path(os.environ.get("SPECVIT_OBSERVED", default))


def available() -> bool:
    """Whether the DR10 file is there."""
    return (observed_folder() / FILE).exists()


def read_dr10() -> tuple[ObservedSpectra, dict[str, np.ndarray]]:
    """All 2316 spectra, with pixels under ANDMASK given no weight, and the raw arrays.

    Raises:
        BadInput: the file is missing or damaged.
    """
    path = observed_folder() / FILE
    if not path.exists():
        raise BadInput(f"{path} is not there; set SPECVIT_OBSERVED to the folder with the observed spectra.")
    raw = data.read_npz(path)
    ivar = np.where((raw["mask"] & ANDMASK) > 0, 0, raw["ivar"]).astype(np.float64)
    flux = raw["flux"].astype(np.float64)
    ivar[~np.isfinite(flux) | ~np.isfinite(ivar)] = 0
    spectra = ObservedSpectra(
        id=raw["names"],
        wave=raw["wave"],
        flux=np.nan_to_num(flux),
        ivar=ivar,
        z=raw["z"].astype(np.float64),
        logg=raw["logg"].astype(np.float64),
        teff=raw["teff"].astype(np.float64),
        mh=raw["feh"].astype(np.float64),
    )
    return spectra, raw


def select_dr10(lo: float, hi: float) -> tuple[ObservedSpectra, dict[str, int]]:
    """Stars that the models are tried on, and how many each cut leaves.

    Cuts: Teff below 7000 K; finite labels; one spectrum (that of the best i-band S/N) per star, told
    apart by position; at least 90 % of the pixels from lo to hi (vacuum Angstrom, rest frame) valid.
    """
    spectra, raw = read_dr10()
    counts = {"labelled spectra": len(spectra)}
    keep = spectra.teff < TEFF_MAX
    counts["Teff below 7000 K"] = int(keep.sum())
    keep &= np.isfinite(spectra.logg) & np.isfinite(spectra.mh) & (spectra.logg > -1) & (spectra.mh > -9)
    counts["valid log g and [Fe/H]"] = int(keep.sum())
    best: dict[tuple[float, float], int] = {}
    for i in np.flatnonzero(keep)[np.argsort(-raw["snri"][keep], kind="stable")]:
        best.setdefault((round(float(raw["ra"][i]), 4), round(float(raw["dec"][i]), 4)), int(i))
    unique = np.zeros(len(spectra), bool)
    unique[list(best.values())] = True
    keep &= unique
    counts["one spectrum per star"] = int(keep.sum())
    rest = spectra.wave / (1 + spectra.z[:, None])
    inside = (rest >= lo) & (rest <= hi)
    valid = ((spectra.ivar > 0) & inside).sum(1) / inside.sum(1)
    keep &= valid >= MIN_COVERAGE
    counts["90 % of the band valid"] = int(keep.sum())
    return spectra.take(keep), counts


def relative_noise(wave: np.ndarray) -> np.ndarray:
    """Median over the DR10 stars of sigma / sqrt(flux) at ``wave`` (vacuum Angstrom), scaled to median 1."""
    spectra, _ = read_dr10()
    good = (spectra.ivar > 0) & (spectra.flux > 0)
    spectra.flux[~good], spectra.ivar[~good] = np.nan, np.nan
    spectra = spectra.take(np.flatnonzero(good.any(1)))
    level = np.nanmedian(spectra.flux, axis=1, keepdims=True)
    shape = spectra.ivar**-0.5 / np.sqrt(spectra.flux * level)
    shape /= np.nanmedian(shape, axis=1, keepdims=True)
    shape = np.interp(wave, spectra.wave, np.nanmedian(shape, axis=0))
    return np.asarray(shape / np.median(shape))
