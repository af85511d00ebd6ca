"""The bands that are tried: pixels, synthetic grid, network, variations, and the real stars."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from model import data
from model.grid import H_BAND, SpectralGrid, from_npz_arrays, load_optical
from model.instruments import Instrument, RelativeNoise, lamost
from model.simulator import PRIORS
from model.surveys import lamost as surveys_lamost
from model.surveys import pack
from model.transfer import stars
from model.transfer.augment import Variation
from model.transfer.stars import Stars
from model.vit import VitConfig
from site_builder.contract.schema import Prior, WaveAxis

APOGEE_RESOLUTION = 22_500.0
APOGEE_STEP = 6e-6  # dex per pixel of APOGEE's combined spectra


@dataclass(frozen=True)
class Band:
    """One experiment: where it looks, what it trains, and on whom it is judged.

    Attributes:
        prior: labels and S/N of synthetic training spectra.
        varied_prior: the same where spectra are varied: deviations count as noise, so that S/N is lower.
        sizes: numbers of real stars that are tried beside all of them.
        subset: words for the stars of special interest, marked in ``Stars.subset``.
    """

    name: str
    title: str
    words: str
    instrument: Callable[[], Instrument]
    grid: Callable[[], SpectralGrid]
    prior: Prior
    varied_prior: Prior
    vit: VitConfig
    synthetic: Variation
    observed: Variation
    cross_validated: Callable[[Instrument], Stars]
    independent: tuple[Callable[[Instrument], Stars], ...]
    files: tuple[str, ...]
    embedded: tuple[str, ...]
    sizes: tuple[int, ...] = (10, 30, 100, 300, 1000)
    subset: str | None = None
    options: str = ""  # of the command, beside the name


def h_grid() -> SpectralGrid:
    """The embedded synthetic grid of the H band (R = 22 500, 15127-16981 A)."""
    return from_npz_arrays(data.load(H_BAND), str(data.DATA / H_BAND))


def h_band() -> Instrument:
    """H band at R = 2000: 720 pixels of equal log wavelength, 15148-16959 A; the noise has no shape."""
    axis = WaveAxis(scale="log10", start=4.180355, step=6.82e-5, n=720)
    return Instrument(
        name="h-band",
        title="H band at R = 2000",
        wave_axis=axis,
        resolution=2000.0,
        resolution_note="Gaussian, R = 2000 over the whole band (IRTF library)",
        source="white noise of a given signal-to-noise ratio",
        noise=RelativeNoise(torch.ones(axis.n)),
        continuum_degree=5,
        rv_jitter_kms=10.0,
    )


def apogee_window() -> Instrument:
    """100 pixels of APOGEE near 15168 A at R = 22 500: where published spectra of labelled giants are at hand."""
    axis = WaveAxis(scale="log10", start=stars.WINDOW_START, step=APOGEE_STEP, n=100)
    return Instrument(
        name="apogee-window",
        title="APOGEE, a window of 100 pixels",
        wave_axis=axis,
        resolution=APOGEE_RESOLUTION * 0.98,  # a little below the grid's, so that it can be broadened to it
        resolution_note="Gaussian, R = 22 050; APOGEE's own varies over the detectors",
        source="white noise of a given signal-to-noise ratio",
        noise=RelativeNoise(torch.ones(axis.n)),
        continuum_degree=1,
        rv_jitter_kms=1.0,
    )


def shape_of(pixels: int, patch: int, width: int = 128, depth: int = 4) -> VitConfig:
    """A SpecViT of few wide tokens: what two cores can train."""
    return VitConfig(
        n_pixels=pixels, patch_size=patch, width=width, depth=depth, heads=4,
        embedding="per-position", embedding_init="pca",
    )  # fmt: skip


def _prior(base: Prior, snr: tuple[float, float]) -> Prior:
    return base.model_copy(update={"magnitude": None, "snr": snr})


_OPTICAL = PRIORS["lamost"]
_H = _OPTICAL.model_copy(update={"teff": (3750, 5500), "mh": (-2.0, 0.5)})


def bands() -> dict[str, Band]:
    """All experiments by name."""
    optical = Band(
        name="lamost",
        title="Optical, LAMOST",
        words="7099-8853 Å at R = 1800, bands of telluric absorption left out",
        instrument=lamost,
        grid=load_optical,
        prior=_prior(_OPTICAL, (10, 200)),
        varied_prior=_prior(_OPTICAL, (5, 25)),
        vit=shape_of(960, 60),
        synthetic=Variation(
            resolutions=(1400.0, 1600.0, 1800.0, 2000.0, 2300.0), velocity_kms=15.0, continuum=0.1, depth=0.1,
            discrepancy=0.02, sky=0.02, gap=60,
        ),
        observed=Variation(velocity_kms=15.0, continuum=0.03, noise=0.02, gap=60),
        cross_validated=stars.lamost_dr10,
        independent=(stars.stelib, stars.irtf_optical, stars.lamost_dr1),
        files=(surveys_lamost.FILE, pack.STELIB, pack.IRTF, pack.LAMOST_DR1),
        embedded=("ts_c3k_optical_grid_R20000.npz", "lamost_relative_noise.npz", "pfs_mr_noise_model.npz"),
        subset=stars.DR10_SUBSET,
    )  # fmt: skip
    h = Band(
        name="h-band",
        title="H band, emulated APOGEE giants and observed IRTF stars",
        words="15148-16959 Å at R = 2000",
        instrument=h_band,
        grid=h_grid,
        prior=_prior(_H, (10, 200)),
        varied_prior=_prior(_H, (5, 50)),
        vit=shape_of(720, 60),
        synthetic=Variation(
            resolutions=(1600.0, 2000.0, 2400.0), velocity_kms=15.0, continuum=0.1, depth=0.1, discrepancy=0.02,
            gap=60,
        ),
        observed=Variation(velocity_kms=15.0, continuum=0.03, noise=0.02, gap=60),
        cross_validated=stars.emulated_giants,
        independent=(stars.irtf_h,),
        files=(pack.CANNON, pack.IRTF),
        embedded=(H_BAND,),
        sizes=(10, 100),
    )  # fmt: skip
    window = Band(
        name="apogee-window",
        title="H band, observed APOGEE giants in a window",
        words="100 pixels near 15168 Å at R = 22 500",
        instrument=apogee_window,
        grid=h_grid,
        prior=_prior(_H, (20, 200)),
        varied_prior=_prior(_H, (10, 60)),
        vit=shape_of(100, 10, width=64),
        synthetic=Variation(velocity_kms=3.0, continuum=0.03, depth=0.1, discrepancy=0.03, gap=10),
        observed=Variation(velocity_kms=1.0, continuum=0.01, noise=0.01, gap=10),
        cross_validated=stars.window_giants,
        independent=(),
        files=(pack.APOGEE,),
        embedded=(H_BAND,),
    )
    return {b.name: b for b in (optical, h, window)}
