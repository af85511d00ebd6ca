"""``SpectralGrid``: synthetic spectra at any labels inside a grid, as one matrix product.

A cubic spline through node values is linear in those values, so its value at ``x`` is a row of weights
times the nodes. The weights of the three axes multiply: B spectra are a (B, nodes) matrix times the
(nodes, pixels) node matrix, and the derivative of the weights gives the exact Jacobian.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from model import data
from site_builder.contract import BadInput

AXES = ("teff", "logg", "mh")
OPTICAL = "ts_c3k_optical_grid_R20000.npz"
H_BAND = "ts_c3k_apogee_grid_R22500.npz"
OPTICAL_RESOLUTION = 20_000.0
CHOICE = "SPECVIT_GRID"
# vacuum Angstrom: what the instruments need of a grid, line-spread functions included
NEEDED = (7090.0, 8864.0)
FINEST = 5000.0  # lambda / FWHM of the instrument that needs most


class SplineAxis:
    """Weights of the not-a-knot cubic spline through ``nodes`` (scipy's ``CubicSpline``).

    Args:
        nodes: (n,) increasing node positions, n >= 4.
    """

    def __init__(self, nodes: np.ndarray) -> None:
        self.nodes = np.asarray(nodes, dtype=np.float64)
        spline = CubicSpline(self.nodes, np.eye(len(self.nodes)))
        self._coefficients = torch.from_numpy(np.ascontiguousarray(spline.c))  # (4, n - 1, n)
        self._breaks = torch.from_numpy(self.nodes)

    def weights(self, x: Tensor, derivative: int = 0) -> Tensor:
        """Weights (B, n) at positions x (B,), or those of the first derivative.

        Raises:
            ValueError: a position outside the nodes, or a derivative other than 0 and 1.
        """
        x = x.double().contiguous()
        if x.numel() and not (x.min() >= self.nodes[0] and x.max() <= self.nodes[-1]):
            raise ValueError(f"labels outside {self.nodes[0]} to {self.nodes[-1]}: the grid does not extrapolate")
        i = (torch.searchsorted(self._breaks, x, right=True) - 1).clamp(0, len(self.nodes) - 2)
        t = (x - self._breaks[i])[:, None]
        c3, c2, c1, c0 = self._coefficients[:, i]
        if derivative == 0:
            return ((c3 * t + c2) * t + c1) * t + c0
        if derivative == 1:
            return (3 * c3 * t + 2 * c2) * t + c1
        raise ValueError("derivative must be 0 or 1")


@dataclass
class SpectralGrid:
    """Node spectra on a (teff, logg, mh) grid and the splines between them.

    Attributes:
        wave: (pixels,) vacuum Angstrom.
        nodes: (n_teff * n_logg * n_mh, pixels) float32 flux of each node.
        axes: one ``SplineAxis`` each for teff [K], logg [dex] and mh [dex].
        resolution: lambda / FWHM of the node spectra.
    """

    wave: np.ndarray
    nodes: Tensor
    axes: tuple[SplineAxis, SplineAxis, SplineAxis]
    resolution: float = OPTICAL_RESOLUTION

    @classmethod
    def from_arrays(cls, wave: np.ndarray, flux: np.ndarray, axes: list[np.ndarray]) -> "SpectralGrid":
        """Grid from flux (n_teff, n_logg, n_mh, pixels)."""
        nodes = torch.from_numpy(np.ascontiguousarray(flux.reshape(-1, flux.shape[-1]), dtype=np.float32))
        teff, logg, mh = (SplineAxis(a) for a in axes)
        return cls(np.asarray(wave), nodes, (teff, logg, mh))

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """First and last node of each axis."""
        return {n: (float(a.nodes[0]), float(a.nodes[-1])) for n, a in zip(AXES, self.axes, strict=True)}

    def weights(self, labels: Tensor, derivative: str | None = None) -> Tensor:
        """Weights (B, nodes) float32 of labels (B, 3), or of their derivative along the named axis."""
        parts = [
            axis.weights(labels[:, i], int(name == derivative))
            for i, (name, axis) in enumerate(zip(AXES, self.axes, strict=True))
        ]
        product = (parts[0][:, :, None, None] * parts[1][:, None, :, None] * parts[2][:, None, None, :]).flatten(1)
        return product.float()

    def spectra(self, labels: Tensor) -> Tensor:
        """Flux (B, pixels) at labels (B, 3) = (teff [K], logg [dex], mh [dex])."""
        return self.weights(labels) @ self.nodes

    def jacobian(self, labels: Tensor) -> Tensor:
        """d flux / d label, (B, 3, pixels), per K for teff and per dex for logg and mh."""
        return torch.stack([self.weights(labels, name) @ self.nodes for name in AXES], dim=1)


def load_optical() -> SpectralGrid:
    """The optical grid that everything runs on: surface flux = normalised flux x continuum.

    It is the embedded one (R = 20 000, 7088-8866 A), or what the environment variable SPECVIT_GRID names: a folder
    of BOSZ spectra, or an npz file (of ``model.surveys.bosz.save``, or in the layout of the embedded grid).

    Raises:
        BadInput: the file is damaged, a field is missing, a node is not filled, or SPECVIT_GRID does not cover the
            band.
    """
    chosen = os.environ.get(CHOICE)
    if chosen:
        return load_chosen(Path(chosen))
    arrays = data.load(OPTICAL)
    return from_npz_arrays(arrays, str(data.DATA / OPTICAL))


def load_chosen(path: Path) -> SpectralGrid:
    """The grid of a folder of BOSZ spectra or of an npz file, checked to cover the band of the instruments.

    Raises:
        BadInput: it cannot be read, or covers too little.
    """
    if path.is_dir():
        from model.surveys import bosz  # it builds grids, so it imports this module

        made = bosz.grid(path)
    else:
        arrays = data.read_npz(path)
        made = from_plain_arrays(arrays, str(path)) if "flux" in arrays else from_npz_arrays(arrays, str(path))
    if made.wave[0] > NEEDED[0] or made.wave[-1] < NEEDED[1]:
        raise BadInput(
            f"{CHOICE}: {path} covers {made.wave[0]:.0f}-{made.wave[-1]:.0f} A, but the instruments need "
            f"{NEEDED[0]:.0f}-{NEEDED[1]:.0f} A; give a wider grid."
        )
    if made.resolution <= FINEST:
        raise BadInput(
            f"{CHOICE}: {path} has lambda / FWHM {made.resolution:g}, but the instruments need more than {FINEST:g}; "
            "give spectra of higher resolution."
        )
    return made


def from_plain_arrays(arrays: dict[str, np.ndarray], name: str) -> SpectralGrid:
    """Grid from wave_vac, flux (teff, logg, mh, pixels), the three axes and R (lambda / FWHM).

    Raises:
        BadInput: a field is missing, or shapes disagree.
    """
    missing = [k for k in ("wave_vac", "flux", "R", *AXES) if k not in arrays]
    if missing:
        raise BadInput(f"{name}: field {missing[0]} is missing; write the grid with model.surveys.bosz.save.")
    shape = tuple(len(arrays[a]) for a in AXES)
    if arrays["flux"].shape != (*shape, len(arrays["wave_vac"])):
        raise BadInput(f"{name}: field flux does not have the shape of the axes; write the grid again.")
    made = SpectralGrid.from_arrays(arrays["wave_vac"], arrays["flux"], [arrays[a].astype(np.float64) for a in AXES])
    made.resolution = float(arrays["R"])
    return made


def from_npz_arrays(arrays: dict[str, np.ndarray], name: str) -> SpectralGrid:
    """Grid from the arrays of a ``ts_c3k_*`` file called ``name`` (used in error sentences)."""
    needed = ("wave_vac", "flux_u16", "flux_scale", "cont_wave_vac", "continuum", "valid", *AXES)
    missing = [k for k in needed if k not in arrays]
    if missing:
        raise BadInput(f"{name}: field {missing[0]} is missing; give a grid file as described in data/README.md.")
    shape = tuple(len(arrays[a]) for a in AXES)
    if arrays["flux_u16"].shape != (*shape, len(arrays["wave_vac"])):
        raise BadInput(f"{name}: field flux_u16 does not have the shape of the axes; restore the file.")
    if not arrays["valid"].all():
        raise BadInput(f"{name}: field valid marks empty nodes, but the splines need a full grid; fill or cut them.")
    wave = arrays["wave_vac"].astype(np.float64)
    flux = arrays["flux_u16"].astype(np.float32) * np.float32(arrays["flux_scale"])
    continuum = CubicSpline(arrays["cont_wave_vac"], arrays["continuum"], axis=-1)(wave)
    flux *= (continuum / np.median(continuum, axis=-1, keepdims=True)).astype(np.float32)
    made = SpectralGrid.from_arrays(wave, flux, [arrays[a].astype(np.float64) for a in AXES])
    made.resolution = float(arrays.get("R", OPTICAL_RESOLUTION))
    return made
