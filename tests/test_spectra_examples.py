"""Spectra that pages draw beside the runs' stars: thinned, at rest, with their gaps, added to a results folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.cli import main as model_main
from model.surveys import examples, lamost
from site_builder.contract import BadInput
from site_builder.results import Results
from tests.factory import make_results, provenance


def sample(wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray | None, z: float | None) -> examples.Sample:
    """A made-up galaxy."""
    about = {
        "id": "made-up", "title": "Made up", "origin": "observed", "survey": "DESI", "what": "a galaxy", "credit": "-",
        "source_file": "-", "star_class": "unknown", "logg": None, "teff": None, "mh": None, "label_source": None,
        "resolution": None, "normalisation": "median", "noise_source": "" if ivar is None else "made up", "note": "",
    }  # fmt: skip
    return examples.Sample(wave, flux, ivar, z, about)


def test_thinned_to_rest_with_its_gap() -> None:
    wave = 3600 + 0.8 * np.arange(9000)
    ivar = np.where((wave > 6000) & (wave < 6100), 0.0, 4.0)
    file = examples.spectrum_file(sample(wave, np.full(9000, 7.0), ivar, 0.1), provenance("spectra"))
    assert file.wave.scale == "linear"
    assert file.wave.n <= examples.MAX_PIXELS
    assert file.wave.start == pytest.approx(3600 / 1.1, abs=1e-6)
    at = file.wave.start + file.wave.step * np.arange(file.wave.n)
    empty = np.isnan(file.flux)
    assert empty[(at > 6005 / 1.1) & (at < 6095 / 1.1)].all()
    assert not empty[(at < 5995 / 1.1) | ((at > 6105 / 1.1) & (at < 10790 / 1.1))].any()
    assert file.flux[0] == 1.0
    assert file.snr == pytest.approx(14.0)
    assert file.sigma is not None
    assert file.sigma[1] == pytest.approx(1 / 14 / np.sqrt(3), rel=0.02)  # three pixels in one


def test_holes_between_detectors_are_not_bridged() -> None:
    wave = np.concatenate([10 ** (4.18 + 6e-6 * np.arange(2000)), 10 ** (4.20 + 6e-6 * np.arange(2000))])
    file = examples.spectrum_file(sample(wave, np.ones(4000), None, 0.0), provenance("spectra"))
    assert file.wave.scale == "log10"
    at = 10 ** (file.wave.start + file.wave.step * np.arange(file.wave.n))
    hole = (at > wave[1999] + 1) & (at < wave[2000] - 1)
    assert hole.sum() > 100
    assert np.isnan(file.flux[hole]).all()
    assert file.sigma is None


def test_added_to_a_results_folder_and_the_rest_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_results(tmp_path / "results", n_stars=60, n_pixels=64)
    before = {p: (root / p).read_bytes() for p in Results.load(root).files if not p.startswith("spectra/")}
    monkeypatch.setenv("SPECVIT_OBSERVED", str(tmp_path / "nothing"))
    assert model_main(["spectra", "--out", str(root)]) == 0
    written = [f"spectra/{p.name}" for p in (root / "spectra").glob("*.json")]
    said = capsys.readouterr().out
    assert "spectra/synthetic-h-giant.json" in written
    assert "LAMOST is left out" in said
    assert f"{len(written)} spectra written to {root / 'spectra'}" in said
    results = Results.load(root)
    assert {p: (root / p).read_bytes() for p in before} == before
    assert set(results.spectra) == {Path(p).stem for p in written}  # those of an earlier call are gone
    assert json.loads((root / "index.json").read_text())["main_run"] == results.index.main_run


def test_no_results_no_spectra(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"index\.json"):
        examples.write(tmp_path)


@pytest.mark.skipif(not lamost.available(), reason="the observed spectra are not here")
def test_every_survey_has_its_spectrum() -> None:
    files, left_out = examples.spectra_files(provenance("spectra"))
    assert left_out == []
    assert {"DESI", "SDSS", "LAMOST DR10", "LAMOST DR1", "Gaia DR3 RVS", "APOGEE DR17", "STELIB", "IRTF"} <= {
        f.survey for f in files
    }
    assert {f.origin for f in files} == {"observed", "emulated", "synthetic"}
    galaxies = [f for f in files if f.what == "a galaxy"]
    assert len(galaxies) == 2
    assert all(f.logg is None and f.star_class == "unknown" and f.z is not None for f in galaxies)
