"""The real stars of each band on an instrument's pixels, selected, with what is known about their labels."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model import data
from model.instruments import Instrument
from model.resample import to_instrument
from model.surveys import ObservedSpectra, lamost, pack
from site_builder.contract import BadInput
from site_builder.contract.transfer import TransferSet

MIN_COVERAGE = 0.9
DR10_SUBSET = "Teff below 6800 K and S/N above 50"
EMULATED_SNR = 100.0
WINDOW_START = 4.180938  # log10 of the first vacuum Angstrom in the file of observed giants
GRID_TEFF = (3750.0, 7000.0)
GRID_TEFF_H = (3750.0, 5500.0)
SOURCES = {
    "stelib": "Le Borgne et al. 2003, A&A 402, 433",
    "irtf": "Rayner et al. 2009, ApJS 185, 289; gravities from Cenarro et al. 2007, MNRAS 374, 664, and STELIB",
    "cannon": "quadratic Cannon model (Ness et al. 2015, ApJ 808, 16) fitted to 1801 observed APOGEE DR10 giants",
}


@dataclass
class Stars:
    """N real stars on P pixels.

    Attributes:
        info: what the contract says of the set.
        flux: (N, P) normalised as the instrument does, bridged where there is no data.
        valid: (N, P) bool.
        logg, teff, mh, snr: (N,).
        logg_err: (N,) NaN where the catalogue states none.
        subset: (N,) bool, or None.
    """

    info: TransferSet
    id: list[str]
    flux: Tensor
    valid: Tensor
    logg: np.ndarray
    logg_err: np.ndarray
    teff: np.ndarray
    mh: np.ndarray
    snr: np.ndarray
    subset: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.logg)


def on_pixels(
    spectra: ObservedSpectra, instrument: Instrument, subset: np.ndarray | None = None, **info: Any
) -> Stars:  # fmt: skip
    """Bring selected spectra to the instrument's pixels."""
    found = [
        to_instrument(spectra.wave, flux, ivar, float(z), instrument)
        for flux, ivar, z in zip(spectra.flux, spectra.ivar, spectra.z, strict=True)
    ]
    return Stars(
        info=TransferSet(n=len(spectra), selection=spectra.report, **info),
        id=[str(i) for i in spectra.id],
        flux=torch.stack([f.flux for f in found]),
        valid=torch.stack([f.valid for f in found]),
        logg=spectra.logg.astype(np.float64).round(4),  # as exported, so that whoever reads it derives the same
        logg_err=spectra.logg_err.astype(np.float64),
        teff=spectra.teff.astype(np.float64),
        mh=spectra.mh.astype(np.float64),
        snr=np.array([f.snr for f in found]),
        subset=subset,
    )


def select(
    spectra: ObservedSpectra, instrument: Instrument, teff: tuple[float, float], coverage: float = MIN_COVERAGE
) -> ObservedSpectra:
    """Stars with three valid labels, inside the grid's Teff, whose spectra cover the instrument's used pixels."""
    spectra = spectra.take(spectra.labelled, "valid Teff, log g and [Fe/H]")
    spectra = spectra.take(np.sort(np.unique(spectra.id, return_index=True)[1]), "one spectrum per star, the first")
    inside = (spectra.teff >= teff[0]) & (spectra.teff <= teff[1])
    spectra = spectra.take(inside, f"Teff between {teff[0]:g} and {teff[1]:g} K, where the synthetic grid is")
    wave = instrument.wave[instrument.used.numpy()]
    covered = []
    for ivar, z in zip(spectra.ivar, spectra.z, strict=True):
        at = np.searchsorted(spectra.wave / (1 + z), wave).clip(1, len(spectra.wave) - 1)
        covered.append(float(((ivar[at] > 0) & (wave > spectra.wave[0] / (1 + z))).mean()))
    return spectra.take(np.array(covered) >= coverage, f"{100 * coverage:g} % of the band valid")


def repeat_error(spectra: ObservedSpectra, raw: dict[str, np.ndarray]) -> tuple[float, int]:
    """Error of one catalogue log g (dex) from stars observed more than once, and the number of pairs.

    Robust standard deviation of the differences within pairs, over sqrt 2.
    """
    groups: dict[tuple[float, float], list[int]] = {}
    for i in np.flatnonzero(spectra.labelled):
        groups.setdefault((round(float(raw["ra"][i]), 3), round(float(raw["dec"][i]), 3)), []).append(int(i))
    pairs = [(g[0], other) for g in groups.values() for other in g[1:]]
    d = np.array([spectra.logg[a] - spectra.logg[b] for a, b in pairs])
    return float(1.4826 * np.median(np.abs(d)) / np.sqrt(2)), len(pairs)


def lamost_dr10(instrument: Instrument) -> Stars:
    """LAMOST DR10: one spectrum a star, Teff inside the grid."""
    wave = instrument.wave
    spectra, counts = lamost.select_dr10(wave[0], wave[-1])
    spectra.report = counts
    inside = spectra.teff >= GRID_TEFF[0]
    spectra = spectra.take(inside, f"Teff from {GRID_TEFF[0]:g} K on, where the synthetic grid begins")
    everything, raw = lamost.read_dr10()
    error, pairs = repeat_error(everything, raw)
    quality = dict(zip(raw["names"].tolist(), raw["snri"].tolist(), strict=True))
    bright = np.array([quality[str(i)] > 50 for i in spectra.id]) & (spectra.teff < 6800)
    return on_pixels(
        spectra, instrument, bright,
        name="lamost-dr10", title="LAMOST DR10", origin="observed", survey="LAMOST DR10", role="cross-validated",
        description="low-resolution spectra of A, F and G stars; one spectrum per star, that of the best S/N",
        label_source="LASP, the survey's stellar parameter pipeline", credit=lamost.CREDIT,
        label_error=round(error, 4) if pairs >= 5 else None,
        label_error_source=f"differences between {pairs} pairs of spectra of the same stars: repeatability alone, "
        "without what the pipeline gets wrong each time",
    )  # fmt: skip


def lamost_dr1(instrument: Instrument) -> Stars:
    """LAMOST DR1 stars whose catalogue states errors."""
    spectra = select(pack.read_lamost_dr1(), instrument, GRID_TEFF)
    return on_pixels(
        spectra, instrument,
        name="lamost-dr1", title="LAMOST DR1", origin="observed", survey="LAMOST DR1", role="independent",
        description="low-resolution spectra from the survey's first release, many of them noisy",
        label_source="LASP, as of the first release", credit=pack.CREDIT_DR1,
        label_error=round(float(np.nanmedian(spectra.logg_err)), 4),
        label_error_source="median of the errors that the catalogue states",
    )  # fmt: skip


def library_error() -> tuple[float, str]:
    """Error of one literature log g (dex) and how it was measured: stars with gravities from two libraries.

    The IRTF stars whose gravity comes from MILES (Cenarro et al. 2007) and that STELIB lists, too: root mean square
    difference over sqrt 2.
    """
    irtf, stelib_ = (data.read_npz(lamost.observed_folder() / name) for name in (pack.IRTF, pack.STELIB))

    def key(name: str) -> str:
        return re.sub(r"^HD0*", "HD", name.replace(" ", ""))

    listed = dict(zip(map(key, stelib_["names"].tolist()), stelib_["logg"].tolist(), strict=True))
    rows = zip(irtf["names"].tolist(), irtf["logg"].tolist(), irtf["label_source"].tolist(), strict=True)
    d = [g - listed[key(n)] for n, g, source in rows if source.startswith("MILES") and key(n) in listed]
    d = [x for x in d if np.isfinite(x)]
    error = float(np.sqrt(np.mean(np.square(d)) / 2))
    return round(error, 4), f"differences between MILES (Cenarro et al. 2007) and STELIB for {len(d)} stars in both"


def stelib(instrument: Instrument) -> Stars:
    """STELIB stars over the whole band, velocities measured on the Ca II triplet."""
    spectra = select(pack.read_stelib(), instrument, GRID_TEFF)
    error, source = library_error()
    return on_pixels(
        spectra, instrument,
        name="stelib", title="STELIB", origin="observed", survey="STELIB v3.2", role="independent",
        description="bright nearby stars, giants well represented; velocities aligned on the Ca II triplet",
        label_source=f"literature, gathered by {SOURCES['stelib']}", credit=f"STELIB ({SOURCES['stelib']})",
        label_error=error, label_error_source=source,
    )  # fmt: skip


def _irtf(instrument: Instrument, part: str, teff: tuple[float, float], coverage: float, **info: Any) -> Stars:
    spectra = select(pack.read_irtf(part), instrument, teff, coverage)
    error, source = library_error()
    return on_pixels(
        spectra, instrument, origin="observed", survey="IRTF", role="independent", label_source=SOURCES["irtf"],
        credit=f"IRTF Spectral Library ({SOURCES['irtf'].split(';')[0]})",
        label_error=error, label_error_source=source, **info,
    )  # fmt: skip


def irtf_optical(instrument: Instrument) -> Stars:
    """IRTF stars beyond 8105 A: the part of the band with the Ca II triplet; the rest is missing."""
    return _irtf(
        instrument, "optical", GRID_TEFF, 0.25, name="irtf", title="IRTF, Ca II triplet alone",
        description="8105-8853 Å only: more than half of the band is missing",
    )  # fmt: skip


def irtf_h(instrument: Instrument) -> Stars:
    """IRTF stars in the H band."""
    return _irtf(
        instrument, "h", GRID_TEFF_H, MIN_COVERAGE, name="irtf-h", title="IRTF, H band",
        description="bright stars with gravities from the literature",
    )  # fmt: skip


def emulated_giants(instrument: Instrument) -> Stars:
    """Spectra of the APOGEE Cannon model at the labels of the 1801 observed giants it was fitted to, with noise.

    flux = [1, d, d_i d_j (i <= j)] @ coefficients, d = labels - baseline labels (Ness et al. 2015, eq. 4).
    """
    path = lamost.observed_folder() / pack.CANNON
    if not path.exists():
        raise BadInput(f"{path} is not there; set SPECVIT_OBSERVED to the folder with the observed spectra.")
    raw = data.read_npz(path)
    labels = raw["training_labels"].astype(np.float64)
    d = labels - raw["baseline_labels"]
    i, j = np.triu_indices(d.shape[1])
    flux = np.hstack([np.ones((len(d), 1)), d, d[:, i] * d[:, j]]) @ raw["coeffs"].astype(np.float64)
    rng = np.random.default_rng(0)
    sigma = np.sqrt(EMULATED_SNR**-2 + raw["scatter"].astype(np.float64) ** 2)
    flux = flux + sigma * rng.standard_normal(flux.shape)
    spectra = ObservedSpectra(
        id=np.array([f"giant {k}" for k in range(len(d))]), wave=raw["wave_vac"], flux=flux,
        ivar=np.broadcast_to(sigma**-2.0, flux.shape).copy(), z=np.zeros(len(d)), teff=labels[:, 0],
        logg=labels[:, 1], mh=labels[:, 2], instrument="APOGEE, emulated", resolution=22_500.0,
        report={"giants that the emulator was fitted to": len(d)},
    )  # fmt: skip
    spectra = _coarser(select(spectra, instrument, GRID_TEFF_H, coverage=0.8), instrument)
    return on_pixels(
        spectra, instrument,
        name="apogee-emulated", title="APOGEE giants, emulated", origin="emulated", survey="APOGEE DR10",
        role="cross-validated",
        description=f"drawn from an emulator at the labels of real giants, at S/N {EMULATED_SNR:g} per pixel of 0.2 Å "
        "and with the emulator's own scatter; gaps between the detectors as observed",
        label_source="ASPCAP (APOGEE DR10), the labels that the emulator was fitted with",
        credit=f"{SOURCES['cannon']}; SDSS-III", label_error=None, label_error_source=None,
    )  # fmt: skip


def _coarser(spectra: ObservedSpectra, instrument: Instrument) -> ObservedSpectra:
    """Spectra broadened from their own resolution to the instrument's (Gaussian, equal steps of log wavelength)."""
    from scipy.ndimage import gaussian_filter1d

    assert spectra.resolution is not None
    step = float(np.median(np.diff(np.log(spectra.wave))))
    width = np.sqrt(instrument.resolution**-2 - spectra.resolution**-2) / 2.3548 / step
    weight = gaussian_filter1d((spectra.ivar > 0).astype(float), width, axis=1, mode="nearest")
    flux = gaussian_filter1d(np.where(spectra.ivar > 0, spectra.flux, 0), width, axis=1, mode="nearest") / weight
    spectra.flux = flux
    # averaging over a Gaussian of that width lowers the variance by 2 sqrt(pi) width; neighbours are correlated
    spectra.ivar = spectra.ivar * 2 * np.sqrt(np.pi) * width
    return spectra


def window_giants(instrument: Instrument) -> Stars:
    """671 observed APOGEE giants on 100 pixels."""
    spectra = select(pack.read_apogee_giants(), instrument, GRID_TEFF_H)
    return on_pixels(
        spectra, instrument,
        name="apogee-window", title="APOGEE giants", origin="observed", survey="APOGEE DR10", role="cross-validated",
        description="100 pixels near 15168 Å; their wavelengths were found by matching, to a pixel",
        label_source="ASPCAP", credit="SDSS-III APOGEE, spectra from the AnniesLasso package",
        label_error=None, label_error_source=None,
    )  # fmt: skip
