"""DESI: ``coadd-*.fits`` and ``spectra-*.fits`` (healpix and tile layout), joined with labels by TARGETID.

Layout: desidatamodel.readthedocs.io. Per arm B, R, Z: ``R_WAVELENGTH`` (vacuum Angstrom, heliocentric, steps of
0.8 A), ``R_FLUX``, ``R_IVAR``, ``R_MASK`` and ``R_RESOLUTION`` (diagonals of the resolution matrix), one row a
target (coadd) or an exposure (spectra), with the targets in FIBERMAP.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

from model.instruments import FWHM
from model.surveys import LABELS, ObservedSpectra, desi_catalogue, reading
from model.surveys.desi_layout import find_catalogue, find_files, find_redrock, healpix_file, tile_file
from site_builder.contract import BadInput

__all__ = [
    "find_catalogue", "find_files", "find_redrock", "healpix_file", "merge_arms", "read", "resolution_at", "tile_file",
]  # fmt: skip
ARMS = ("B", "R", "Z")
STEP = 0.8  # Angstrom; all arms share one lattice of pixels
# the pixels of all instruments (7099-8853 A, rest frame) at any velocity that the catalogue takes for a star's
BAND = (7095.0, 8857.0)
_REACH = desi_catalogue.MAX_VELOCITY / reading.C_KMS
WINDOW = (BAND[0] * (1 - _REACH), BAND[1] * (1 + _REACH))
NEIGHBOURS = 25  # pixels on either side that the resolution is the median of


def read(
    path: Path,
    catalogue: Path | desi_catalogue.Catalogue | None = None,
    arms: tuple[str, ...] = ("R", "Z"),
    window: tuple[float, float] | None = WINDOW,
    labels: str = "RVTAB",
) -> ObservedSpectra:
    """Stars of one coadd or spectra file, one row a TARGETID, arms merged.

    Masked pixels (MASK not 0) have no weight. Rows with one TARGETID (exposures in a spectra file) are combined by
    inverse variance, exposures with FIBERSTATUS not 0 left out. Only targets (OBJTYPE TGT) with COADD_FIBERSTATUS 0
    and some pixel with weight are kept. With a catalogue of labels, only its targets that pass its cuts (see
    ``desi_catalogue``) and whose labels are valid; ``report`` counts each cut. The result may be empty.

    Args:
        catalogue: mwsall, rvtab, sptab or redrock file, or what ``desi_catalogue.read`` made of one (for many
            files); None: labels NaN and z = 0. Of redrock only z is taken.
        arms: of B, R, Z, those to merge.
        window: observed vacuum Angstrom to keep; None: all.
        labels: RVTAB (rvspecfit) or SPTAB (FERRE), where the catalogue has both.

    Raises:
        BadInput: the file is damaged or in another layout, or no pixel of any spectrum has weight.
    """
    with reading.open_fits(path) as hdus:
        fibermap = reading.table(hdus, path, "FIBERMAP")
        targetid, keep, report = _targets(path, fibermap)
        unique, row = np.unique(targetid[keep], return_inverse=True)
        read_arms = [_arm(path, hdus, arm, len(targetid), keep, window) for arm in arms]
        if not read_arms:
            raise BadInput("arms: no arm is named; choose of B, R and Z.")
        summed = [(wave, *combine(flux, ivar, mask, row, len(unique))) for wave, flux, ivar, mask in read_arms]
        wave, flux, ivar, mask = merge_arms(summed, str(path))
        resolution = _resolution(path, hdus, arms, keep, float(np.mean(window or wave[[0, -1]])))
    n = len(unique)
    report["one row a target"] = n
    spectra = ObservedSpectra(
        id=unique.astype(str), wave=wave, flux=flux, ivar=ivar, mask=mask, z=np.zeros(n),
        logg=np.full(n, np.nan), teff=np.full(n, np.nan), mh=np.full(n, np.nan),
        instrument="DESI", resolution=resolution, report=report,
    )  # fmt: skip
    spectra = spectra.take(reading.weighted(path, ivar), "some pixel with weight")
    if isinstance(catalogue, Path):
        catalogue = desi_catalogue.read(catalogue, labels)
    return spectra if catalogue is None else join(spectra, catalogue)


def join(spectra: ObservedSpectra, catalogue: desi_catalogue.Catalogue) -> ObservedSpectra:
    """Velocities and labels of ``catalogue`` for DESI ``spectra``, and its cuts, counted in ``report``.

    Labels and cuts are found by TARGETID (``spectra.id``), never by row. Of a catalogue without labels (redrock)
    only z is taken, and no star is cut but those without z.
    """
    rows = catalogue.rows(spectra.id.astype(np.int64))
    spectra = spectra.take(rows >= 0, "in the catalogue")
    rows = rows[rows >= 0]
    spectra.z = catalogue.z[rows]
    for name in LABELS:
        setattr(spectra, name, catalogue.labels[name][rows])
        setattr(spectra, f"{name}_err", catalogue.errors[name][rows])
    if not catalogue.cuts:
        return spectra.take(np.isfinite(spectra.z), "with a redshift")
    keep = np.ones(len(rows), bool)
    counts = {}
    for cut, passed in catalogue.cuts.items():
        keep &= passed[rows]
        counts[cut] = int(keep.sum())
    spectra.report = spectra.report | counts
    return spectra.take(keep & spectra.labelled, "valid labels")


def _targets(path: Path, fibermap: fits.FITS_rec) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """TARGETID of each row, which rows to keep, and how many rows each cut leaves."""
    targetid = reading.column(fibermap, path, "TARGETID").astype(np.int64)
    keep = np.ones(len(targetid), bool)
    report = {"rows in the file": len(targetid)}
    objtype = reading.optional(fibermap, "OBJTYPE")
    if objtype is not None:
        keep &= reading.text(objtype) == "TGT"
        report["targets, not sky"] = int(keep.sum())
    status = reading.optional(fibermap, "COADD_FIBERSTATUS", "FIBERSTATUS")
    if status is not None:
        keep &= status == 0
        report["fibre without fault"] = int(keep.sum())
    return targetid, keep, report


def _arm(
    path: Path, hdus: fits.HDUList, arm: str, n: int, keep: np.ndarray, window: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """wave (pixels,), flux, ivar and mask (rows kept, pixels) of one arm inside ``window``."""
    if arm not in ARMS:
        raise BadInput(f"arms: {arm} is no arm of DESI; choose of {', '.join(ARMS)}.")
    wave = reading.rising(path, f"{arm}_WAVELENGTH", reading.image(hdus, path, f"{arm}_WAVELENGTH"))
    flux, ivar = (reading.image(hdus, path, f"{arm}_{what}") for what in ("FLUX", "IVAR"))
    has_mask = f"{arm}_MASK" in reading.names(hdus)
    flags = reading.image(hdus, path, f"{arm}_MASK") if has_mask else np.zeros(flux.shape, np.int32)
    for what, values in (("FLUX", flux), ("IVAR", ivar), ("MASK", flags)):
        if values.shape != (n, len(wave)):
            raise BadInput(
                f"{path}: HDU {arm}_{what} has the shape {values.shape}, not {(n, len(wave))} as FIBERMAP and "
                "wavelengths say; fetch it again."
            )
    inside = slice(None)
    if window is not None:
        inside = slice(*np.searchsorted(wave, [window[0] - STEP / 2, window[1] + STEP / 2]))
    mask = flags[keep, inside] != 0
    return wave[inside], *reading.clean(flux[keep, inside], ivar[keep, inside], mask), mask


def combine(
    flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, row: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inverse-variance mean of the rows (M, pixels) that share an entry of ``row`` (M,), for ``n`` targets.

    Returns:
        flux, ivar and mask (n, pixels); a pixel is masked where all rows mask it.
    """
    if len(row) == n:  # one row each: only the order changes
        back = np.argsort(row)
        return flux[back], ivar[back], mask[back]
    total = np.zeros((n, flux.shape[1]), np.float64)
    weight = np.zeros_like(total)
    masked = np.ones(total.shape, bool)
    np.add.at(total, row, flux.astype(np.float64) * ivar)
    np.add.at(weight, row, ivar)
    np.logical_and.at(masked, row, mask)
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return mean.astype(flux.dtype), weight.astype(ivar.dtype), masked


Arm = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def merge_arms(arms: list[Arm], name: str = "arms") -> Arm:
    """Arms on one axis, weighed by inverse variance where they overlap.

    The arms' pixels lie on one lattice of 0.8 A, so nothing is resampled. Pixels that no arm has (between arms that
    do not meet) have no weight.

    Args:
        arms: wave (k,) vacuum Angstrom, flux, ivar and mask (N, k) of each; ivar 0 where there is no data.
        name: what error sentences call the arms.

    Returns:
        wave (pixels,), flux, ivar and mask (N, pixels); masked where every arm that has the pixel masks it.

    Raises:
        BadInput: the arms do not share a lattice, or none has pixels.
    """
    arms = [arm for arm in arms if len(arm[0])]
    if not arms:
        raise BadInput(f"{name}: field wave has no pixel inside the window; ask for arms that cover it.")
    start = min(arm[0][0] for arm in arms)
    places = [np.rint((arm[0] - start) / STEP).astype(int) for arm in arms]
    for arm, place in zip(arms, places, strict=True):
        if not np.allclose(start + STEP * place, arm[0], atol=0.01 * STEP, rtol=0):
            raise BadInput(f"{name}: field wave is not on DESI's lattice of {STEP} A; give files of the pipeline.")
    n, pixels = len(arms[0][1]), max(place[-1] for place in places) + 1
    dtype = arms[0][1].dtype
    total, weight = np.zeros((n, pixels)), np.zeros((n, pixels))
    plain, count = np.zeros((n, pixels)), np.zeros(pixels)
    mask = np.ones((n, pixels), bool)
    for (_, flux, ivar, masked), place in zip(arms, places, strict=True):
        total[:, place] += flux.astype(np.float64) * ivar
        weight[:, place] += ivar
        plain[:, place] += flux
        count[place] += 1
        mask[:, place] &= masked
    mean = np.divide(plain, count, out=np.zeros_like(plain), where=count > 0)
    np.divide(total, weight, out=mean, where=weight > 0)
    return start + STEP * np.arange(pixels), mean.astype(dtype), weight.astype(dtype), mask


def resolution_at(resolution: np.ndarray, wave: np.ndarray, at: float) -> np.ndarray:
    """lambda / FWHM of each spectrum at a wavelength, from the resolution matrices.

    The middle three diagonals of a sampled Gaussian give its width whatever its centre: sigma^2 in pixels is -1 over
    the second difference of their logarithms. The outer ones ring (they go negative) and are left out. The median
    over 25 pixels on either side is taken.

    Args:
        resolution: (N, diagonals, pixels) as in ``R_RESOLUTION``.
        wave: (pixels,) vacuum Angstrom.
        at: vacuum Angstrom.

    Returns:
        (N,), NaN where a matrix is not positive there.
    """
    pixel = int(np.searchsorted(wave, at).clip(0, len(wave) - 1))
    near = slice(max(pixel - NEIGHBOURS, 0), pixel + NEIGHBOURS + 1)
    middle = resolution.shape[1] // 2
    with np.errstate(all="ignore"):
        left, core, right = np.log(resolution[:, middle - 1 : middle + 2, near].astype(np.float64)).swapaxes(0, 1)
        sigma = STEP * (-1 / (left + right - 2 * core)) ** 0.5
    sigma = np.where(np.isfinite(sigma), sigma, np.nan)
    usable = np.isfinite(sigma).any(axis=1)
    out = np.full(len(resolution), np.nan)
    out[usable] = wave[pixel] / (FWHM * np.nanmedian(sigma[usable], axis=1))
    return out


def _resolution(path: Path, hdus: fits.HDUList, arms: tuple[str, ...], keep: np.ndarray, at: float) -> float | None:
    """Median lambda / FWHM of the kept spectra at ``at``, in the last arm that covers it; None without matrices."""
    for arm in reversed(arms):
        wave = reading.image(hdus, path, f"{arm}_WAVELENGTH")
        if not wave[0] <= at <= wave[-1] or f"{arm}_RESOLUTION" not in reading.names(hdus):
            continue
        values = resolution_at(reading.image(hdus, path, f"{arm}_RESOLUTION")[keep], wave, at)
        if np.isfinite(values).any():
            return float(np.nanmedian(values))
    return None
