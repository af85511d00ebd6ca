"""Files in the documented layouts of the surveys, for tests: what no real file at hand covers.

Layouts: desidatamodel.readthedocs.io; github.com/desimilkyway/desi-mws-edr-datamodel.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

C_KMS = 299_792.458
CA_TRIPLET = (8500.35, 8544.44, 8664.52)  # vacuum Angstrom
DESI_ARMS = {"B": (3600.0, 2751), "R": (5760.0, 2326), "Z": (7520.0, 2881)}
DESI_STEP = 0.8
DIAGONALS = 11
DESI_SIGMA = {"B": 0.72, "R": 0.68, "Z": 0.76}  # Angstrom, of the line-spread function
DESI_SN = 20.0


def star(wave: np.ndarray, velocity: float = 0.0, depth: float = 0.5, sigma: float = 2.0) -> np.ndarray:
    """A smooth continuum with the Ca II triplet at a velocity (km/s), vacuum Angstrom."""
    lines = [depth * np.exp(-0.5 * ((wave - c * (1 + velocity / C_KMS)) / sigma) ** 2) for c in CA_TRIPLET]
    return (wave / 8000) ** -1.0 * (1 - np.sum(lines, axis=0))


def labels_of(n: int, seed: int) -> dict[str, np.ndarray]:
    """Labels and velocities of ``n`` stars: teff, logg, mh, vrad."""
    rng = np.random.default_rng(seed)
    return {
        "teff": rng.uniform(3800, 6900, n),
        "logg": rng.uniform(1, 5, n),
        "mh": rng.uniform(-2.4, 0.7, n),
        "vrad": rng.normal(0, 120, n),
    }


def _fibermap(targetids: np.ndarray, rng: np.random.Generator, exposures: bool) -> Table:
    n = len(targetids)
    out = Table({"TARGETID": targetids.astype(np.int64)})
    if not exposures:
        out["COADD_FIBERSTATUS"] = np.zeros(n, np.int32)
    out["TARGET_RA"], out["TARGET_DEC"] = rng.uniform(0, 360, n), rng.uniform(-20, 80, n)
    out["PMRA"], out["PMDEC"] = (np.zeros(n, np.float32) for _ in range(2))
    out["OBJTYPE"] = np.full(n, "TGT")
    out["FLUX_R"] = np.full(n, 100, np.float32)
    out["GAIA_PHOT_G_MEAN_MAG"] = np.full(n, 17, np.float32)
    out["DESI_TARGET"], out["MWS_TARGET"] = np.zeros(n, np.int64), np.ones(n, np.int64)
    if exposures:
        out["EXPID"], out["NIGHT"] = np.arange(n, dtype=np.int32), np.full(n, 20210324, np.int32)
        out["FIBER"], out["FIBERSTATUS"] = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
        out["EXPTIME"] = np.full(n, 900.0)
    else:
        out["COADD_NUMEXP"] = np.ones(n, np.int16)
        out["COADD_EXPTIME"] = np.full(n, 900, np.float32)
    return out


def resolution_matrix(n: int, pixels: int, sigma: float) -> np.ndarray:
    """(n, 11, pixels) float32: diagonals of a Gaussian line-spread function of ``sigma`` Angstrom."""
    offset = (np.arange(DIAGONALS) - DIAGONALS // 2) * DESI_STEP
    kernel = np.exp(-0.5 * (offset / sigma) ** 2)
    return np.broadcast_to((kernel / kernel.sum()).astype(np.float32)[None, :, None], (n, DIAGONALS, pixels))


def write_desi_coadd(
    path: Path,
    targetids: Sequence[int] | np.ndarray,
    seed: int,
    *,
    velocity: np.ndarray | None = None,
    flux: dict[str, np.ndarray] | None = None,
    arms: Sequence[str] = ("B", "R", "Z"),
    resolution: bool = True,
    exposures: bool = False,
    changes: dict[str, np.ndarray] | None = None,
) -> Path:
    """A DESI coadd file of N targets, or (``exposures``) a spectra file with a row an exposure.

    Args:
        targetids: (N,) one for each row.
        velocity: (N,) km/s; None: 0.
        flux: arm -> (N, pixels) noise-free flux instead of the Ca II triplet on a smooth continuum; on the pixels
            ``DESI_ARMS[arm]`` = (first wavelength, number), steps of 0.8 Angstrom.
        arms, resolution: leave out what a test of many files need not write (a full target takes 0.5 MB).
        changes: columns of FIBERMAP to overwrite.
    """
    targetids = np.asarray(targetids, np.int64)
    rng = np.random.default_rng(seed)
    n = len(targetids)
    velocity = np.zeros(n) if velocity is None else velocity
    fibermap = _fibermap(targetids, rng, exposures)
    for name, values in (changes or {}).items():
        fibermap[name] = values
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU(fibermap, name="FIBERMAP")]
    if not exposures:
        hdus.append(fits.BinTableHDU(_fibermap(targetids, rng, True), name="EXP_FIBERMAP"))
    for arm in arms:
        start, pixels = DESI_ARMS[arm]
        wave = start + DESI_STEP * np.arange(pixels)
        clean = flux[arm] if flux is not None else np.array([star(wave, v) for v in velocity]).reshape(n, pixels)
        sigma = np.abs(clean) / DESI_SN + 1e-3
        noisy = clean + sigma * rng.standard_normal(clean.shape)
        hdus.append(fits.ImageHDU(wave, name=f"{arm}_WAVELENGTH"))
        hdus[-1].header["BUNIT"] = "Angstrom"
        hdus.append(fits.ImageHDU(noisy.astype(np.float32), name=f"{arm}_FLUX"))
        hdus[-1].header["BUNIT"] = "10**-17 erg/(s cm2 Angstrom)"
        hdus.append(fits.ImageHDU((sigma**-2).astype(np.float32), name=f"{arm}_IVAR"))
        hdus[-1].header["BUNIT"] = "10**+34 (s2 cm4 Angstrom2) / erg2"
        hdus.append(fits.ImageHDU(np.zeros(clean.shape, np.int32), name=f"{arm}_MASK"))
        if resolution:
            matrix = np.ascontiguousarray(resolution_matrix(n, pixels, DESI_SIGMA[arm]))
            hdus.append(fits.ImageHDU(matrix, name=f"{arm}_RESOLUTION"))
    scores = Table({"TARGETID": targetids, "MEDIAN_COADD_SNR_R": np.full(n, DESI_SN, np.float32)})
    hdus.append(fits.BinTableHDU(scores, name="SCORES"))
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def rvtab(targetids: np.ndarray, labels: dict[str, np.ndarray], combined: bool) -> Table:
    """RVTAB of rvspecfit; ``combined``: with the columns that the value-added catalogue adds."""
    n = len(targetids)
    out = Table({"VRAD": labels["vrad"], "VRAD_ERR": labels.get("vrad_err", np.full(n, 1.5))})
    for name, values in (("LOGG", "logg"), ("TEFF", "teff"), ("FEH", "mh")):
        out[name] = labels[values]
    out["ALPHAFE"] = np.zeros(n)
    for name, error in (("LOGG_ERR", 0.05), ("TEFF_ERR", 20.0), ("ALPHAFE_ERR", 0.05), ("FEH_ERR", 0.04)):
        out[name] = np.full(n, error)
    out["VSINI"], out["NEXP"] = np.full(n, 5.0), np.ones(n, np.int64)
    out["RVS_WARN"] = np.zeros(n, np.int64)
    out["TARGETID"] = np.asarray(targetids, np.int64)
    for arm in "BRZ":
        out[f"SN_{arm}"] = np.full(n, DESI_SN, np.float32)
    out["SUCCESS"] = np.ones(n, bool)
    if combined:
        out["HEALPIX"], out["RR_Z"] = np.full(n, 10016, np.int64), labels["vrad"] / C_KMS
        out["RR_SPECTYPE"] = np.full(n, "STAR", dtype="U6")
        out["SURVEY"], out["PROGRAM"] = np.full(n, "main", dtype="U7"), np.full(n, "bright", dtype="U6")
        out["PRIMARY"] = np.ones(n, bool)
    return out


def sptab(targetids: np.ndarray, labels: dict[str, np.ndarray]) -> Table:
    """SPTAB of FERRE."""
    n = len(targetids)
    covariance = np.tile(np.diag([0.04**2, 0.05**2, 0.1**2, 30.0**2, 0.06**2]).ravel(), (n, 1))
    return Table(
        {
            "SUCCESS": np.ones(n, np.int64),
            "TARGETID": np.asarray(targetids, np.int64),
            "BESTGRID": np.full(n, "s_rdesi1"),
            "TEFF": labels["teff"],
            "LOGG": labels["logg"],
            "FEH": labels["mh"],
            "COVAR": covariance,
            "SNR_MED": np.full(n, DESI_SN),
            "RV_ADOP": labels["vrad"],
            "RV_ERR": np.full(n, 1.5),
        }
    )


def write_mwsall(
    path: Path,
    targetids: Sequence[int] | np.ndarray,
    labels: dict[str, np.ndarray],
    *,
    sp_labels: dict[str, np.ndarray] | None = None,
    changes: dict[str, dict[str, np.ndarray]] | None = None,
) -> Path:
    """The Milky Way Survey's value-added catalogue, one row for each entry of ``targetids``.

    Args:
        labels: teff, logg, mh, vrad (and vrad_err), each (N,), as ``labels_of`` gives them.
        sp_labels: those of FERRE; None: the same.
        changes: HDU -> columns to overwrite.
    """
    targetids = np.asarray(targetids, np.int64)
    n = len(targetids)
    fibermap = Table({"TARGETID": targetids, "COADD_FIBERSTATUS": np.zeros(n, np.int32)})
    tables = {
        "RVTAB": rvtab(targetids, labels, combined=True),
        "SPTAB": sptab(targetids, sp_labels or labels),
        "FIBERMAP": fibermap,
        "SCORES": Table({"TARGETID": targetids}),
        "GAIA": Table({"SOURCE_ID": targetids}),
    }
    _write_tables(path, tables, changes)
    return path


def write_rvtab(path: Path, targetids: np.ndarray, labels: dict[str, np.ndarray]) -> Path:
    """The rvtab file that rvspecfit writes for one coadd file."""
    targetids = np.asarray(targetids, np.int64)
    fibermap = Table({"TARGETID": targetids, "COADD_FIBERSTATUS": np.zeros(len(targetids), np.int32)})
    _write_tables(path, {"RVTAB": rvtab(targetids, labels, combined=False), "FIBERMAP": fibermap}, None)
    return path


def _write_tables(path: Path, tables: dict[str, Table], changes: dict[str, dict[str, np.ndarray]] | None) -> None:
    for hdu, columns in (changes or {}).items():
        for name, values in columns.items():
            tables[hdu][name] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus = [fits.PrimaryHDU(), *(fits.BinTableHDU(t, name=name) for name, t in tables.items())]
    fits.HDUList(hdus).writeto(path, overwrite=True)
