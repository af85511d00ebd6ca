"""Files of LAMOST, SDSS, APOGEE and BOSZ in their documented layouts, for tests.

Layouts: data.sdss.org/datamodel (spec, apStar, aspcapStar, allStar), lamost.org (production descriptions),
archive.stsci.edu/hlsp/bosz.
"""

import gzip
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from site_builder.contract import BadInput
from tests.survey_files import star

LAMOST_WAVE = 10 ** (3.5682 + 1e-4 * np.arange(3909))
SDSS_LOGLAM = 3.5796 + 1e-4 * np.arange(3842)
APOGEE_PIXELS = 8575
APOGEE_WAVE = 10 ** (4.179 + 6e-6 * np.arange(APOGEE_PIXELS))
APOGEE_CHIPS = ((201, 3320), (3537, 6126), (6295, 8378))


def write_lamost(path: Path, *, new: bool, obsid: int = 101, velocity: float = 30.0, noise: float = 0.02) -> Path:
    """A LAMOST low-resolution spectrum in the layout from DR8 on (``new``) or before; its pixel 2000 is and-masked."""
    rng = np.random.default_rng(obsid)
    flux = star(LAMOST_WAVE, velocity)
    flux = flux + noise * rng.standard_normal(len(flux))
    ivar = np.full(len(flux), noise**-2)
    andmask = np.zeros(len(flux))
    andmask[2000] = 1
    header = fits.Header({"OBSID": obsid, "DESIG": "LAMOST J000000.00+000000.0", "TELESCOP": "LAMOST", "VACUUM": True})
    header["Z"] = velocity / 299_792.458
    if new:
        columns = {"FLUX": flux, "IVAR": ivar, "WAVELENGTH": LAMOST_WAVE, "ANDMASK": andmask, "ORMASK": andmask}
        table = Table({k: v[None].astype(np.float32 if k != "WAVELENGTH" else np.float64) for k, v in columns.items()})
        hdus = [fits.PrimaryHDU(header=header), fits.BinTableHDU(table, name="COADD")]
    else:
        header["COEFF0"], header["COEFF1"] = 3.5682, 1e-4
        rows = np.array([flux, ivar, LAMOST_WAVE, andmask, andmask], np.float32)
        hdus = [fits.PrimaryHDU(rows, header=header)]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_sdss(path: Path, *, parameters: dict[str, float] | None = None, vacuum: bool = True) -> Path:
    """An SDSS spec file; pixel 2000 under BRIGHTSKY. ``parameters``: columns of an HDU SPPARAMS."""
    rng = np.random.default_rng(5)
    flux = star(10**SDSS_LOGLAM, -45.0) + 0.02 * rng.standard_normal(len(SDSS_LOGLAM))
    mask = np.zeros(len(flux), np.int32)
    mask[2000] = 1 << 23
    coadd = Table(
        {
            "flux": flux.astype(np.float32),
            "loglam": SDSS_LOGLAM.astype(np.float32),
            "ivar": np.full(len(flux), 2500, np.float32),
            "and_mask": mask,
            "or_mask": mask,
        }
    )
    about = Table({"PLATE": [266], "MJD": [51602], "FIBERID": [31], "Z": [np.float32(-45.0 / 299_792.458)]})
    primary = fits.PrimaryHDU(header=fits.Header({"VACUUM": vacuum}))
    hdus = [primary, fits.BinTableHDU(coadd, name="COADD"), fits.BinTableHDU(about, name="SPECOBJ")]
    if parameters is not None:
        hdus.append(fits.BinTableHDU(Table({k: [v] for k, v in parameters.items()}), name="SPPARAMS"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def apogee_flux(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(continuum, flux, error) with gaps between the chips as real files have them (flux 0, error huge)."""
    rng = np.random.default_rng(seed)
    x = (APOGEE_WAVE - 16_000) / 1000
    continuum = 500 * (1 - 0.2 * x + 0.05 * x**2)
    lines = np.zeros(APOGEE_PIXELS)
    for centre in rng.uniform(APOGEE_WAVE[0], APOGEE_WAVE[-1], 150):
        lines += 0.3 * np.exp(-0.5 * ((APOGEE_WAVE - centre) / 0.4) ** 2)
    flux = continuum * np.exp(-lines) * (1 + 0.005 * rng.standard_normal(APOGEE_PIXELS))
    error = 0.005 * continuum
    gap = np.ones(APOGEE_PIXELS, bool)
    for lo, hi in APOGEE_CHIPS:
        gap[lo:hi] = False
    flux[gap], error[gap] = 0, 1e10
    return continuum, flux, error


def write_apstar(path: Path, name: str = "2M00000000+0000001", visits: int = 2, normalised: bool = False) -> Path:
    """apStar (rows: two combinations, then visits) or, ``normalised``, aspcapStar with its table of labels."""
    continuum, flux, error = apogee_flux()
    mask = np.zeros(APOGEE_PIXELS, np.int16)
    mask[1000], mask[1001] = 1 << 0, 1 << 13  # bad pixel; significant telluric, which is kept
    mask[flux == 0] = 1 << 0
    header = fits.Header({"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR"})
    primary = fits.PrimaryHDU(header=fits.Header({"OBJID": name, "NVISITS": visits}))
    if normalised:
        images = [flux / continuum, error / continuum, np.ones(APOGEE_PIXELS)]
        labels = Table({"APOGEE_ID": [name], "TEFF": [4800.0], "LOGG": [2.5], "M_H": [-0.1]})
        for column in ("TEFF_ERR", "LOGG_ERR", "M_H_ERR"):
            labels[column] = [0.05]
        tail = [fits.BinTableHDU(labels)]
    else:
        rows = 1 if visits == 1 else visits + 2
        images = [np.tile(flux, (rows, 1)), np.tile(error, (rows, 1)), np.tile(mask, (rows, 1))]
        images[0][1:] *= 3  # the rows after the first are not what a reader takes
        tail = []
    hdus = [fits.ImageHDU(i.astype(np.int16 if i.dtype.kind == "i" else np.float32), header=header) for i in images]
    fits.HDUList([primary, *hdus, *tail]).writeto(path, overwrite=True)
    return path


def write_allstar(path: Path, rows: list[dict[str, float | str]]) -> Path:
    """allStar of DR17; each row overrides a good star's values."""
    base = {
        "APOGEE_ID": "2M00000000+0000001", "TEFF": 4800.0, "TEFF_ERR": 10.0, "LOGG": 2.5, "LOGG_ERR": 0.03,
        "M_H": -0.1, "M_H_ERR": 0.01, "SNR": 150.0, "STARFLAG": 0, "ASPCAPFLAG": 0, "EXTRATARG": 0,
    }  # fmt: skip
    full = [base | r for r in rows]
    Table({k: [r[k] for r in full] for k in base}).write(path, overwrite=True)
    return path


def bosz_name(teff: float, logg: float, mh: float, *, atmosphere: str = "mp", kind: str = "resam", r: str = "20000",
              extension: str = "txt.gz") -> str:  # fmt: skip
    return f"bosz2024_{atmosphere}_t{teff:.0f}_g{logg:+.1f}_m{mh:+.2f}_a+0.00_c+0.00_v2_r{r}_{kind}.{extension}"


def bosz_wave(r: float, low: float = 7050.0, high: float = 8900.0) -> np.ndarray:
    """Air wavelengths of constant log step, 2.32 pixels per resolution element as in the release."""
    return np.exp(np.arange(np.log(low), np.log(high), np.log(640) / 15 / r))


def bosz_spectrum(wave_air: np.ndarray, teff: float, logg: float, mh: float) -> tuple[np.ndarray, np.ndarray]:
    """(flux, continuum) whose Ca II lines (air) deepen smoothly with the labels."""
    depth = 0.3 + 0.05 * (4 - logg) + 0.05 * mh + 0.2 * (5000 - teff) / 5000
    lines = [depth * np.exp(-0.5 * ((wave_air - c) / 1.5) ** 2) for c in (8498.02, 8542.09, 8662.14)]
    continuum = teff**3 * (wave_air / 8000) ** -2.0
    return continuum * (1 - np.sum(lines, axis=0)), continuum


def write_bosz(folder: Path, teff: list[float], logg: list[float], mh: list[float], *, r: float = 20_000.0,
               wave: np.ndarray | None = None) -> np.ndarray:  # fmt: skip
    """A lattice of two-column files with their wavelength file; returns the air wavelengths."""
    folder.mkdir(parents=True, exist_ok=True)
    wave = bosz_wave(r) if wave is None else wave
    np.savetxt(folder / f"bosz2024_wave_r{r:.0f}.txt", wave, fmt="%.7e")
    for t, g, m in product(teff, logg, mh):
        below = folder / f"m{m:+.2f}"
        below.mkdir(exist_ok=True)
        with gzip.open(below / bosz_name(t, g, m, r=f"{r:.0f}"), "wt", compresslevel=1) as handle:
            np.savetxt(handle, np.column_stack(bosz_spectrum(wave, t, g, m)), fmt="%.5e")
    return wave


def one_sentence(error: pytest.ExceptionInfo[BadInput], path: Path) -> None:
    """An error sentence names the file, is one line and ends."""
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert text.endswith(".")
