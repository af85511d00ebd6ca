"""``SpectralGrid``: synthetic spectra at any labels inside a grid, as one matrix product.

A cubic spline through node values is linear in those values, so its value at ``x`` is a row of weights
times the nodes. The weights of the three axes multiply: B spectra are a (B, nodes) matrix times the
(nodes, pixels) node matrix, and the derivative of the weights gives the exact Jacobian.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from model import data
from site_builder.contract import BadInput

AXES = ("teff", "logg", "mh")
OPTICAL = "ts_c3k_optical_grid_R20000.npz"


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
    """

    wave: np.ndarray
    nodes: Tensor
    axes: tuple[SplineAxis, SplineAxis, SplineAxis]

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
    """The embedded optical grid (R = 20 000, 7088-8866 A): surface flux = normalised flux x continuum.

    Raises:
        BadInput: the file is damaged, a field is missing or a node is not filled.
    """
    arrays = data.load(OPTICAL)
    return from_npz_arrays(arrays, str(data.DATA / OPTICAL))


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
    return SpectralGrid.from_arrays(wave, flux, [arrays[a].astype(np.float64) for a in AXES])
