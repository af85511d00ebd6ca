"""A reader's own spectra: FITS binary tables (one or many spectra), CSV and ECSV (one)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

from model.surveys.reading import listed, open_fits, printable, quiet, reason, says_air
from site_builder.contract import BadInput

WAVE = ("wave", "wavelength", "lambda", "lam", "loglam")
FLUX = ("flux",)
IVAR = ("ivar", "inverse_variance")
ERROR = ("error", "err", "sigma", "flux_error", "uncertainty")
TEXT = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv"}


@dataclass
class TableSpectrum:
    """One spectrum of a file.

    Attributes:
        name: where it stands, for messages ("spectra.fits", "spectra.fits row 3").
        wave: (n,) increasing Angstrom, air or vacuum as the file has it.
        flux: (n,) any unit; 0 where invalid.
        ivar: (n,) inverse variance; 0 where there is no data.
        z: redshift as the file has it; 0 where it says nothing.
        air: whether wavelengths are in air; None where the file does not say.
    """

    name: str
    wave: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    z: float = 0.0
    air: bool | None = None


@dataclass
class _Columns:
    """A file's columns; wave in Angstrom."""

    wave: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    air: bool | None = None


def read_spectra(path: Path, unit: str | None = None) -> list[TableSpectrum]:
    """All spectra of a file.

    FITS: the first binary table with a column ``flux``; ``wave`` (or ``loglam``) beside it, or once in an HDU
    of that name; ``ivar`` (or ``error``). Vector columns hold one spectrum per row, scalar columns one spectrum.
    CSV and ECSV: the same columns, one spectrum. Without a unit, wavelengths are taken as Angstrom.

    Args:
        unit: of wavelengths, in place of what the file says.

    Raises:
        BadInput: not such a file, a column is missing, or no pixel is usable.
    """
    if not path.exists():
        raise BadInput(f"{path} is not there; give the path of a FITS, CSV or ECSV file.")
    try:
        with quiet():
            columns = _text_columns(path, unit) if path.suffix.lower() in TEXT else _fits_columns(path, unit)
    except BadInput:
        raise
    except Exception as error:  # astropy raises many kinds on files that are something else
        raise BadInput(f"{path} is no spectrum file ({reason(error)}); give a FITS table, CSV or ECSV file.") from None
    wave, flux, ivar = columns.wave, columns.flux, columns.ivar
    if flux.ndim == 1:
        flux, ivar = flux[None], ivar[None]
    waves = np.broadcast_to(wave, flux.shape) if wave.ndim == 1 and wave.shape[-1] == flux.shape[1] else wave
    if waves.shape != flux.shape or ivar.shape != flux.shape:
        raise BadInput(
            f"{path}: fields wave {wave.shape}, flux {flux.shape} and ivar {ivar.shape} differ in shape; "
            "make them equal."
        )
    names = [f"{path} row {i}" if len(flux) > 1 else str(path) for i in range(len(flux))]
    return [_clean(*row, columns.air) for row in zip(names, waves, flux, ivar, strict=True)]


def _clean(name: str, wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, air: bool | None) -> TableSpectrum:
    wave, flux, ivar = (np.asarray(a, np.float64) for a in (wave, flux, ivar))
    if not np.isfinite(wave).all() or (np.diff(wave) <= 0).any() or len(wave) < 2:
        if len(wave) > 1 and np.isfinite(wave).all() and (np.diff(wave) < 0).all():
            wave, flux, ivar = wave[::-1], flux[::-1], ivar[::-1]
        else:
            raise BadInput(f"{name}: field wave does not rise from pixel to pixel; sort it and remove repeats.")
    valid = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if not np.isfinite(flux).any():
        raise BadInput(f"{name}: field flux holds no finite number; give a calibrated spectrum.")
    if not valid.any():
        raise BadInput(f"{name}: field ivar is zero or not finite throughout; give the inverse variance of the flux.")
    return TableSpectrum(name, wave, np.where(valid, flux, 0), np.where(valid, ivar, 0), air=air)


def _find(names: list[str], wanted: tuple[str, ...]) -> str | None:
    lowered = {n.lower(): n for n in names}
    return next((lowered[w] for w in wanted if w in lowered), None)


def _angstrom(path: Path, name: str, values: np.ndarray, unit: Any) -> np.ndarray:
    """Wavelengths in Angstrom from a column called ``name`` with ``unit`` (None: Angstrom)."""
    values = np.asarray(values, np.float64)
    if name.lower() == "loglam":
        return np.asarray(10**values)
    if unit is not None and str(unit):
        try:
            return np.asarray((values * units.Unit(str(unit))).to_value(units.Angstrom))
        except (units.UnitConversionError, ValueError, TypeError):
            raise BadInput(
                f"{path}: field {name} has the unit {printable(str(unit), 40)}, which is no wavelength; give Angstrom."
            ) from None
    middle = float(np.nanmedian(values)) if values.size else 0.0
    if not 2000 < middle < 200_000:
        raise BadInput(f"{path}: field {name} (median {middle:g}) is not in Angstrom; give it a unit or convert it.")
    return values


def _ivar(path: Path, names: list[str], column: Any) -> np.ndarray:
    ivar = _find(names, IVAR)
    if ivar is not None:
        return np.asarray(column(ivar), np.float64)
    error = _find(names, ERROR)
    if error is None:
        raise BadInput(f"{path}: field ivar is missing (there are {listed(names)}); add the inverse variance.")
    sigma = np.asarray(column(error), np.float64)
    return np.divide(1.0, sigma**2, out=np.zeros_like(sigma), where=sigma > 0)


def _text_columns(path: Path, unit: str | None) -> _Columns:
    with path.open("rb") as handle:
        head = b""
        while (line := handle.readline(1 << 16)).startswith(b"#"):
            head += line
    if re.search(rb"subtype:[^\n]*\[", head):  # astropy takes memory for the shape that such a header claims
        raise BadInput(f"{path}: a column holds arrays; give one number in each row and column.")
    table = Table.read(path, format=TEXT[path.suffix.lower()])
    names = list(table.colnames)
    flux, wave = _find(names, FLUX), _find(names, WAVE)
    for wanted, found in (("flux", flux), ("wave", wave)):
        if found is None:
            raise BadInput(f"{path}: field {wanted} is missing (there are {listed(names)}); name the column so.")
    assert flux is not None
    assert wave is not None

    def column(name: str) -> np.ndarray:
        return np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)

    axis = _angstrom(path, wave, column(wave), unit or table[wave].unit)
    return _Columns(axis, column(flux), _ivar(path, names, column))


def _fits_columns(path: Path, unit: str | None) -> _Columns:
    with open_fits(path, "give a FITS table, CSV or ECSV file") as hdus:
        tables = [h for h in hdus if isinstance(h, fits.BinTableHDU)]
        spectra = next((h for h in tables if _find(h.columns.names, FLUX)), None)
        if spectra is None:
            raise BadInput(f"{path}: no binary table has a field flux; give columns wave, flux and ivar.")
        names = list(spectra.columns.names)
        flux, wave = _find(names, FLUX), _find(names, WAVE)
        assert flux is not None
        if wave is not None:
            axis = _angstrom(path, wave, spectra.data[wave], unit or spectra.columns[wave].unit)
        else:
            axis = _wave_hdu(path, hdus, unit)
        ivar = _ivar(path, names, lambda n: spectra.data[n])
        said = (says_air(h.header) for h in hdus)
        air = next((a for a in said if a is not None), None)
        return _Columns(axis, np.asarray(spectra.data[flux], np.float64), ivar, air)


def _wave_hdu(path: Path, hdus: fits.HDUList, unit: str | None) -> np.ndarray:
    for hdu in hdus:
        if hdu.name.lower() in WAVE and hdu.data is not None:
            if isinstance(hdu, fits.BinTableHDU):
                name = hdu.columns.names[0]
                return _angstrom(path, name, np.ravel(hdu.data[name]), unit or hdu.columns[name].unit)
            return _angstrom(path, hdu.name, np.ravel(hdu.data), unit or hdu.header.get("BUNIT"))
    raise BadInput(f"{path}: field wave is missing; give it as a column, or once in an HDU named WAVE.")
