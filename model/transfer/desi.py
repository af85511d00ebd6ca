"""The band of a user's own DESI stars: the shards of ``python -m model ingest`` as the stars of an experiment."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from model.grid import load_optical
from model.ingest.layout import ERRORS, wavelengths
from model.ingest.manifest import MANIFEST, Manifest, read_manifest
from model.instruments import TELLURIC, Instrument, RelativeNoise
from model.simulator import PRIORS
from model.surveys import LABELS, ObservedSpectra
from model.transfer.augment import Variation
from model.transfer.bands import Band, shape_of
from model.transfer.stars import GRID_TEFF, Stars, on_pixels, select
from site_builder.contract import BadInput

MOST = 20_000  # stars; those of the best S/N, which is what fits into memory with room to spare
MIN_SNR = 10.0
PATCH = 136  # pixels; 16 patches over the band
FEWEST = 50
CREDIT = "Dark Energy Spectroscopic Instrument (DESI), Milky Way Survey"


def instrument_of(manifest: Manifest) -> Instrument:
    """Pixels of the shards (as many as fill whole patches), at the median resolution of their files."""
    found = [r.resolution for r in manifest.records if r.resolution is not None]
    axis = manifest.wave.model_copy(update={"n": manifest.wave.n // PATCH * PATCH})
    return Instrument(
        name="desi",
        title="DESI, R and Z arms merged",
        wave_axis=axis,
        resolution=round(float(np.median(found)), -1) if found else 4500.0,
        resolution_note="Gaussian; median of what the resolution matrices of the files say",
        source="white noise of a given signal-to-noise ratio",
        noise=RelativeNoise(torch.ones(axis.n)),
        continuum_degree=5,
        masked_bands=TELLURIC,
        rv_jitter_kms=5.0,
    )


def read_shards(folder: Path, manifest: Manifest) -> ObservedSpectra:
    """The best spectrum of every labelled star of S/N 10 or more, at most 20 000 of them.

    Raises:
        BadInput: fewer than 50 such stars.
    """
    light = pa.concat_tables(
        pq.read_table(folder / s.path, columns=["object_id", "snr", *LABELS, *ERRORS]) for s in manifest.shards
    )
    ids = np.array(light["object_id"].to_pylist(), str)
    snr = light["snr"].to_numpy().astype(np.float64)
    labels: dict[str, Any] = {k: light[k].to_numpy().astype(np.float64) for k in (*LABELS, *ERRORS)}
    report = {"spectra in the shards": len(ids)}
    order = np.argsort(-np.nan_to_num(snr, nan=-1), kind="stable")
    _, first = np.unique(ids[order], return_index=True)
    best = order[np.sort(first)]
    report["one spectrum per star"] = len(best)
    best = best[snr[best] >= MIN_SNR]
    report[f"S/N per pixel of {MIN_SNR:g} or more"] = len(best)
    best = np.sort(best[:MOST])
    report[f"at most {MOST}"] = len(best)
    if len(best) < FEWEST:
        raise BadInput(
            f"{folder / MANIFEST}: field spectra holds only {len(best)} stars of S/N {MIN_SNR:g} or more, but an "
            f"experiment needs {FEWEST}; ingest more files."
        )
    flux, ivar = np.empty((len(best), manifest.wave.n)), np.empty((len(best), manifest.wave.n))
    start = 0
    for shard in manifest.shards:
        rows = best[(best >= start) & (best < start + shard.rows)] - start
        if len(rows):
            table = pq.ParquetFile(folder / shard.path).read(columns=["spectrum.flux", "spectrum.ivar"]).take(rows)
            at = np.searchsorted(best, rows + start)
            spectrum = table["spectrum"].combine_chunks()
            for out, name in ((flux, "flux"), (ivar, "ivar")):
                out[at] = np.array(spectrum.field(name).to_pylist())
        start += shard.rows
    return ObservedSpectra(
        id=ids[best], wave=wavelengths(manifest.wave), flux=flux, ivar=ivar, z=np.zeros(len(best)),
        instrument=manifest.instrument, report=report, **{k: v[best] for k, v in labels.items()},
    )  # fmt: skip


def band(folder: Path) -> Band:
    """An experiment on the stars of the shards in ``folder``.

    Raises:
        BadInput: there are no shards, or too few stars.
    """
    manifest = read_manifest(folder)

    def stars(instrument: Instrument) -> Stars:
        spectra = select(read_shards(folder, manifest), instrument, GRID_TEFF)
        errors = spectra.logg_err[np.isfinite(spectra.logg_err)]
        return on_pixels(
            spectra, instrument,
            name="desi", title="DESI", origin="observed", survey="DESI", role="cross-validated",
            description="R and Z arms merged on 710-885 nm, at rest",
            label_source="the catalogue that the shards were joined with", credit=CREDIT,
            label_error=round(float(np.median(errors)), 4) if len(errors) else None,
            label_error_source="median of the errors that the catalogue states" if len(errors) else None,
        )  # fmt: skip

    instrument = instrument_of(manifest)
    prior = PRIORS["lamost"].model_copy(update={"snr": (10, 200)})
    r = instrument.resolution
    return Band(
        name="desi",
        title="Optical, DESI",
        words=f"{instrument.wave[0]:.0f}-{instrument.wave[-1]:.0f} Å at R = {r:.0f}, telluric bands left out",
        instrument=lambda: instrument,
        grid=load_optical,
        prior=prior,
        varied_prior=prior.model_copy(update={"snr": (5, 50)}),
        vit=shape_of(instrument.wave_axis.n, PATCH),
        synthetic=Variation(
            resolutions=(0.85 * r, r, 1.15 * r), velocity_kms=8.0, continuum=0.1, depth=0.1, discrepancy=0.02,
            sky=0.02, gap=PATCH,
        ),
        observed=Variation(velocity_kms=8.0, continuum=0.03, noise=0.02, gap=PATCH),
        cross_validated=stars,
        independent=(),
        files=(str(folder.resolve() / MANIFEST),),
        embedded=("ts_c3k_optical_grid_R20000.npz", "pfs_mr_noise_model.npz"),
        options=" --shards SHARDS",
    )  # fmt: skip
