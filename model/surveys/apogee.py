"""APOGEE DR17: ``apStar-*.fits``, ``aspcapStar-*.fits``, labels of ``allStar-dr17*.fits``, pseudo-continuum.

Layout (data.sdss.org/datamodel, apStar and aspcapStar): images flux, error and, in apStar, pixel mask, on 8575 pixels
of constant step in log10 wavelength (CRVAL1 4.179, CDELT1 6e-6; vacuum). Spectra are already in the rest frame. In
apStar the first row is the combination of the visits that follow. Pixels between the three chips have no data.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.polynomial import chebyshev

from model import data
from model.surveys import LABELS, ObservedSpectra, reading
from site_builder.contract import BadInput

INSTRUMENT = "APOGEE"
ROWS = "apogee_real_apstar_dr17_2stars.npz"
RESOLUTION = 22_500.0
# middle of the gaps between the chips, vacuum Angstrom, rest frame
CHIP_BORDERS = (15_000.0, 15_834.0, 16_456.0, 17_100.0)
# bits (sdss4.org/dr17/irspec/apogee-bitmasks)
BAD_PIXEL_BITS = (0, 1, 2, 3, 4, 5, 6, 7, 12, 14)  # bad to no-sky; significant sky line; too little of the PSF
STARFLAG_BITS = {"BAD_PIXELS": 0, "VERY_BRIGHT_NEIGHBOR": 3, "LOW_SNR": 4}
ASPCAPFLAG_BITS = {"STAR_BAD": 23, "NO_ASPCAP_RESULT": 31}
POOR_ERROR = 5.0  # times the median: such pixels say nothing about the continuum
ROUNDS = 10  # of clipping, as ASPCAP
DUPLICATE_BIT = 4  # of EXTRATARG: the same star stands in another row of better S/N
COLUMNS = {"teff": ("TEFF",), "logg": ("LOGG",), "mh": ("M_H",)}
ERRORS = {"teff": ("TEFF_ERR",), "logg": ("LOGG_ERR",), "mh": ("M_H_ERR",)}


def _bits(numbers: tuple[int, ...]) -> int:
    return int(sum(1 << n for n in numbers))


def read(path: Path, catalogue: Path | None = None) -> ObservedSpectra:
    """One star of an apStar or aspcapStar file.

    Pixels under ``BAD_PIXEL_BITS`` (apStar), of error 0 or without number have no weight.

    Args:
        catalogue: allStar file; rows with EXTRATARG's duplicate bit are passed over, of the rest the row of the best
            S/N is taken. A star that it does not hold, that STARFLAG or ASPCAPFLAG call bad, or whose labels are
            invalid is left out; each cut is counted. None: the labels of an aspcapStar file's own table (columns
            TEFF, LOGG, M_H), else NaN.

    Raises:
        BadInput: damaged, another layout, or no pixel has weight.
    """
    with reading.open_fits(path) as hdus:
        if not is_star(hdus):
            raise BadInput(f"{path}: HDU 1 holds no apStar or aspcapStar spectrum; give such a file of DR17.")
        axis, header = hdus[1].header, hdus[0].header
        flux, sigma = (reading.floats(np.atleast_2d(reading.image(hdus, path, i))[0]) for i in (1, 2))
        wave = 10 ** (axis["CRVAL1"] + axis["CDELT1"] * np.arange(len(flux)))
        mask = None
        if len(hdus) > 3 and (flags := reading.image(hdus, path, 3)).dtype.kind in "iu":
            mask = (np.atleast_2d(flags)[0] & _bits(BAD_PIXEL_BITS)) != 0
        name = str(header.get("OBJID") or header.get("APOGEE_ID") or path.stem).strip()
        found = _own_labels(path, hdus) if catalogue is None else {}
    with np.errstate(all="ignore"):
        ivar = np.where(sigma > 0, sigma**-2.0, 0)
    spectra = reading.one(
        path, name, wave, flux, ivar, mask, z=0.0, instrument=INSTRUMENT, resolution=RESOLUTION, **found
    )
    return spectra if catalogue is None else join(spectra, catalogue)


def is_star(hdus: fits.HDUList) -> bool:
    """Whether this is an apStar or aspcapStar file: images in HDU 1 and 2 on APOGEE's log-wavelength axis."""
    if len(hdus) < 3 or not isinstance(hdus[1], fits.ImageHDU) or not isinstance(hdus[2], fits.ImageHDU):
        return False
    start, step = hdus[1].header.get("CRVAL1"), hdus[1].header.get("CDELT1")
    return start is not None and step is not None and 4.17 < start < 4.24 and 0 < step < 1e-4


def join(spectra: ObservedSpectra, path: Path) -> ObservedSpectra:
    """Labels of an allStar file for ``spectra``, by APOGEE_ID, with its cuts counted in ``report``.

    Raises:
        BadInput: the file is damaged or lacks a column.
    """
    rows = reading.catalogue(path)
    names = reading.text(reading.column(rows, path, "APOGEE_ID"))
    duplicate = reading.column(rows, path, "EXTRATARG") & (1 << DUPLICATE_BIT) != 0
    snr = reading.column(rows, path, "SNR").astype(np.float64)
    # of the rows of a star the last in this order is the one of the best S/N
    order = np.argsort(np.nan_to_num(snr, nan=-np.inf), kind="stable")
    best = {names[i]: int(i) for i in order if not duplicate[i]}
    at = np.array([best.get(n, -1) for n in spectra.id.astype(str)], int)
    spectra = spectra.take(at >= 0, "in the catalogue, no duplicate")
    at = at[at >= 0]
    for k in LABELS:
        setattr(spectra, k, reading.label(k, reading.column(rows, path, *COLUMNS[k])[at]))
        setattr(spectra, f"{k}_err", reading.error(reading.column(rows, path, *ERRORS[k])[at]))
    keep = np.ones(len(at), bool)
    for flag, bits in (("STARFLAG", STARFLAG_BITS), ("ASPCAPFLAG", ASPCAPFLAG_BITS)):
        keep &= reading.column(rows, path, flag)[at].astype(np.int64) & _bits(tuple(bits.values())) == 0
        spectra.report = spectra.report | {f"{flag} without {', '.join(bits)}": int(keep.sum())}
    return spectra.take(keep & spectra.labelled, "valid labels")


def _own_labels(path: Path, hdus: fits.HDUList) -> dict[str, Any]:
    """Labels of the table in an aspcapStar file, where it has their columns."""
    for i, hdu in enumerate(hdus):
        if isinstance(hdu, fits.BinTableHDU) and {"TEFF", "LOGG", "M_H"} <= set(hdu.columns.names):
            return reading.labels_from(reading.table(hdus, path, i), path, COLUMNS, ERRORS, 0)
    return {}


def read_rows(path: Path | None = None) -> ObservedSpectra:
    """The two observed apStar rows of the embedded data (no labels), or another file of their layout.

    Raises:
        BadInput: the file is damaged or lacks a field.
    """
    raw = data.load(ROWS) if path is None else data.read_npz(path)
    path = data.DATA / ROWS if path is None else path
    lacking = [k for k in ("wave_vac", "flux", "err", "name") if k not in raw]
    if lacking:
        raise BadInput(f"{path}: field {lacking[0]} is missing; give a file as described in data/README.md.")
    sigma = raw["err"].astype(np.float64)
    with np.errstate(all="ignore"):
        flux, ivar = reading.clean(raw["flux"].astype(np.float64), np.where(sigma > 0, sigma**-2.0, 0), None)
    nothing = np.full(len(flux), np.nan)
    return ObservedSpectra(
        id=raw["name"], wave=reading.rising(path, "wave_vac", raw["wave_vac"]), flux=flux, ivar=ivar,
        z=np.zeros(len(flux)), logg=nothing, teff=nothing.copy(), mh=nothing.copy(),
        instrument=INSTRUMENT, resolution=RESOLUTION, report={"spectra in the file": len(flux)},
    )  # fmt: skip


def pseudo_continuum(
    wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, degree: int = 4, low: float = 0.1, high: float = 3.0
) -> np.ndarray:
    """Upper envelope of one spectrum, chip by chip.

    A Chebyshev polynomial is fitted to each chip, pixels below it by more than ``low`` or above it by more than
    ``high`` standard deviations of the residuals are left out, and it is fitted again, at most ten times. Source:
    ASPCAP's normalisation (Garcia Perez et al. 2016, AJ 151, 144, section 4.3): degree 4, clipped at -0.1 and 3 sigma.
    As every upper envelope it lies above the true continuum, by one to three times the noise of a pixel.
    Pixels with five times the chip's median error or more (bad, but not flagged) are left out from the start.

    Args:
        wave: (n,) vacuum Angstrom, rest frame.
        flux: (n,).
        ivar: (n,); 0 where there is no data.

    Returns:
        (n,) continuum; NaN on chips with too few pixels to fit and outside the chips.
    """
    out = np.full(len(wave), np.nan)
    for lo, hi in pairwise(CHIP_BORDERS):
        chip = np.flatnonzero((wave >= lo) & (wave < hi))
        typical = np.median(ivar[chip][ivar[chip] > 0]) if (ivar[chip] > 0).any() else np.inf
        used = chip[ivar[chip] > typical / POOR_ERROR**2]
        if len(used) < 10 * (degree + 1):
            continue
        x = 2 * (wave - wave[used[0]]) / (wave[used[-1]] - wave[used[0]]) - 1
        keep = np.ones(len(used), bool)
        for _ in range(ROUNDS):
            coefficients = chebyshev.chebfit(x[used[keep]], flux[used[keep]], degree)
            above = flux[used] - chebyshev.chebval(x[used], coefficients)
            spread = above[keep].std()
            again = (above > -low * spread) & (above < high * spread)
            if again.sum() < 2 * (degree + 1) or (again == keep).all():
                break
            keep = again
        inside = chip[(chip >= used[0]) & (chip <= used[-1])]
        out[inside] = chebyshev.chebval(x[inside], coefficients)
    return np.where(out > 0, out, np.nan)


def normalise(spectra: ObservedSpectra) -> ObservedSpectra:
    """Each spectrum divided by its pseudo-continuum (which sits at 1); no weight where there is none."""
    levels = np.array([pseudo_continuum(spectra.wave, f, i) for f, i in zip(spectra.flux, spectra.ivar, strict=True)])
    level = levels.reshape(spectra.flux.shape)
    out = spectra.take(np.arange(len(spectra)))
    with np.errstate(all="ignore"):
        out.flux, out.ivar = reading.clean(spectra.flux / level, spectra.ivar * level**2, None)
    return out
