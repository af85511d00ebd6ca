"""BOSZ, the synthetic library of Meszaros et al. (2024, A&A 688, A197; arXiv 2407.10872), as a ``SpectralGrid``.

Files of the 2024 release are named by their parameters, as in
``bosz2024_mp_t5000_g+4.5_m+0.00_a+0.00_c+0.00_v2_r10000_resam.txt.gz``: atmosphere (mp, ms: MARCS plane-parallel,
spherical; ap: ATLAS9), Teff, log g, [M/H], [alpha/M], [C/M], microturbulence, resolution. ``resam`` files have two
columns, flux and continuum (both Eddington fluxes H_lambda, erg/s/cm2/A), on the pixels of
``bosz2024_wave_r10000.txt``; ``noresam`` files have the wavelength in front. Wavelengths are Angstrom. The paper says
that they are in air above 2000 A, the release of 2017 had them in vacuum; which it is is measured on Ca II 8542, and
what is returned is vacuum.
"""

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from model.data import write_npz
from model.grid import AXES, SpectralGrid
from model.resample import vacuum_from_air
from model.surveys import reading
from site_builder.contract import BadInput

NAME = re.compile(
    r"bosz\d*_(?P<atmosphere>[a-z]{2})_t(?P<teff>\d+)_g(?P<logg>[+-][\d.]+)_m(?P<mh>[+-][\d.]+)"
    r"_a(?P<alpha>[+-][\d.]+)_c(?P<carbon>[+-][\d.]+)_v(?P<micro>\d+)_r(?P<resolution>\d+|orig)"
    r"_(?P<kind>resam|noresam)\.(?P<format>txt|fits)(?P<packed>\.gz)?$"
)
# where a node is given by several atmospheres, the first of these is taken
ATMOSPHERES = ("ms", "mp", "ap")
AIR_FROM = 2000.0  # Angstrom
CA_8542 = (8542.09, 8544.44)  # Angstrom, air and vacuum
WINDOW = (7088.0, 8866.0)  # vacuum Angstrom, what the embedded grid covers
MARGIN = 5.0
ORIGINAL = 100_000.0  # lambda / FWHM that spectra of the original sampling are taken to have once averaged to pixels
ORIGINAL_STEP = 1 / 120_000
FEWEST = 4  # nodes that a cubic spline needs along each axis
FITS_COLUMNS = {
    "wave": ("WAVELENGTH", "WAVE", "LAMBDA"),
    "flux": ("FLUX", "SPECIFICINTENSITY"),
    "continuum": ("CONTINUUM", "CONT"),
}


@dataclass(frozen=True)
class Model:
    """One file and what its name says: teff [K], logg, mh, alpha, carbon [dex], micro [km/s], lambda / FWHM."""

    path: Path
    atmosphere: str
    teff: float
    logg: float
    mh: float
    alpha: float
    carbon: float
    micro: float
    resolution: float


def parse(path: Path) -> Model:
    """Parameters from a file's name.

    Raises:
        BadInput: it is not named as BOSZ names its files.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        raise BadInput(
            f"{path} is not named as BOSZ files are; keep names such as "
            "bosz2024_mp_t5000_g+4.5_m+0.00_a+0.00_c+0.00_v2_r10000_resam.txt.gz."
        )
    numbers = {k: float(match[k]) for k in ("teff", "logg", "mh", "alpha", "carbon", "micro")}
    resolution = ORIGINAL if match["resolution"] == "orig" else float(match["resolution"])
    return Model(path=path, atmosphere=match["atmosphere"], resolution=resolution, **numbers)


def read(
    path: Path, wave_file: Path | None = None, air: bool | None = None, window: tuple[float, float] | None = WINDOW
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One spectrum.

    Args:
        wave_file: pixels of a two-column file; None: ``bosz2024_wave_rR.txt`` in its folder or any above it (or in
            their ``wavelength_grids``).
        air: whether wavelengths above 2000 A are in air; None: as the core of Ca II 8542 says, air where the file
            does not reach it.
        window: vacuum Angstrom to keep.

    Returns:
        wave (n,) vacuum Angstrom, flux and continuum (n,) H_lambda, erg/s/cm2/A (4 pi times it is the surface flux).

    Raises:
        BadInput: the file or its wavelengths are missing, damaged, of other length, not rising or not positive.
    """
    model = parse(path)
    columns = _fits_columns(path) if ".fits" in path.name else _text_columns(path)
    if len(columns) == 2:
        found = wave_file or _wave_file(path)
        wave = _text_columns(found)[0]
        if len(wave) != len(columns[0]):
            raise BadInput(
                f"{path}: field flux has {len(columns[0])} pixels, but {found} has {len(wave)} wavelengths; "
                f"give that of R = {model.resolution:g}."
            )
        columns = (wave, *columns)
    wave, flux, continuum = columns
    wave = reading.rising(path, "wave", wave)
    if _in_air(wave, flux, continuum) if air is None else air:
        wave = np.where(wave > AIR_FROM, vacuum_from_air(wave), wave)
    inside = slice(None)
    if window is not None:
        inside = slice(*np.searchsorted(wave, [window[0] - MARGIN, window[1] + MARGIN]))
    wave, flux, continuum = (np.asarray(a[inside], np.float64) for a in (wave, flux, continuum))
    if not (np.isfinite(flux).all() and np.isfinite(continuum).all() and (continuum > 0).all()):
        raise BadInput(f"{path}: fields flux and continuum hold numbers that are not finite or not positive; fetch it.")
    return wave, flux, continuum


def _in_air(wave: np.ndarray, flux: np.ndarray, continuum: np.ndarray) -> bool:
    """Whether the core of Ca II 8542 is nearer to its wavelength in air than to that in vacuum."""
    near = np.abs(wave - np.mean(CA_8542)) < 5
    if not near.any():
        return True
    core = wave[near][np.argmin(flux[near] / continuum[near])]
    return bool(abs(core - CA_8542[0]) < abs(core - CA_8542[1]))


def _text_columns(path: Path) -> tuple[np.ndarray, ...]:
    if not path.is_file():
        raise BadInput(f"{path} is not there; give the folder with BOSZ files.")
    try:
        columns = np.loadtxt(path, ndmin=2, unpack=True)
    except reading.DAMAGE as error:
        raise BadInput(f"{path} is damaged ({str(error).splitlines()[0]:.80}); fetch the file again.") from None
    if columns.shape[0] > 3 or columns.shape[1] < 2:
        raise BadInput(f"{path} has {columns.shape[0]} columns of {columns.shape[1]} rows, not 2 or 3; fetch it again.")
    return tuple(columns)


def _fits_columns(path: Path) -> tuple[np.ndarray, ...]:
    rows = reading.catalogue(path)
    flux = np.ravel(reading.column(rows, path, *FITS_COLUMNS["flux"]))
    continuum = np.ravel(reading.column(rows, path, *FITS_COLUMNS["continuum"]))
    wave = reading.optional(rows, *FITS_COLUMNS["wave"])
    return (flux, continuum) if wave is None else (np.ravel(wave), flux, continuum)


def _wave_file(path: Path) -> Path:
    match = NAME.fullmatch(path.name)
    assert match is not None
    name = f"bosz2024_wave_r{match['resolution']}.txt"
    for folder in path.resolve().parents:
        for place in (folder / name, folder / f"{name}.gz", folder / "wavelength_grids" / name):
            if place.is_file():
                return place
    raise BadInput(f"{path} has no wavelengths, and {name} is not beside it; put it into the folder.")


def find(folder: Path) -> list[Model]:
    """All BOSZ spectra below ``folder``.

    Raises:
        BadInput: there is none.
    """
    models = [parse(p) for p in sorted(folder.rglob("bosz*")) if NAME.fullmatch(p.name)]
    if not models:
        raise BadInput(f"{folder} holds no BOSZ spectra (bosz2024_*_resam.txt.gz); give the folder that does.")
    return models


def grid(
    folder: Path,
    *,
    alpha: float = 0.0,
    carbon: float = 0.0,
    micro: float = 2.0,
    resolution: float | None = None,
    within: dict[str, tuple[float, float]] | None = None,
    air: bool | None = None,
    window: tuple[float, float] = WINDOW,
) -> SpectralGrid:
    """The spectra below ``folder`` as a grid; flux is H_lambda over the median of each node's continuum.

    Args:
        alpha, carbon, micro: [alpha/M], [C/M] and microturbulence of the spectra that are taken.
        resolution: lambda / FWHM of those that are taken; None: the one that is there.
        within: bounds per axis (teff, logg, mh), to cut a complete lattice out of the library's ragged edge.
        air: see ``read``.
        window: vacuum Angstrom to keep.

    Raises:
        BadInput: a node of the lattice is missing (it is named), an axis has fewer than four nodes, there are several
            resolutions, or the spectra do not cover the window.
    """
    models = [m for m in find(folder) if (m.alpha, m.carbon, m.micro) == (alpha, carbon, micro)]
    for axis, (low, high) in (within or {}).items():
        models = [m for m in models if low <= getattr(m, axis) <= high]
    resolutions = sorted({m.resolution for m in models} if resolution is None else {resolution})
    if len(resolutions) > 1:
        raise BadInput(f"{folder} has spectra of several resolutions ({_listed(resolutions)}); choose one.")
    models = [m for m in models if m.resolution in resolutions]
    nodes: dict[tuple[float, ...], Model] = {}
    for m in sorted(models, key=lambda m: ATMOSPHERES.index(m.atmosphere) if m.atmosphere in ATMOSPHERES else 9):
        nodes.setdefault((m.teff, m.logg, m.mh), m)
    axes = [np.array(sorted({n[i] for n in nodes})) for i in range(len(AXES))]
    _check_lattice(folder, axes, nodes)
    wave, flux = _nodes([nodes[n] for n in product(*(a.tolist() for a in axes))], air, window)
    made = SpectralGrid.from_arrays(wave, flux.reshape(*(len(a) for a in axes), -1), axes)
    made.resolution = float(resolutions[0])
    return made


def _listed(values: list[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


def _check_lattice(folder: Path, axes: list[np.ndarray], nodes: dict[tuple[float, ...], Model]) -> None:
    for name, axis in zip(AXES, axes, strict=True):
        if len(axis) < FEWEST:
            raise BadInput(
                f"{folder}: field {name} has {len(axis)} nodes ({_listed(axis.tolist())}), but splines need "
                f"{FEWEST}; add spectra."
            )
    missing = [n for n in product(*(a.tolist() for a in axes)) if n not in nodes]
    if missing:
        teff, logg, mh = missing[0]
        raise BadInput(
            f"{folder} lacks {len(missing)} nodes of its lattice, the first at teff {teff:g}, logg {logg:g}, "
            f"mh {mh:g}; add the spectrum or leave out its row."
        )


def _nodes(models: list[Model], air: bool | None, window: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Common wave (pixels,) and flux (models, pixels) float32."""
    common: np.ndarray | None = None
    out = np.empty((0, 0), np.float32)
    for i, model in enumerate(models):
        wave, flux, continuum = read(model.path, air=air, window=window)
        if len(wave) < 2 or wave[0] > window[0] or wave[-1] < window[1]:
            said = f"{wave[0]:.0f}-{wave[-1]:.0f} A" if len(wave) else "nothing"
            raise BadInput(f"{model.path} covers {said} of {window[0]:.0f}-{window[1]:.0f} A; give spectra that do.")
        if model.resolution == ORIGINAL:
            wave, flux, continuum = _averaged(wave, flux, continuum, window)
        if common is None:
            common, out = wave, np.empty((len(models), len(wave)), np.float32)
        if len(wave) != len(common) or not np.allclose(wave, common, rtol=1e-8, atol=0):
            raise BadInput(f"{model.path}: field wave differs from that of the other spectra; give one sampling.")
        out[i] = flux / np.median(continuum)
    assert common is not None, "a lattice has nodes"
    return common, out


def _averaged(
    wave: np.ndarray, flux: np.ndarray, continuum: np.ndarray, window: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Averages over pixels of constant log step: original samplings differ from file to file."""
    edges = np.exp(np.arange(np.log(window[0]), np.log(window[1]) + ORIGINAL_STEP, ORIGINAL_STEP))
    edges = edges[(edges >= wave[0]) & (edges <= wave[-1])]

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(wave))])
        return np.asarray(np.diff(np.interp(edges, wave, total)) / np.diff(edges))

    return np.sqrt(edges[1:] * edges[:-1]), mean(flux), mean(continuum)


def save(made: SpectralGrid, path: Path) -> None:
    """Write a grid as npz, which loads in a second where a folder of text takes minutes."""
    shape = tuple(len(a.nodes) for a in made.axes)
    axes: dict[str, Any] = {n: a.nodes for n, a in zip(AXES, made.axes, strict=True)}
    write_npz(path, wave_vac=made.wave, flux=made.nodes.numpy().reshape(*shape, -1), R=made.resolution, **axes)
