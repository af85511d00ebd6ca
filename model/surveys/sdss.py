"""SDSS optical spectra: ``spec-PLATE-MJD-FIBER.fits``, one spectrum a file.

Layout (data.sdss.org/datamodel, spec): COADD (flux, loglam, ivar, and_mask; vacuum, heliocentric), SPECOBJ (Z).
Labels: the SEGUE pipeline's adopted values (Lee et al. 2008, AJ 136, 2022), from an HDU SPPARAMS of the file or from a
catalogue (sppParams of the archive's database, or ssppOut).
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

from model.surveys import ObservedSpectra, reading

INSTRUMENT = "SDSS"
RESOLUTION = 2000.0
# bits of SPPIXMASK that leave no usable pixel: whole fibre (0-3), rejected, no sky, bright sky, rejected in the
# combination, bad flux factor, bad sky residuals (sdss.org, bitmasks)
BAD_BITS = (0, 1, 2, 3, 18, 22, 23, 25, 26, 27, 28)
BAD = int(sum(1 << bit for bit in BAD_BITS))
COLUMNS = {"teff": ("TEFFADOP", "TEFF_ADOP"), "logg": ("LOGGADOP", "LOGG_ADOP"), "mh": ("FEHADOP", "FEH_ADOP")}
ERRORS = {k: tuple(f"{c}UNC" if "_" not in c else f"{c}_UNC" for c in v) for k, v in COLUMNS.items()}
PARAMETERS = ("SPPARAMS", "SPPPARAMS")


def read(path: Path, catalogue: Path | None = None, air: bool | None = None) -> ObservedSpectra:
    """One SDSS spectrum; pixels under ``BAD`` bits of the and-mask have no weight.

    Args:
        catalogue: table with PLATE, MJD, FIBERID (or FIBER) and the adopted labels; a star that it does not hold, or
            holds without valid labels (-9999), is left out and counted. None: labels of an HDU SPPARAMS, else NaN.
        air: whether wavelengths are in air; None: as the header's VACUUM says, vacuum where it says nothing.

    Raises:
        BadInput: damaged, another layout, or no pixel has weight.
    """
    with reading.open_fits(path) as hdus:
        coadd, about = reading.table(hdus, path, "COADD"), _about(path, hdus)
        wave = 10 ** reading.floats(reading.column(coadd, path, "loglam"))
        flux, ivar = (reading.floats(reading.column(coadd, path, n)) for n in ("flux", "ivar"))
        flags = reading.optional(coadd, "and_mask")
        z = float(reading.column(about, path, "Z")[0])
        key = tuple(int(reading.column(about, path, *n)[0]) for n in (("PLATE",), ("MJD",), ("FIBERID", "FIBER")))
        inside = next((n for n in reading.names(hdus) if n in PARAMETERS), None)
        in_air = reading.is_air(hdus[0].header) if air is None else air
        found = {}
        if catalogue is None and inside is not None:
            found = reading.labels_from(reading.table(hdus, path, inside), path, COLUMNS, ERRORS, 0)
    if catalogue is not None:
        data = reading.catalogue(catalogue)
        found = reading.labels_from(data, catalogue, COLUMNS, ERRORS, _row(data, catalogue, key))
    mask = None if flags is None else (flags & BAD) != 0
    spectra = reading.one(
        path, "{:04d}-{}-{:04d}".format(*key), wave, flux, ivar, mask, z=z,
        instrument=INSTRUMENT, resolution=RESOLUTION, air=in_air, **found,
    )  # fmt: skip
    return spectra if catalogue is None else spectra.take(spectra.labelled, "valid labels")


def is_spec(hdus: fits.HDUList) -> bool:
    """Whether this is an SDSS ``spec`` file."""
    return any(
        isinstance(h, fits.BinTableHDU) and {"flux", "loglam", "ivar"} <= {c.lower() for c in h.columns.names}
        for h in hdus
        if h.name == "COADD"
    )


def _about(path: Path, hdus: fits.HDUList) -> fits.FITS_rec:
    """The row of the pipeline's results: SPECOBJ, called SPALL in BOSS files."""
    return reading.table(hdus, path, "SPALL" if "SPALL" in reading.names(hdus) else "SPECOBJ")


def _row(data: np.ndarray, path: Path, key: tuple[int, ...]) -> int:
    """Row of a (plate, MJD, fibre), -1 where there is none."""
    names = (("PLATE",), ("MJD",), ("FIBERID", "FIBER"))
    same = [reading.column(data, path, *n).astype(int) == k for n, k in zip(names, key, strict=True)]
    rows = np.flatnonzero(np.all(same, axis=0))
    return int(rows[0]) if len(rows) else -1
