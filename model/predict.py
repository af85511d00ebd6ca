"""log g with its sigma for a reader's own spectra, with the shipped weights."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from model import instruments
from model.checkpoint import load_weights
from model.components import leading
from model.data import DATA
from model.grid import load_optical
from model.resample import OnPixels, slope, to_instrument, vacuum_from_air
from model.simulator import SPEED_OF_LIGHT_KMS
from model.surveys.formats import read_rows
from model.surveys.tables import TableSpectrum
from model.train import predict
from site_builder.contract import BadInput

WEIGHTS = DATA.parent / "weights"
PRESET = "specvit-ti"
MIN_COVERAGE = 0.9
FINE_STEP = 1.2  # Angstrom a pixel below which a spectrum goes to pfs-mr: 0.43 there, 0.8 in DESI, 1.8 in LAMOST
COMPONENTS = 10  # of the synthetic spectra: what a star of the grid can look like
JUDGED = 0.5  # share of the band from which it is said what a spectrum looks like
# A star bluer than all of the grid, beyond what flux calibration may do, is none of the range. With this margin no one
# of the 117 observed STELIB stars below 6500 K is, 12 of 30 above 9000 K are, and about 1 % of LAMOST's.
BLUE_MARGIN = 0.1  # of ``resample.slope``
MAX_EXCESS = 0.1  # largest rms misfit to those, beyond the noise, as a fraction of the flux


@dataclass
class Answer:
    """What is said about one spectrum; logg and sigma are None where it is refused."""

    spectrum: str
    instrument: str
    logg: float | None
    sigma: float | None
    snr: float | None
    coverage: float
    misfit: float | None
    note: str


class Predictor:
    """A trained SpecViT with the instrument it was trained for.

    Args:
        weights: a .safetensors file with its .json beside it.

    Raises:
        BadInput: the weights cannot be used.
    """

    def __init__(self, weights: Path) -> None:
        self.net, description = load_weights(weights)
        self.instrument = instruments.get(str(description.get("instrument")))
        if self.net.config.n_pixels != self.instrument.wave_axis.n:
            raise BadInput(
                f"{weights}: field vit.n_pixels is {self.net.config.n_pixels} but {self.instrument.name} has "
                f"{self.instrument.wave_axis.n} pixels; give weights trained for it."
            )
        self.prior = description["prior"]

    @cached_property
    def _nodes(self) -> torch.Tensor:
        """(nodes, pixels) synthetic spectra as the instrument sees them."""
        return self.instrument.observe(load_optical()).nodes

    @cached_property
    def basis(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean (pixels,) and leading directions (COMPONENTS, pixels) of the synthetic spectra, used pixels only."""
        nodes = self.instrument.normalise(self._nodes)
        nodes = nodes * self.instrument.used
        return nodes.mean(0), leading(nodes, COMPONENTS)[0].contiguous()

    @cached_property
    def min_slope(self) -> float:
        """The least slope (``resample.slope``) that a star of the range may have."""
        nodes = self._nodes.double().numpy()
        used = self.instrument.used.double().numpy()
        return min(slope(self.instrument.wave, flux, used)[0] for flux in nodes) - BLUE_MARGIN

    def misfit(self, on: OnPixels) -> float:
        """rms of what no synthetic spectrum can look like, surely beyond the noise, as a fraction of the flux."""
        mean, directions = self.basis
        keep = on.valid & self.instrument.used
        basis = directions[:, keep].T.double()
        y = (on.flux - mean)[keep].double()
        fit = basis @ torch.linalg.lstsq(basis, y[:, None]).solution[:, 0]
        variance = on.sigma[keep].double().square()
        chance = 4 * (2 * variance.square().sum()).sqrt() / len(variance)  # of the mean square of pure noise
        excess = (y - fit).square().mean() - variance.mean() - chance
        return float(excess.clamp_min(0).sqrt())

    def answer(self, spectrum: TableSpectrum, air: bool | None = None, rv: float | None = None) -> Answer:
        """log g of one spectrum, or why it is refused.

        Args:
            air: wavelengths are in air; None: as the file says, else in vacuum.
            rv: radial velocity in km/s (positive: receding) that is taken out; None: what the file has, else 0.
        """
        in_air = spectrum.air if air is None else air
        wave = vacuum_from_air(spectrum.wave) if in_air else spectrum.wave
        z = spectrum.z if rv is None else rv / SPEED_OF_LIGHT_KMS
        name = self.instrument.name
        refused = Answer(spectrum.name, name, None, None, None, 0.0, None, "")
        band = f"{self.instrument.wave[0]:.0f}-{self.instrument.wave[-1]:.0f} A"
        try:
            on = to_instrument(wave, spectrum.flux, spectrum.ivar, z, self.instrument)
        except ValueError:
            refused.note = f"covers nothing of {band}, which {name} needs; give a spectrum of that band"
            return refused
        except OverflowError:
            refused.note = "holds numbers too large or too small to compute with; check the units of flux and ivar"
            return refused
        used = self.instrument.used
        refused.coverage = coverage = float((on.valid & used).sum() / used.sum())
        too_little = f"covers {coverage:.0%} of {band}, but {name} needs {MIN_COVERAGE:.0%}; give the whole band"
        if coverage < JUDGED:
            refused.note = too_little
            return refused
        refused.snr = on.snr
        if not np.median(spectrum.flux[spectrum.ivar > 0]) > 0:
            refused.note = "field flux has a median that is not positive; subtract the sky again, or give more signal"
            return refused
        misfit = refused.misfit = self.misfit(on)
        rise, error = on.slope
        if misfit > MAX_EXCESS:
            refused.note = (
                f"differs from every star of the model's range (Teff, log g, [M/H]) by {misfit:.0%} of its flux beyond "
                "the noise; check --rv, --air and the kind of star"
            )
        elif rise + 2 * error < self.min_slope:
            refused.note = (
                f"is bluer than every star of the model's range: its flux falls by {-rise:.0%} over 1000 A, theirs by "
                f"{-self.min_slope:.0%} at most; check the kind of star, and that flux is per wavelength"
            )
        elif coverage < MIN_COVERAGE:
            refused.note = too_little
        if refused.note:
            return refused
        flux = torch.where(on.valid, on.flux, self.net.scaler.mean)
        logg, sigma = (float(v) for v in predict(self.net, flux[None]))
        return Answer(spectrum.name, name, logg, sigma, on.snr, coverage, misfit, self._note(logg, sigma, on.snr))

    def _note(self, logg: float, sigma: float, snr: float) -> str:
        notes = []
        lo, hi = self.prior["logg"]
        if logg < lo + sigma or logg > hi - sigma:
            notes.append(f"within one sigma of the edge of the training range ({lo:g} to {hi:g})")
        if self.prior["snr"] and snr > self.prior["snr"][1]:
            notes.append("S/N above the training range: sigma is too small for errors of the models")
        return "; ".join(notes)


def choose_weights(instrument: str, spectrum: TableSpectrum) -> Path:
    """Shipped weights for an instrument; ``auto`` takes the one whose pixels are nearest to the spectrum's."""
    if instrument == "auto":
        lo, hi = 7100.0, 8850.0
        inside = (spectrum.wave > lo) & (spectrum.wave < hi)
        step = float(np.median(np.diff(spectrum.wave[inside]))) if inside.sum() > 1 else 1.0
        instrument = "pfs-mr" if step < FINE_STEP else "lamost"
    instruments.get(instrument)
    return WEIGHTS / f"{PRESET}-{instrument}.safetensors"


def predict_files(
    files: list[Path],
    instrument: str = "auto",
    weights: Path | None = None,
    air: bool | None = None,
    rv: float | None = None,
    unit: str | None = None,
) -> list[Answer]:
    """Answers for every spectrum of every file.

    Args:
        instrument, weights: see ``choose_weights``; weights go before.
        air, rv: see ``Predictor.answer``.
        unit: of a table's wavelengths, in place of what it says.

    Raises:
        BadInput: a file cannot be read, or not one spectrum of it can be answered.
    """
    answers: list[Answer] = []
    loaded: dict[Path, Predictor] = {}
    for file in files:
        of_file = []
        for spectrum in read_rows(file, unit):
            path = weights or choose_weights(instrument, spectrum)
            if path not in loaded:
                loaded[path] = Predictor(path)
            of_file.append(loaded[path].answer(spectrum, air, rv))
        if all(a.logg is None for a in of_file):
            raise BadInput(f"{of_file[0].spectrum}: {of_file[0].note}.")
        answers += of_file
    return answers


def as_json(answers: list[Answer]) -> list[dict[str, object]]:
    """Plain values, rounded as printed."""
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(a).items()} for a in answers]


def as_table(answers: list[Answer]) -> str:
    """A table for the terminal."""
    rows = [("spectrum", "instrument", "log g", "sigma", "S/N", "covered", "note")]
    for a in answers:
        logg, sigma = ("refused", "") if a.logg is None or a.sigma is None else (f"{a.logg:.2f}", f"{a.sigma:.2f}")
        snr = "" if a.snr is None else f"{a.snr:.1f}"
        rows.append((a.spectrum, a.instrument, logg, sigma, snr, f"{a.coverage:.0%}", a.note))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows)
