"""The labelled spectra of the observed data pack: STELIB, IRTF, LAMOST DR1, Gaia RVS, APOGEE giants.

All are npz files in ``lamost.observed_folder()``, third-party material that is not part of this repository. The main
set, LAMOST DR10, is read by ``lamost.read_dr10``.
"""

from pathlib import Path

import numpy as np

from model import data
from model.resample import vacuum_from_air
from model.surveys import ObservedSpectra, reading
from model.surveys.align import align
from model.surveys.lamost import CREDIT, observed_folder
from site_builder.contract import BadInput

STELIB = "stelib_v3.2_255stars.npz"
IRTF = "irtf_48spectra.npz"
LAMOST_DR1 = "lamost_dr1_131stars.npz"
GAIA_RVS = "gaia_rvs_real_6stars.npz"
APOGEE = "apogee_real_671stars_100px.npz"
CANNON = "apogee_cannon_dr10_coeffs.npz"
CREDIT_DR1 = CREDIT.replace("release 10", "release 1")
STELIB_FWHM = 3.0  # Angstrom
CA_REGION = 8500.0  # Angstrom, where one number for the resolution is given
IRTF_PARTS = {"optical": (8105.0, 9000.0), "h": (15_000.0, 17_100.0)}
BLOCK = 100  # pixels that share one estimate of the noise


def _load(name: str, path: Path | None, *needed: str) -> tuple[Path, dict[str, np.ndarray]]:
    path = observed_folder() / name if path is None else path
    if not path.exists():
        raise BadInput(f"{path} is not there; set SPECVIT_OBSERVED to the folder with the observed spectra.")
    raw = data.read_npz(path)
    lacking = [k for k in needed if k not in raw]
    if lacking:
        raise BadInput(f"{path}: field {lacking[0]} is missing; give the file of the data pack.")
    return path, raw


def _ivar(error: np.ndarray) -> np.ndarray:
    error = error.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.where(error > 0, error**-2.0, 0)


def local_ivar(flux: np.ndarray) -> np.ndarray:
    """Inverse variance from the scatter of adjacent pixels, for files that give no errors.

    sigma = 1.482602 / sqrt(6) median |2 f(i) - f(i-2) - f(i+2)| over blocks of 100 pixels (DER_SNR, Stoehr et al. 2008,
    ASP Conf. 394, 505), interpolated between blocks. Lines narrower than four pixels count as noise, so it is an upper
    limit of the noise; interpolated pixels are correlated, which makes it too small.

    Args:
        flux: (N, pixels), NaN where there is no data.

    Returns:
        (N, pixels), 0 where there is no data or no estimate.
    """
    second = np.abs(2 * flux[:, 2:-2] - flux[:, :-4] - flux[:, 4:])
    out = np.zeros(flux.shape)
    centres = np.arange(2 + BLOCK / 2, flux.shape[1], BLOCK)[: second.shape[1] // BLOCK]
    blocks = second[:, : len(centres) * BLOCK].reshape(len(flux), -1, BLOCK)
    for i, row in enumerate(blocks):
        some = np.isfinite(row).sum(axis=1) > BLOCK // 4
        if not some.any():
            continue
        sigma = 1.482602 / np.sqrt(6) * np.nanmedian(row[some], axis=1)
        sigma = np.interp(np.arange(flux.shape[1]), centres[some], sigma)
        out[i] = np.divide(1.0, sigma**2, out=np.zeros_like(sigma), where=sigma > 0)
    return np.where(np.isfinite(flux), out, 0)


def _made(
    path: Path, raw: dict[str, np.ndarray], wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray,
    names: np.ndarray, *, z: np.ndarray, mask: np.ndarray | None, instrument: str, resolution: float,
) -> ObservedSpectra:  # fmt: skip
    flux, ivar = reading.clean(flux.astype(np.float64), ivar, mask)
    nothing = np.full(len(flux), np.nan)
    columns = {"teff": "teff", "logg": "logg", "mh": "feh"}
    found = {k: reading.label(k, raw.get(c, nothing)) for k, c in columns.items()}
    found |= {f"{k}_err": reading.error(raw.get(f"{c}_err", nothing)) for k, c in columns.items()}
    spectra = ObservedSpectra(
        id=names, wave=reading.rising(path, "wave", wave), flux=flux, ivar=ivar, mask=mask,
        z=np.where(np.isfinite(z), z, 0.0), instrument=instrument, resolution=resolution,
        report={"spectra in the file": len(flux)}, **found,
    )  # fmt: skip
    return spectra.take(reading.weighted(path, ivar), "some pixel with weight")


def read_stelib(path: Path | None = None, air: bool = False, aligned: bool = True) -> ObservedSpectra:
    """255 STELIB stars (Le Borgne et al. 2003, A&A 402, 433), FWHM 3 A, 3206-9850 A.

    No errors are given: ``local_ivar``. Gaps (NaN) have no weight. The spectra are supposed to be in the rest frame,
    but are off by tens of km/s: z is measured on the Ca II triplet (0 where the spectrum does not cover it).

    Args:
        air: take the file's air wavelengths and convert them (the same numbers: a check of the file).
        aligned: False: z = 0.

    Raises:
        BadInput: the file is missing, damaged or lacks a field.
    """
    key = "wave_air" if air else "wave"
    path, raw = _load(STELIB, path, key, "flux", "names")
    wave = vacuum_from_air(raw[key]) if air else raw[key]
    spectra = _made(
        path, raw, wave, raw["flux"], local_ivar(raw["flux"].astype(np.float64)), raw["names"],
        z=np.zeros(len(raw["flux"])), mask=None, instrument="STELIB", resolution=CA_REGION / STELIB_FWHM,
    )  # fmt: skip
    if aligned:
        spectra.z = align(spectra)
    return spectra


def read_irtf(part: str = "optical", path: Path | None = None) -> ObservedSpectra:
    """48 IRTF spectra (Rayner et al. 2009, ApJS 185, 289), R = 2000, rest frame, vacuum.

    Args:
        part: "optical" (8105-9000 A) or "h" (15000-17100 A); the file has both on one axis with a hole between.

    Raises:
        BadInput: no such part, or the file is missing, damaged or lacks a field.
    """
    if part not in IRTF_PARTS:
        raise BadInput(f"part: {part} is no part of the IRTF file; choose one of {', '.join(IRTF_PARTS)}.")
    path, raw = _load(IRTF, path, "wave", "flux", "err", "names")
    low, high = IRTF_PARTS[part]
    inside = (raw["wave"] >= low) & (raw["wave"] <= high)
    return _made(
        path, raw, raw["wave"][inside], raw["flux"][:, inside], _ivar(raw["err"][:, inside]), raw["names"],
        z=np.zeros(len(raw["flux"])), mask=None, instrument="IRTF SpeX", resolution=2000.0,
    )  # fmt: skip


def read_lamost_dr1(path: Path | None = None, velocity: str = "rv") -> ObservedSpectra:
    """131 LAMOST DR1 stars with label errors, 3707-9110 A, R = 1800, observed frame; and-masked pixels weigh nothing.

    Args:
        velocity: "rv": z from the catalogue's radial velocity; "z": the pipeline's redshift.

    Raises:
        BadInput: neither "rv" nor "z", or the file is missing, damaged or lacks a field.
    """
    if velocity not in ("rv", "z"):
        raise BadInput(f"velocity: {velocity} is not in the file; choose rv or z.")
    path, raw = _load(LAMOST_DR1, path, "wave_vac", "flux", "ivar", "andmask", "rv", "z", "desig")
    z = raw["z"].astype(np.float64) if velocity == "z" else raw["rv"].astype(np.float64) / reading.C_KMS
    return _made(
        path, raw, raw["wave_vac"], raw["flux"], raw["ivar"].astype(np.float64), raw["desig"],
        z=z, mask=raw["andmask"].astype(bool), instrument="LAMOST low-resolution survey", resolution=1800.0,
    )  # fmt: skip


def read_gaia_rvs(path: Path | None = None) -> ObservedSpectra:
    """Six Gaia DR3 RVS spectra, 8460-8700 A, R = 11 500, rest frame, no labels.

    Raises:
        BadInput: the file is missing, damaged or lacks a field.
    """
    path, raw = _load(GAIA_RVS, path, "wave_vac", "flux", "err", "name")
    return _made(
        path, raw, raw["wave_vac"], raw["flux"], _ivar(raw["err"]), raw["name"],
        z=np.zeros(len(raw["flux"])), mask=None, instrument="Gaia RVS", resolution=11_500.0,
    )  # fmt: skip


def read_apogee_giants(path: Path | None = None) -> ObservedSpectra:
    """671 APOGEE giants on 100 pixels near 15168 A, pseudo-continuum-normalised, rest frame.

    Raises:
        BadInput: the file is missing, damaged or lacks a field.
    """
    path, raw = _load(APOGEE, path, "wave_vac", "flux", "err")
    names = np.array([f"giant {i}" for i in range(len(raw["flux"]))])
    return _made(
        path, raw, raw["wave_vac"], raw["flux"], _ivar(raw["err"]), names,
        z=np.zeros(len(names)), mask=None, instrument="APOGEE", resolution=22_500.0,
    )  # fmt: skip
