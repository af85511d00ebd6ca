"""From what a user asks for to the files of an archive: one function a survey."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from model.fetch.archives import Archive, Remote
from site_builder.contract import BadInput

HEALPIXELS = 12 * 64**2  # NSIDE 64

# BOSZ 2024: effective temperatures (K), and the lowest and highest log g at each; steps of 0.5 dex.
# Source: the archive's readme, and the listing of r20000/m+0.00 that others have published.
BOSZ_RANGES = (
    (range(2800, 4001, 100), -0.5, 5.5),
    (range(4250, 4501, 250), -0.5, 5.0),
    (range(4750, 5251, 250), 0.0, 5.0),
    (range(5500, 5751, 250), 0.5, 5.0),
    (range(6000, 7001, 250), 1.0, 5.0),
    (range(7250, 12001, 250), 2.0, 5.0),
    (range(12500, 16001, 500), 3.0, 5.0),
)
BOSZ_MH = np.arange(-2.5, 0.76, 0.25)


def desi(archive: Archive, healpix: Iterable[int], survey: str, program: str, products: Sequence[str]) -> list[Remote]:
    """Files of some healpixels (NSIDE 64, nested).

    Raises:
        BadInput: a number is no healpixel.
    """
    files = []
    for pixel in dict.fromkeys(healpix):
        if not 0 <= pixel < HEALPIXELS:
            raise BadInput(f"--healpix {pixel} is no healpixel of NSIDE 64; give numbers from 0 to {HEALPIXELS - 1}.")
        files += [
            archive.remote(product, survey=survey, program=program, group=pixel // 100, healpix=pixel)
            for product in products
        ]
    return files


def _columns(path: Path, extension: str | int, *names: str) -> list[np.ndarray]:
    """Columns of a FITS table; text without its padding.

    Raises:
        BadInput: the file or a column is not there.
    """
    try:
        with fits.open(path, memmap=True) as hdus:
            data = hdus[extension].data
            return [np.char.strip(c) if c.dtype.kind in "SU" else c for c in (np.array(data[n]) for n in names)]
    except FileNotFoundError:
        raise BadInput(f"--from-catalogue {path} is not there; fetch it with --catalogue-only.") from None
    except (OSError, KeyError, IndexError, TypeError, AttributeError) as error:
        what = str(error).strip("\"'").splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(
            f"--from-catalogue {path}: the columns {', '.join(names)} cannot be read ({what}); "
            "give the archive's own catalogue."
        ) from None


def listed_healpixels(tilepix: Path, survey: str, program: str) -> list[int]:
    """Healpixels that DESI has for a survey and program, from its ``tilepix.fits``."""
    surveys, programs, pixels = _columns(tilepix, "TILEPIX", "SURVEY", "PROGRAM", "HEALPIX")
    return sorted({int(p) for p in pixels[(surveys == survey) & (programs == program)]})


def richest_healpixels(catalogue: Path, survey: str, program: str, n: int) -> list[int]:
    """The ``n`` healpixels with most stars of DESI's ``mwsall-pix-iron.fits`` (extension RVTAB).

    Raises:
        BadInput: none has a star.
    """
    surveys, programs, pixels = _columns(catalogue, "RVTAB", "SURVEY", "PROGRAM", "HEALPIX")
    count = Counter(pixels[(surveys == survey) & (programs == program)].tolist())
    if not count:
        raise BadInput(f"--from-catalogue {catalogue} has no star of {survey} {program}; give another program.")
    return [int(p) for p, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))[:n]]


def apogee(
    archive: Archive, stars: Sequence[str], fields: Sequence[str], catalogue: Path | None, products: Sequence[str]
) -> list[Remote]:
    """Spectra of stars, named TELESCOPE/FIELD/ID, or by ID or TELESCOPE/FIELD where a catalogue is given.

    Raises:
        BadInput: a star cannot be found.
    """
    found = [tuple(star.split("/")) for star in stars if star.count("/") == 2]
    short = [star for star in stars if star.count("/") != 2]
    if (short or fields) and catalogue is None:
        raise BadInput(
            f"{(*short, *fields)[0]}: the field of a star, and the stars of a field, stand in the catalogue; name it "
            "with --from-catalogue, or name the star as TELESCOPE/FIELD/ID, for example "
            "apo25m/M53/2M13121982+1731016."
        )
    if catalogue is not None and (short or fields):
        found += _in_allstar(catalogue, short, fields)
    files = []
    for telescope, field, star in dict.fromkeys(found):
        prefix = "as" if telescope == "lco25m" else "ap"
        files += [
            archive.remote(product, telescope=telescope, field=field, star=star, prefix=prefix) for product in products
        ]
    return files


def _in_allstar(catalogue: Path, short: Sequence[str], fields: Sequence[str]) -> list[tuple[str, ...]]:
    telescopes, names, stars = _columns(catalogue, 1, "TELESCOPE", "FIELD", "APOGEE_ID")
    places = np.char.add(np.char.add(telescopes, "/"), names)
    for wanted, column in ((short, stars), (fields, places)):
        lost = sorted(set(wanted) - set(column.tolist()))
        if lost:
            raise BadInput(f"--from-catalogue {catalogue} has no {lost[0]}; give an APOGEE_ID or TELESCOPE/FIELD.")
    keep = np.isin(stars, list(short)) | np.isin(places, list(fields))
    columns = zip(telescopes[keep], names[keep], stars[keep], strict=True)
    return [tuple(str(part) for part in row) for row in columns]


def sdss(archive: Archive, spectra: Sequence[str], run2d: str) -> list[Remote]:
    """Optical spectra, named PLATE-MJD-FIBER.

    Raises:
        BadInput: a name is of another form.
    """
    files = []
    for name in dict.fromkeys(spectra):
        match = re.fullmatch(r"(\d{1,5})-(\d{5})-(\d{1,4})", name)
        if match is None:
            raise BadInput(f"--spectra {name} is no spectrum of SDSS; give PLATE-MJD-FIBER, for example 1323-52797-12.")
        tree = "eboss" if run2d.startswith("v") else "sdss"
        plate, fiber = f"{int(match[1]):04d}", f"{int(match[3]):04d}"
        files.append(archive.remote("spec", tree=tree, run2d=run2d, plate=plate, mjd=match[2], fiber=fiber))
    return files


def bosz_nodes(teff: tuple[float, float], logg: tuple[float, float]) -> list[tuple[str, int, float]]:
    """Model family, Teff (K) and log g (dex) of the nodes inside two ranges.

    MARCS up to 8000 K (spherical below log g 3.5), ATLAS9 above; between 7500 and 8000 K the archive has both.
    """
    nodes = []
    for temperatures, low, high in BOSZ_RANGES:
        for t in (t for t in temperatures if teff[0] <= t <= teff[1]):
            for g in (g for g in np.arange(low, high + 0.1, 0.5).tolist() if logg[0] <= g <= logg[1]):
                family = "ap" if t > 8000 else "ms" if g < 3.5 else "mp"
                nodes.append((family, t, g))
    return nodes


def bosz(
    archive: Archive,
    resolution: int,
    teff: tuple[float, float],
    logg: tuple[float, float],
    mh: tuple[float, float],
    alpha: float,
    carbon: float,
    vmicro: int,
) -> list[Remote]:
    """Models inside three ranges (both ends included), and the wavelengths of the resolution.

    Raises:
        BadInput: a range is empty or holds no node.
    """
    for name, (low, high) in (("teff", teff), ("logg", logg), ("mh", mh)):
        if not low <= high:
            raise BadInput(f"--{name} {low:g} {high:g} is an empty range; give the lower value first.")
    metals = [m for m in BOSZ_MH.tolist() if mh[0] <= m <= mh[1]]
    nodes = bosz_nodes(teff, logg)
    if not nodes or not metals:
        raise BadInput(
            "bosz: no model lies inside --teff, --logg and --mh; Teff runs from 2800 to 16000 K, log g from -0.5 to "
            "5.5 and [M/H] from -2.5 to 0.75."
        )
    files = [archive.remote("wavelengths", resolution=resolution)]
    for m in metals:
        for family, t, g in nodes:
            values = {"resolution": resolution, "mh": m, "atmosphere": family, "teff": t, "logg": g}
            more = {"alpha": alpha, "carbon": carbon, "vmicro": vmicro}
            files.append(archive.remote("spectrum", may_be_missing=True, **values, **more))
    return [replace(f, megabytes=f.megabytes * resolution / 20000) for f in files]


def lamost(archive: Archive, obsids: Iterable[int]) -> list[Remote]:
    """Spectra of single observations.

    Raises:
        BadInput: a number is negative.
    """
    wanted = list(dict.fromkeys(obsids))
    if any(obsid < 0 for obsid in wanted):
        raise BadInput(f"--obsids {min(wanted)} is negative; give numbers of the column obsid of LAMOST's catalogue.")
    return [archive.remote("spectrum", obsid=obsid) for obsid in wanted]
