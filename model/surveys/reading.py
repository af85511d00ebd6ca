"""What every reader shares: opening FITS files, taking HDUs and columns, and the checks on what they hold."""

import gzip
import io
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning, AstropyWarning

from model.resample import vacuum_from_air
from model.surveys import LABELS, VALID, ObservedSpectra
from site_builder.contract import BadInput

C_KMS = 299_792.458
# what a damaged file makes astropy, numpy and zlib raise
DAMAGE = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, zlib.error)
GZIP = b"\x1f\x8b"
FREE, RATIO, LARGEST = 64 << 20, 100, 4 << 30  # bytes unpacked that are always, times the size, and ever taken
CARD = 80  # bytes of a line of a header
COUNT, MOST = re.compile(rb"(NAXIS   |TFIELDS )= *(\d{1,70})"), 999  # FITS 4.0, sections 4.4.1.1 and 7.2.1
NEGATIVE = re.compile(rb"(NAXIS[ \d]{3}|TFIELDS |PCOUNT  |GCOUNT  )= *-")  # astropy would go back in the file, for ever


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing on the terminal about a file that is odd: it is read, or refused in one sentence.

    Only a file that is shorter than its headers say is refused, which astropy warns of.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", AstropyWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        yield


@contextmanager
def open_fits(path: Path, mend: str = "fetch the file again") -> Iterator[fits.HDUList]:
    """A FITS file (gzipped or not), with the headers of all its HDUs read and its length checked.

    Args:
        path: the file.
        mend: what its reader should do if it is no such file.

    Raises:
        BadInput: the file is missing, no FITS file, or shorter than its headers say.
    """
    if not path.is_file():
        raise BadInput(f"{path} is not there; give the path of a FITS file.")
    with path.open("rb") as handle, quiet():
        try:
            stream, size = unpacked(handle)
            hdus = fits.open(stream, memmap=False, lazy_load_hdus=False, disable_image_compression=True)
            ends = [_end(hdu) for hdu in hdus]
        except Exception as error:  # astropy raises many kinds on files that are damaged
            raise BadInput(f"{path} cannot be read as FITS ({reason(error)}); {mend}.") from None
        with hdus:
            if ends and max(ends) > size:
                raise BadInput(f"{path} is truncated: its headers announce more data than it has; fetch it again.")
            yield hdus


def _end(hdu: Any) -> int:
    """Byte after the data of an HDU; its header and columns are parsed, which astropy else does when first asked."""
    list(hdu.header.values())
    if isinstance(hdu, fits.BinTableHDU):
        list(hdu.columns)
    info = hdu.fileinfo()
    return 0 if info is None else int(info["datLoc"] + info["datSpan"])


def unpacked(handle: io.BufferedReader) -> tuple[io.BufferedReader | io.BytesIO, int]:
    """The stream itself, or what it holds compressed, and the number of bytes.

    Compressed files are unpacked at once: astropy takes the end of a truncated one for the end of the file.

    Raises:
        ValueError: a header counts more axes or columns than FITS allows, which astropy would make lists of.
    """
    packed = handle.read(len(GZIP)) == GZIP
    handle.seek(0)
    stream = _unpack(handle) if packed else handle
    for cards in iter(lambda: stream.read(CARD << 12), b""):
        for found in COUNT.finditer(cards):
            if found.start() % CARD == 0 and int(found[2]) > MOST:
                raise ValueError(f"{found[1].decode().strip()} is above {MOST}, the most that FITS allows")
        for found in NEGATIVE.finditer(cards):
            if found.start() % CARD == 0:
                raise ValueError(f"{found[1].decode().strip()} is negative, which no count is")
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return stream, size


def _unpack(handle: io.BufferedReader) -> io.BytesIO:
    """What a compressed file holds; one that holds far more than spectra do is refused before memory is taken.

    Raises:
        ValueError: a decompression bomb.
    """
    most = min(LARGEST, max(FREE, RATIO * handle.seek(0, io.SEEK_END)))
    handle.seek(0)
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=handle) as packed:
        while part := packed.read(1 << 20):
            if out.tell() + len(part) > most:
                raise ValueError(f"it unpacks to more than {most >> 20} MiB, which no spectrum of its size does")
            out.write(part)
    return out


def printable(text: str, most: int) -> str:
    """The first characters of a file's own text, fit for a sentence on the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])


def reason(error: BaseException) -> str:
    """The first line of what an error says."""
    text = str(error).strip() or type(error).__name__
    return printable(text.splitlines()[0], 100).rstrip(".")


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names of columns or HDUs for a sentence; of many the first."""
    some = [printable(n or "unnamed", 40) for n in names[:most]]
    return ", ".join(some) + (f" and {len(names) - most} more" if len(names) > most else "")


def names(hdus: fits.HDUList) -> list[str]:
    """Names of all HDUs, in order."""
    return [h.name for h in hdus]


def image(hdus: fits.HDUList, path: Path, name: str | int) -> np.ndarray:
    """Data of an image HDU as a native array.

    Raises:
        BadInput: there is no such HDU, or it holds no readable image.
    """
    data = _data(hdus, path, name)
    if data is None or data.dtype.names is not None:
        raise BadInput(f"{path}: HDU {name} holds no image; give a file in the survey's own layout.")
    return native(data)


def table(hdus: fits.HDUList, path: Path, name: str | int) -> fits.FITS_rec:
    """Data of a binary-table HDU.

    Raises:
        BadInput: there is no such HDU, or it holds no readable table.
    """
    data = _data(hdus, path, name)
    if data is None or data.dtype.names is None:
        raise BadInput(f"{path}: HDU {name} holds no table; give a file in the survey's own layout.")
    return data


def _data(hdus: fits.HDUList, path: Path, name: str | int) -> Any:
    try:
        hdu = hdus[name]
    except (KeyError, IndexError):
        have = listed(names(hdus))
        raise BadInput(f"{path}: HDU {name} is missing (there are {have}); give a file in its own layout.") from None
    try:
        return hdu.data
    except Exception as error:  # as above
        raise BadInput(f"{path}: HDU {name} is damaged ({reason(error)}); fetch the file again.") from None


def column(data: np.ndarray, path: Path, *wanted: str) -> np.ndarray:
    """The first column of ``data`` that has one of the names ``wanted`` (any case), as a native array.

    Raises:
        BadInput: none is there.
    """
    found = optional(data, *wanted)
    if found is None:
        raise BadInput(f"{path}: field {wanted[0]} is missing; give a file with the survey's own columns.")
    return found


def optional(data: np.ndarray, *wanted: str) -> np.ndarray | None:
    """``column``, or None where there is none."""
    have = {n.lower(): n for n in data.dtype.names or ()}
    name = next((have[w.lower()] for w in wanted if w.lower() in have), None)
    return None if name is None else native(np.asarray(data[name]))


def catalogue(path: Path) -> Any:
    """Rows of a catalogue: the first binary table of a FITS file, or a text table (CSV or with another delimiter).

    Raises:
        BadInput: the file is missing, damaged or holds no table.
    """
    if not path.is_file():
        raise BadInput(f"{path} is not there; give the path of a catalogue.")
    if re.search(r"\.(fits?|fit)(\.gz)?$", path.name, re.IGNORECASE):
        with open_fits(path) as hdus:
            number = next((i for i, h in enumerate(hdus) if isinstance(h, fits.BinTableHDU)), None)
            if number is None:
                raise BadInput(f"{path}: no HDU holds a table; give the survey's catalogue.")
            return table(hdus, path, number)
    try:
        rows = Table.read(path, format="ascii").as_array()
    except Exception as wrong:  # astropy raises many kinds on files that are something else
        raise BadInput(f"{path} is no catalogue ({reason(wrong)}); give a FITS or CSV table.") from None
    return np.ma.filled(rows) if np.ma.isMaskedArray(rows) else rows


def labels_from(
    data: np.ndarray,
    path: Path,
    columns: Mapping[str, tuple[str, ...]],
    errors: Mapping[str, tuple[str, ...]],
    row: int,
) -> dict[str, Any]:
    """Labels and errors of one row of a catalogue, as the keyword arguments of ``one``.

    Args:
        columns, errors: for teff, logg and mh the names that their column may have; errors may lack.
        row: -1: not in the catalogue, all NaN.
    """
    out = {}
    for name in LABELS:
        values, wrong = column(data, path, *columns[name]), optional(data, *errors[name])
        out[name] = label(name, values[[row]] if row >= 0 else np.array([np.nan]))
        out[f"{name}_err"] = error(wrong[[row]] if row >= 0 and wrong is not None else np.array([np.nan]))
    return out


def one(
    path: Path, name: str, wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray | None,
    *, z: float, instrument: str, resolution: float | None, air: bool = False, **labels: np.ndarray,
) -> ObservedSpectra:  # fmt: skip
    """One spectrum as ``ObservedSpectra``: wavelengths turned to rise and into vacuum, pixels without data weighed 0.

    Args:
        name: its identifier.
        wave: (n,) Angstrom, rising or falling throughout.
        flux, ivar: (n,).
        mask: (n,) bool, True where bad.
        z: 0 where it is not a finite number.
        air: wavelengths are in standard air.
        labels: teff, logg, mh, teff_err, ...: (1,); missing ones are NaN.

    Raises:
        BadInput: the axis does not rise, or no pixel has weight.
    """
    if not np.shape(wave) == np.shape(flux) == np.shape(ivar):
        raise BadInput(f"{path}: fields wave, flux and ivar differ in length; fetch the file again.")
    bad = np.zeros(len(wave), bool) if mask is None else mask
    wave, flux, ivar, bad = ordered(path, "wave", wave, flux, ivar, bad)
    flux, ivar = clean(flux, ivar, bad)
    weighted(path, ivar[None])
    found = {k: labels.get(k, np.array([np.nan])) for k in (*LABELS, *(f"{n}_err" for n in LABELS))}
    return ObservedSpectra(
        id=np.array([name]), wave=vacuum_from_air(wave) if air else wave, flux=flux[None], ivar=ivar[None],
        mask=None if mask is None else bad[None], z=np.array([z if np.isfinite(z) else 0.0]),
        instrument=instrument, resolution=resolution, report={"spectra in the file": 1}, **found,
    )  # fmt: skip


def text(values: np.ndarray) -> np.ndarray:
    """Strings of a FITS column, stripped."""
    return np.char.strip(np.asarray(values).astype(str))


def floats(values: np.ndarray) -> np.ndarray:
    """As float64, without a word about numbers that are none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(values).astype(np.float64)


def native(values: np.ndarray) -> np.ndarray:
    """A copy-free view where possible, else a copy, in the byte order of the machine."""
    values = np.asarray(values)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def rising(path: Path, field: str, wave: np.ndarray) -> np.ndarray:
    """``wave`` (n,) as float64, checked to be finite, positive and increasing.

    Raises:
        BadInput: it is not.
    """
    wave = np.asarray(wave, np.float64)
    if wave.ndim != 1 or len(wave) < 2 or not np.isfinite(wave).all():
        raise BadInput(f"{path}: field {field} is no wavelength axis of finite numbers; give one number a pixel.")
    if wave[0] <= 0 or (np.diff(wave) <= 0).any():
        raise BadInput(f"{path}: field {field} does not rise from pixel to pixel; sort the pixels by wavelength.")
    return wave


def ordered(path: Path, field: str, wave: np.ndarray, *rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """``wave`` and ``rows`` (..., n), turned round where the axis falls throughout, then checked by ``rising``."""
    wave = np.asarray(wave, np.float64)
    if wave.ndim == 1 and len(wave) > 1 and np.all(np.diff(wave) < 0):
        wave, rows = wave[::-1], tuple(r[..., ::-1] for r in rows)
    return rising(path, field, wave), *rows


def clean(flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Flux and ivar (any shape): both finite, and ivar 0 where there is no data or ``mask`` (bool) is set."""
    good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if mask is not None:
        good &= ~mask
    return np.where(np.isfinite(flux), flux, 0), np.where(good, ivar, 0)


def weighted(path: Path, ivar: np.ndarray) -> np.ndarray:
    """(N,) bool: spectra (N, pixels) that have a pixel with weight.

    Raises:
        BadInput: there are spectra, and none has one.
    """
    some = np.asarray((ivar > 0).any(axis=-1))
    if some.size and not some.any():
        raise BadInput(f"{path}: field ivar is zero or not finite throughout; give spectra with their errors.")
    return some


def label(name: str, values: np.ndarray) -> np.ndarray:
    """Labels ``name`` (teff, logg or mh) as float64, NaN where no star can have them (as -9999)."""
    low, high = VALID[name]
    values = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((values > low) & (values < high), values, np.nan)


def error(values: np.ndarray) -> np.ndarray:
    """Errors of labels as float64, NaN where they are not positive (as -9999)."""
    values = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(values > 0, values, np.nan)


def says_air(header: fits.Header) -> bool | None:
    """Whether a header says that wavelengths are in air; None where it says nothing.

    Keywords: AIRORVAC (IRAF, STELIB: "air"/"vac"), VACUUM (SDSS: T/F), CTYPE1 (FITS Paper III, Greisen et al. 2006,
    A&A 446, 747: AWAV is air, WAVE vacuum), and a TUNIT/CUNIT that says "air".
    """
    said = str(header.get("AIRORVAC", "")).strip().lower()
    if said:
        return said.startswith("air")
    if "VACUUM" in header:
        return not bool(header["VACUUM"])
    axis = str(header.get("CTYPE1", "")).strip().upper()
    if axis.startswith(("AWAV", "WAVE")):
        return axis.startswith("AWAV")
    units = [str(v) for k, v in header.items() if re.fullmatch(r"(TUNIT|CUNIT)\d+", k)]
    return True if any(re.search(r"\bair\b", u, re.IGNORECASE) for u in units) else None


def is_air(header: fits.Header) -> bool:
    """Whether a header says that wavelengths are in air (see ``says_air``)."""
    return bool(says_air(header))
