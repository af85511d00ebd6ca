"""Synthetic spectra as a FITS file: what ``predict`` reads, and what other codes can be tried on."""

import io
from pathlib import Path

import torch
from astropy.io import fits

from model.simulator import Simulator, generator
from site_builder.contract import BadInput
from site_builder.contract.io import write_atomic


def write_simulated(path: Path, instrument: str, n: int, seed: int) -> None:
    """Write n noisy spectra: WAVE once in its own HDU, flux (median 1) and ivar one row per star.

    The labels they were computed for are the columns teff, logg, mh; level is magnitude or S/N per pixel.

    Raises:
        BadInput: n is not positive, or the file cannot be written.
    """
    if n < 1:
        raise BadInput(f"--n {n} is no number of spectra; give 1 or more.")
    simulator = Simulator.of(instrument)
    g = generator(seed, "simulate")
    labels = simulator.draw_labels(n, g)
    level = simulator.draw_levels(n, g)
    clean = simulator.clean(labels)
    sigma = simulator.instrument.noise.sigma(clean, level)
    noisy = clean + sigma * torch.randn(clean.shape, generator=g)
    wide = f"{clean.shape[1]}E"
    columns = [
        fits.Column("flux", wide, array=noisy.numpy()),
        fits.Column("ivar", wide, array=(sigma**-2).numpy()),
        *(fits.Column(k, "E", array=labels[:, i].numpy()) for i, k in enumerate(("teff", "logg", "mh"))),
        fits.Column("magnitude" if simulator.prior.magnitude else "snr", "E", array=level.numpy()),
    ]
    wave = fits.ImageHDU(simulator.instrument.wave, name="WAVE")
    wave.header["BUNIT"] = "Angstrom"
    wave.header["AIRORVAC"] = "vac"
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRA")
    table.header["ORIGIN"] = "SpecViT synthetic"
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), wave, table]).writeto(buffer)
    write_atomic(path, buffer.getvalue())
