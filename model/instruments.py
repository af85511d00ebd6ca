"""``Instrument``: wavelength grid, line-spread function, noise model and normalisation.

Convolving with the line-spread function and averaging over pixels are linear, so they are one sparse
matrix that is applied once, to the nodes of the grid, and never to single spectra.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.special import ndtr
from torch import Tensor

from model import data
from model.grid import SpectralGrid
from site_builder.contract import BadInput
from site_builder.contract.schema import WaveAxis

FWHM = 2 * np.sqrt(2 * np.log(2))
GRID_RESOLUTION = 20_000

# Telluric bands that ground-based spectra without correction carry (vacuum Angstrom, observed frame; O2 A
# and H2O, e.g. Stevenson 1994, MNRAS 267, 904), and the Ca II triplet, which a continuum must not follow.
TELLURIC = ((7160.0, 7345.0), (7585.0, 7715.0), (8100.0, 8360.0))
CA_TRIPLET = ((8480.0, 8516.0), (8527.0, 8562.0), (8646.0, 8682.0))


@dataclass
class ExposureNoise:
    """Star plus background electrons (PFS exposure time calculator); levels are magnitudes.

    S = signal_e 10^(-0.4 (m - magnitude_zero)) flux; variance = background_e2 + S per exposure.
    """

    signal_e: Tensor
    background_e2: Tensor
    sky_e: Tensor
    magnitude_zero: float
    n_exposures: int
    exposure_s: float
    level_name: str = "magnitude"

    def sigma(self, flux: Tensor, level: Tensor) -> Tensor:
        """Standard deviation (B, pixels) of flux (B, pixels; median 1) at magnitudes (B,)."""
        star = self.signal_e * 10 ** (-0.4 * (level[:, None] - self.magnitude_zero))
        return ((self.background_e2 + star * flux.clamp_min(0)) / self.n_exposures).sqrt() / star


@dataclass
class RelativeNoise:
    """Noise of a given S/N per pixel with a measured shape over wavelength; levels are S/N.

    sigma = shape sqrt(flux) / snr: photon noise scaled by the instrument's median relative noise.
    """

    shape: Tensor
    level_name: str = "snr"

    def sigma(self, flux: Tensor, level: Tensor) -> Tensor:
        """Standard deviation (B, pixels) of flux (B, pixels; median 1) at S/N (B,)."""
        return self.shape * flux.clamp_min(0.01).sqrt() / level[:, None]


@dataclass
class Instrument:
    """What a telescope does to a spectrum.

    Attributes:
        wave_axis: pixel centres, vacuum Angstrom.
        resolution: lambda / FWHM of the Gaussian line-spread function.
        noise: ``ExposureNoise`` or ``RelativeNoise``.
        continuum_degree: None: spectra are divided by their median; else by a polynomial of this degree.
        used: (pixels,) bool, False where the sky or the telluric bands make pixels useless.
        rv_jitter_kms: velocity errors that training spectra are given.
        continuum: polynomials (pixels, k) and the matrix (k, pixels) that fits their coefficients to a spectrum.
    """

    name: str
    title: str
    wave_axis: WaveAxis
    resolution: float
    resolution_note: str
    source: str
    noise: ExposureNoise | RelativeNoise
    continuum_degree: int | None = None
    masked_bands: tuple[tuple[float, float], ...] = ()
    rv_jitter_kms: float = 0.0
    used: Tensor = field(init=False)
    continuum: tuple[Tensor, Tensor] | None = field(init=False, default=None)
    _continuum: Tensor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        inside = [(self.wave >= lo) & (self.wave <= hi) for lo, hi in self.masked_bands]
        used = ~np.any(inside, axis=0) if inside else np.ones(self.wave_axis.n, bool)
        self.used = torch.from_numpy(used)
        if self.continuum_degree is not None:
            basis, fit = self._continuum_fit(self.continuum_degree)
            self.continuum = (torch.from_numpy(basis), torch.from_numpy(fit))
            self._continuum = torch.from_numpy((basis @ fit).T.astype(np.float32))

    @property
    def wave(self) -> np.ndarray:
        """(pixels,) vacuum Angstrom."""
        axis = self.wave_axis
        wave = axis.start + axis.step * np.arange(axis.n)
        return wave if axis.scale == "linear" else 10**wave

    @property
    def edges(self) -> np.ndarray:
        """(pixels + 1,) pixel borders, vacuum Angstrom."""
        axis = self.wave_axis
        edges = axis.start + axis.step * (np.arange(axis.n + 1) - 0.5)
        return edges if axis.scale == "linear" else 10**edges

    def _continuum_fit(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Polynomials (pixels, degree + 1), and their coefficients (degree + 1, pixels) by least squares.

        Fitted are the pixels outside tellurics and Ca II.
        """
        x = np.linspace(-1, 1, self.wave_axis.n)
        basis = np.polynomial.legendre.legvander(x, degree)
        keep = self.used.numpy() & ~np.any([(self.wave > a) & (self.wave < b) for a, b in CA_TRIPLET], axis=0)
        fit = np.zeros((degree + 1, len(x)))
        fit[:, keep] = np.linalg.pinv(basis[keep])
        return basis, fit

    def normalise(self, flux: Tensor) -> Tensor:
        """Divide (B, pixels) by the median of each row, or by its continuum polynomial."""
        flux = flux / row_median(flux).clamp_min(1e-6)
        if self._continuum is not None:
            flux = flux / (flux @ self._continuum).clamp_min(0.05)
        return flux

    def lsf_matrix(self, wave: np.ndarray, resolution: float = GRID_RESOLUTION) -> csr_matrix:
        """(pixels, len(wave)) rows: pixel average after broadening from ``resolution`` to the instrument's.

        Raises:
            BadInput: ``wave`` does not cover the instrument's band.
        """
        sigma = self.wave * np.sqrt(self.resolution**-2 - resolution**-2) / FWHM
        reach = 4 * sigma
        lo = np.searchsorted(wave, self.edges[:-1] - reach)
        hi = np.searchsorted(wave, self.edges[1:] + reach)
        if lo[0] == 0 or hi[-1] == len(wave):
            raise BadInput(
                f"grid: field wave_vac ({wave[0]:.0f}-{wave[-1]:.0f} A) does not cover {self.name}; give a wider grid."
            )
        step = np.gradient(wave)
        rows = []
        for i in range(self.wave_axis.n):
            w = wave[lo[i] : hi[i]]
            weight = step[lo[i] : hi[i]] * (
                ndtr((self.edges[i + 1] - w) / sigma[i]) - ndtr((self.edges[i] - w) / sigma[i])
            )
            rows.append(weight / weight.sum())
        indptr = np.concatenate([[0], np.cumsum(hi - lo)])
        indices = np.concatenate([np.arange(a, b) for a, b in zip(lo, hi, strict=True)])
        return csr_matrix((np.concatenate(rows), indices, indptr), shape=(self.wave_axis.n, len(wave)))

    def observe(self, grid: SpectralGrid) -> SpectralGrid:
        """The grid as this instrument sees it without noise; each node divided by its median."""
        nodes = (self.lsf_matrix(grid.wave, grid.resolution) @ grid.nodes.numpy().T.astype(np.float64)).T
        nodes /= np.median(nodes, axis=1, keepdims=True)
        seen = torch.from_numpy(np.ascontiguousarray(nodes, dtype=np.float32))
        return SpectralGrid(self.wave, seen, grid.axes, self.resolution)


def row_median(x: Tensor) -> Tensor:
    """(n, 1) medians of x (n, k); the lower of the two middle values, as ``torch.median``.

    On the CPU numpy's selection does it, which is several times faster and gives the same number.
    """
    if x.device.type != "cpu":
        return x.median(dim=1, keepdim=True).values
    middle = (x.shape[1] - 1) // 2
    return torch.from_numpy(np.partition(x.numpy(), middle, axis=1)[:, middle : middle + 1])


def pfs_mr() -> Instrument:
    """PFS red arm at medium resolution: 4096 pixels, 710-885 nm, 12 exposures of 900 s."""
    arrays = data.load("pfs_mr_noise_model.npz")
    if not np.allclose(arrays["sampling_factor"], 1):
        raise BadInput("data/pfs_mr_noise_model.npz: field sampling_factor is not 1; extend ExposureNoise first.")
    wave = arrays["wave_nm"] * 10
    step = (wave[-1] - wave[0]) / (len(wave) - 1)
    return Instrument(
        name="pfs-mr",
        title="Subaru PFS, red arm, medium resolution",
        wave_axis=WaveAxis(scale="linear", start=float(wave[0]), step=float(step), n=len(wave)),
        resolution=5000.0,
        resolution_note="Gaussian, R = 5000 over the whole band (PFS medium-resolution design value)",
        source="PFS exposure time calculator 2.0 (throughput 20240714), dark, seeing 0.8 arcsec, zenith angle 35 deg",
        noise=ExposureNoise(
            signal_e=torch.from_numpy(arrays["signal_e_mag18"]).float(),
            background_e2=torch.from_numpy(arrays["background_variance_e2"]).float(),
            sky_e=torch.from_numpy(arrays["sky_e"]).float(),
            magnitude_zero=18.0,
            n_exposures=int(arrays["nexp"]),
            exposure_s=float(arrays["exptime_s"]),
        ),
    )


LAMOST_NOISE = "lamost_relative_noise.npz"


def lamost() -> Instrument:
    """LAMOST low-resolution spectra, 7099-8853 A in steps of 1e-4 dex, R = 1800."""
    arrays = data.load(LAMOST_NOISE)
    axis = lamost_axis()
    return Instrument(
        name="lamost",
        title="LAMOST low-resolution survey, red arm",
        wave_axis=axis,
        resolution=1800.0,
        resolution_note="Gaussian, R = 1800 over the whole band (survey value)",
        source="relative noise over wavelength: median of the inverse variances of observed LAMOST DR10 stars",
        noise=RelativeNoise(torch.from_numpy(arrays["shape"]).float()),
        continuum_degree=5,
        masked_bands=TELLURIC,
        rv_jitter_kms=10.0,
    )


def lamost_axis() -> WaveAxis:
    """LAMOST's own log-wavelength step; 960 pixels inside the synthetic grid."""
    return WaveAxis(scale="log10", start=3.8512, step=1e-4, n=960)


INSTRUMENTS: dict[str, Callable[[], Instrument]] = {"pfs-mr": pfs_mr, "lamost": lamost}


def get(name: str) -> Instrument:
    """Instrument by name.

    Raises:
        BadInput: unknown name.
    """
    if name not in INSTRUMENTS:
        raise BadInput(f"--instrument: {name} is not known; choose one of {', '.join(INSTRUMENTS)}.")
    return INSTRUMENTS[name]()
