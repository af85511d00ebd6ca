"""Any survey's file: the format is recognised from what the file holds, never from its name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

from model.resample import vacuum_from_air
from model.surveys import ObservedSpectra, apogee, desi, lamost_files, reading, sdss, tables
from site_builder.contract import BadInput

Reader = Callable[[Path, Path | None], ObservedSpectra]
CATALOGUES = ("RVTAB", "SPTAB", "REDSHIFTS")  # HDUs of files that hold labels or redshifts, not spectra


def _is_desi(hdus: fits.HDUList) -> bool:
    have = set(reading.names(hdus))
    return "FIBERMAP" in have and any({f"{a}_WAVELENGTH", f"{a}_FLUX", f"{a}_IVAR"} <= have for a in desi.ARMS)


def _read_desi(path: Path, catalogue: Path | None) -> ObservedSpectra:
    with reading.open_fits(path) as hdus:
        have = set(reading.names(hdus))
    arms = tuple(a for a in ("R", "Z") if f"{a}_FLUX" in have) or ("B",)
    return desi.read(path, catalogue, arms=arms, window=None if arms == ("B",) else desi.WINDOW)


FORMATS: dict[str, tuple[Callable[[fits.HDUList], bool], Reader]] = {
    "DESI coadd or spectra": (_is_desi, _read_desi),
    "APOGEE apStar or aspcapStar": (apogee.is_star, apogee.read),
    "SDSS spec": (sdss.is_spec, sdss.read),
    "LAMOST spec": (lambda hdus: lamost_files.is_table(hdus) or lamost_files.is_image(hdus), lamost_files.read),
}


def recognise(path: Path) -> str | None:
    """Name of the survey format of a FITS file, None where it is none of ``FORMATS``.

    Raises:
        BadInput: the file is missing, damaged or no FITS file.
    """
    with reading.open_fits(path) as hdus:
        try:
            found = next((name for name, (test, _) in FORMATS.items() if test(hdus)), None)
        except reading.DAMAGE as error:
            raise BadInput(f"{path} cannot be read as FITS ({reading.reason(error)}); fetch the file again.") from None
        if found is None and set(reading.names(hdus)) & set(CATALOGUES):
            raise BadInput(f"{path} is a catalogue, not a file of spectra; give it as the catalogue of one.")
        return found


def _read(name: str, path: Path, catalogue: Path | None) -> ObservedSpectra:
    """Spectra of a survey's file; whatever damage does to its reader is one sentence."""
    try:
        with reading.quiet():
            return FORMATS[name][1](path, catalogue)
    except BadInput:
        raise
    except Exception as error:  # numbers and texts where the survey has others
        files = str(path) if catalogue is None else f"{path} or {catalogue}"
        raise BadInput(f"{files} is damaged ({reading.reason(error)}); fetch the file again.") from None


def read_any(path: Path, catalogue: Path | None = None, air: bool = False) -> ObservedSpectra:
    """Spectra of any file that a reader exists for.

    A survey's FITS file goes to the survey's reader; CSV, ECSV and FITS tables with columns wave, flux and ivar to
    ``tables``, with z = 0 and no labels.

    Args:
        catalogue: labels for the spectra, as the survey's reader takes them.
        air: wavelengths of a table are in air (survey files say it themselves).

    Raises:
        BadInput: the file is missing, damaged or in no format that is known.
    """
    if path.suffix.lower() in tables.TEXT:
        return _table(path, catalogue, air)
    name = recognise(path)
    if name is not None:
        return _read(name, path, catalogue)
    try:
        return _table(path, catalogue, air)
    except BadInput as error:
        if "no binary table" not in str(error):
            raise
        raise BadInput(
            f"{path} is in no format that is known ({', '.join(FORMATS)}, or a table with columns wave, flux and "
            "ivar); convert it."
        ) from None


def read_rows(path: Path, unit: str | None = None) -> list[tables.TableSpectrum]:
    """Spectra of any file one by one, as ``predict`` takes them: a survey's file with the redshift that it has.

    Args:
        unit: of a table's wavelengths, in place of what it says.

    Raises:
        BadInput: the file is missing, damaged or in no format that is known.
    """
    if path.suffix.lower() in tables.TEXT or not path.exists():
        return tables.read_spectra(path, unit)
    try:
        name = recognise(path)
    except BadInput as error:
        if "cannot be read as FITS" not in str(error):
            raise
        name = None  # the table's reader says what is expected
    if name is None:
        return tables.read_spectra(path, unit)
    spectra = _read(name, path, None)
    if not len(spectra):
        raise BadInput(f"{path}: no spectrum of a target with usable pixels is in the file; give another.")
    many = len(spectra) > 1
    return [
        tables.TableSpectrum(
            f"{path} target {spectra.id[i]}" if many else str(path), spectra.wave,
            np.asarray(spectra.flux[i], np.float64), np.asarray(spectra.ivar[i], np.float64),
            z=float(spectra.z[i]), air=False,
        )
        for i in range(len(spectra))
    ]  # fmt: skip


def _table(path: Path, catalogue: Path | None, air: bool) -> ObservedSpectra:
    if catalogue is not None:
        raise BadInput(f"{path} is a table without identifiers, so labels cannot be joined; leave out the catalogue.")
    rows = tables.read_spectra(path)
    wave = rows[0].wave
    if any(len(r.wave) != len(wave) or not np.array_equal(r.wave, wave) for r in rows):
        raise BadInput(f"{path}: field wave differs from row to row; give spectra on one axis, or one file each.")
    n = len(rows)
    ivar = np.array([r.ivar for r in rows])
    return ObservedSpectra(
        id=np.array([r.name for r in rows]), wave=vacuum_from_air(wave) if air else wave,
        flux=np.array([r.flux for r in rows]), ivar=ivar, z=np.zeros(n),
        logg=np.full(n, np.nan), teff=np.full(n, np.nan), mh=np.full(n, np.nan),
        instrument="table", report={"spectra in the file": n},
    )  # fmt: skip
