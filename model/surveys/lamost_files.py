"""LAMOST low-resolution spectra as the archive gives them: ``spec-*.fits(.gz)``, one spectrum a file.

Layouts (lamost.org, production descriptions): from DR8 a binary table COADD of one row with FLUX, IVAR, WAVELENGTH,
ANDMASK and ORMASK; before, the primary image with the rows flux, ivar, wavelength, and-mask, or-mask. Vacuum
wavelengths, heliocentric. The survey's stellar catalogue (LASP: obsid, teff, logg, feh, rv and errors) gives labels.
"""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from model.surveys import ObservedSpectra, reading
from site_builder.contract import BadInput

INSTRUMENT = "LAMOST low-resolution survey"
RESOLUTION = 1800.0
FIELDS = ("WAVELENGTH", "FLUX", "IVAR", "ANDMASK")  # of the new layout
ROWS = 5  # of the old layout
COLUMNS = {"teff": ("teff",), "logg": ("logg",), "mh": ("feh",)}
ERRORS = {"teff": ("teff_err",), "logg": ("logg_err",), "mh": ("feh_err",)}
NO_VELOCITY = 3000.0  # km/s; the catalogue writes -9999


def read(path: Path, catalogue: Path | None = None, air: bool | None = None) -> ObservedSpectra:
    """One LAMOST spectrum; pixels that all exposures flag (AND-mask) have no weight.

    Args:
        catalogue: LASP's stellar catalogue (FITS or text); the row of the file's OBSID gives labels and velocity, of
            several that of the smallest logg_err. A star that it does not hold, or holds without valid labels, is
            left out and counted. None: labels NaN, z from the header.
        air: whether wavelengths are in air; None: as the header's VACUUM says, vacuum where it says nothing.

    Raises:
        BadInput: damaged, in neither layout, or without a pixel with weight.
    """
    with reading.open_fits(path) as hdus:
        wave, flux, ivar, andmask = _table(path, hdus) if is_table(hdus) else _image(path, hdus)
        header = hdus[0].header
        for hdu in hdus[1:]:
            header = hdu.header if "OBSID" in hdu.header and "OBSID" not in header else header
        name = str(header.get("OBSID") or header.get("DESIG") or path.name)
        z = float(_number(header.get("Z")))
        in_air = any(reading.is_air(h.header) for h in hdus) if air is None else air
    found = {} if catalogue is None else _labels(reading.catalogue(catalogue), catalogue, name)
    velocity = float(found.pop("rv", np.array([np.nan]))[0])
    spectra = reading.one(
        path, name, wave, flux, ivar, andmask != 0, z=velocity / reading.C_KMS if np.isfinite(velocity) else z,
        instrument=INSTRUMENT, resolution=RESOLUTION, air=in_air, **found,
    )  # fmt: skip
    return spectra if catalogue is None else spectra.take(spectra.labelled, "valid labels")


def is_table(hdus: fits.HDUList) -> bool:
    """Whether this is the layout from DR8 on."""
    return _number_of_table(hdus) is not None


def _number_of_table(hdus: fits.HDUList) -> int | None:
    return next(
        (
            i
            for i, h in enumerate(hdus)
            if isinstance(h, fits.BinTableHDU) and set(FIELDS) <= {n.upper() for n in h.columns.names}
        ),
        None,
    )


def is_image(hdus: fits.HDUList) -> bool:
    """Whether this is the layout before DR8: five rows, of a spectrum that names its telescope or its log axis."""
    shape, header = hdus[0].shape, hdus[0].header
    said = str(header.get("TELESCOP", "")).strip().upper()
    return len(shape) == 2 and shape[0] == ROWS and (said == "LAMOST" or "COEFF0" in header)


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # a header card may hold anything
    except (TypeError, ValueError):
        return float("nan")


def _table(path: Path, hdus: fits.HDUList) -> tuple[np.ndarray, ...]:
    number = _number_of_table(hdus)
    assert number is not None
    data = reading.table(hdus, path, number)
    # one row of vectors; a table of one pixel a row is the same numbers
    return tuple(reading.floats(np.ravel(reading.column(data, path, name))) for name in FIELDS)


def _image(path: Path, hdus: fits.HDUList) -> tuple[np.ndarray, ...]:
    image = reading.image(hdus, path, 0)
    if image.ndim != 2 or len(image) < ROWS:
        raise BadInput(f"{path}: HDU PRIMARY has the shape {image.shape}, not {ROWS} rows; give a LAMOST spectrum.")
    flux, ivar, wave, andmask = reading.floats(image[:4])
    return wave, flux, ivar, andmask


def _labels(data: np.ndarray, path: Path, name: str) -> dict[str, Any]:
    """Labels and rv (1,) of an OBSID."""
    rows = np.flatnonzero(reading.column(data, path, "obsid").astype(str) == name)
    uncertainty = reading.optional(data, "logg_err")
    row = -1
    if len(rows):
        row = int(rows[0])
        if uncertainty is not None:
            row = int(rows[np.argmin(np.nan_to_num(reading.error(uncertainty[rows]), nan=np.inf))])
    found = reading.labels_from(data, path, COLUMNS, ERRORS, row)
    rv = reading.optional(data, "rv")
    velocity = float(rv[row]) if rv is not None and row >= 0 else np.nan
    return found | {"rv": np.array([velocity if abs(velocity) < NO_VELOCITY else np.nan])}
