"""BOSZ as the grid that everything runs on, from files in the layout of the release."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import survey_files as sf
import survey_files_more as more
import torch
from astropy.table import Table

from model import grid as grids
from model.instruments import lamost as lamost_instrument
from model.resample import vacuum_from_air
from model.surveys import bosz
from site_builder.contract import BadInput

TEFF, LOGG, MH = [4000.0, 4500.0, 5000.0, 5500.0], [1.0, 2.0, 3.0, 4.0], [-1.0, -0.5, 0.0, 0.5]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bosz")
    more.write_bosz(folder, TEFF, LOGG, MH, r=6000.0)
    return folder


def test_bosz_becomes_the_grid(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bosz.grid(library)
    assert made.bounds == {"teff": (4000, 5500), "logg": (1, 4), "mh": (-1, 0.5)}
    assert made.resolution == 6000
    labels = torch.tensor([[4500.0, 3.0, -0.5]])
    spectrum = made.spectra(labels)[0].numpy()
    air = more.bosz_wave(6000.0)
    flux, continuum = more.bosz_spectrum(air, 4500, 3, -0.5)
    wave = vacuum_from_air(air)
    inside = (wave >= made.wave[0] - 1e-3) & (wave <= made.wave[-1] + 1e-3)
    np.testing.assert_allclose(spectrum, flux[inside] / np.median(continuum[inside]), rtol=2e-4)
    # the line lies at its vacuum wavelength
    near = np.abs(made.wave - sf.CA_TRIPLET[1]) < 2
    assert made.wave[near][np.argmin(spectrum[near])] == pytest.approx(sf.CA_TRIPLET[1], abs=0.4)
    bosz.save(made, tmp_path / "grid.npz")
    for choice in (library, tmp_path / "grid.npz"):
        monkeypatch.setenv("SPECVIT_GRID", str(choice))
        chosen = grids.load_optical()
        torch.testing.assert_close(chosen.nodes, made.nodes)
        assert chosen.resolution == 6000
    seen = lamost_instrument().observe(chosen)
    assert seen.nodes.shape == (64, 960)
    assert seen.resolution == 1800
    monkeypatch.delenv("SPECVIT_GRID")
    assert grids.load_optical().resolution == 20_000


def test_bosz_files_of_every_kind(library: Path, tmp_path: Path) -> None:
    name = more.bosz_name(4500, 3, -0.5, r="6000")
    wave, flux, continuum = bosz.read(library / "m-0.50" / name)
    air = np.loadtxt(library / "bosz2024_wave_r6000.txt")
    full = np.column_stack([air, *more.bosz_spectrum(air, 4500, 3, -0.5)])
    three = tmp_path / more.bosz_name(4500, 3, -0.5, r="orig", kind="noresam")
    np.savetxt(three, full)
    table = tmp_path / more.bosz_name(4500, 3, -0.5, r="6000", extension="fits")
    Table({"WAVELENGTH": full[:, 0], "FLUX": full[:, 1], "CONTINUUM": full[:, 2]}).write(table)
    for path in (three, table):
        for got, expected in zip(bosz.read(path), (wave, flux, continuum), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5)
    # a file in vacuum is recognised by its Ca II line
    vacuum = tmp_path / more.bosz_name(5000, 3, -0.5, r="orig", kind="noresam")
    np.savetxt(vacuum, np.column_stack([vacuum_from_air(air), full[:, 1:]]))
    np.testing.assert_allclose(bosz.read(vacuum)[0], wave, rtol=1e-7)
    said = bosz.parse(Path(more.bosz_name(5000, 0, -2.25, atmosphere="ms", r="10000")))
    assert (said.atmosphere, said.teff, said.logg, said.mh, said.micro, said.resolution) == (
        "ms", 5000, 0, -2.25, 2, 10_000,
    )  # fmt: skip


def test_original_sampling_is_averaged_to_common_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for t in TEFF:
        for g in LOGG:
            for m in MH:
                air = 8440 + 0.03 * (np.arange(5200) + rng.uniform(0, 0.5, 5200))
                flux, continuum = more.bosz_spectrum(air, t, g, m)
                name = more.bosz_name(t, g, m, r="orig", kind="noresam", extension="txt")
                np.savetxt(tmp_path / name, np.column_stack([air, flux, continuum]))
    made = bosz.grid(tmp_path, window=(8450.0, 8590.0))
    got = made.spectra(torch.tensor([[4500.0, 3.0, -0.5]]))[0].numpy()
    flux, continuum = more.bosz_spectrum(made.wave - (vacuum_from_air(made.wave) - made.wave), 4500, 3, -0.5)
    np.testing.assert_allclose(got, flux / np.median(continuum), rtol=2e-3)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("missing node", r"lacks 1 nodes of its lattice, the first at teff 4500, logg 2, mh -0\.5"),
        ("few", "field logg has 3 nodes"),
        ("mixed", "several resolutions"),
        ("no waves", r"bosz2024_wave_r6000\.txt is not beside it"),
        ("short waves", "has .* pixels, but .* wavelengths"),
        ("damaged", "is damaged"),
        ("empty", "holds no BOSZ spectra"),
    ],
)
def test_bad_bosz_folders(
    case: str, sentence: str, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "library"
    shutil.copytree(library, folder)
    one = folder / "m-0.50" / more.bosz_name(4500, 2, -0.5, r="6000")
    match case:
        case "missing node":
            one.unlink()
        case "few":
            for path in folder.rglob("*_g+4.0_*"):
                path.unlink()
        case "mixed":
            one.rename(one.with_name(one.name.replace("r6000", "r5000")))
        case "no waves":
            (folder / "bosz2024_wave_r6000.txt").unlink()
        case "short waves":
            np.savetxt(folder / "bosz2024_wave_r6000.txt", more.bosz_wave(6000.0)[:-7])
        case "damaged":
            one.write_bytes(one.read_bytes()[:2000])
        case "empty":
            shutil.rmtree(folder)
            folder.mkdir()
    monkeypatch.setenv("SPECVIT_GRID", str(folder))
    with pytest.raises(BadInput, match=sentence) as error:
        grids.load_optical()
    more.one_sentence(error, folder)


def test_a_grid_that_does_not_suit_is_refused(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bosz.grid(library, window=(7500.0, 8800.0))
    path = tmp_path / "grid.npz"
    monkeypatch.setenv("SPECVIT_GRID", str(path))
    for sentence, changes in (
        (r"SPECVIT_GRID: .* covers 7495-8805 A, but the instruments need 7090-8864 A", {}),
        (r"has lambda / FWHM 2000, but the instruments need more than 5000", {"resolution": 2000.0}),
    ):
        if changes:
            made = bosz.grid(library)
            made.resolution = changes["resolution"]
        bosz.save(made, path)
        with pytest.raises(BadInput, match=sentence) as error:
            grids.load_optical()
        more.one_sentence(error, path)
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="is damaged"):
        grids.load_optical()


def test_spherical_atmospheres_come_first(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(library, folder)
    plane = folder / "m-0.50" / more.bosz_name(4500, 2, -0.5, r="6000")
    other = folder / "m-0.50" / more.bosz_name(5500, 4, -0.5, r="6000")
    shutil.copy(other, plane.with_name(plane.name.replace("_mp_", "_ms_")))
    shutil.copy(other, plane.with_name(plane.name.replace("_mp_", "_ap_")))
    made = bosz.grid(folder)
    got = made.spectra(torch.tensor([[4500.0, 2, -0.5], [5500.0, 4, -0.5]]))
    torch.testing.assert_close(got[0], got[1], rtol=1e-4, atol=1e-5)


def test_axes_are_cut_to_a_complete_lattice(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(library, folder)
    (folder / "m-0.50" / more.bosz_name(4500, 2, -0.5, r="6000")).rename(
        folder / "m-0.50" / more.bosz_name(9000, 2, -0.5, r="6000")
    )
    with pytest.raises(BadInput, match="field teff has 0 nodes"):
        bosz.grid(folder, within={"teff": (100, 200)}, resolution=6000)
    with pytest.raises(BadInput, match="lacks 1 nodes of its lattice, the first at teff 4500, logg 2"):
        bosz.grid(folder, within={"teff": (4000, 5500)})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("name", "is not named as BOSZ files are"),
        ("columns", "has 4 columns of 50 rows, not 2 or 3"),
        ("negative", "fields flux and continuum hold numbers that are not finite or not positive"),
        ("absent", "is not there; give the folder with BOSZ files"),
    ],
)
def test_one_bad_spectrum(change: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / ("star.txt" if change == "name" else more.bosz_name(5000, 4, 0, r="6000").removesuffix(".gz"))
    wave = np.linspace(8500, 8600, 50)
    columns = [wave, np.ones(50), np.full(50, -1.0 if change == "negative" else 1.0), np.ones(50)]
    if change != "absent":
        np.savetxt(path, np.column_stack(columns[: 4 if change == "columns" else 3]))
    with pytest.raises(BadInput, match=sentence) as error:
        bosz.read(path)
    more.one_sentence(error, path)


def test_wavelengths_without_the_triplet_are_taken_for_air(tmp_path: Path) -> None:
    path = tmp_path / more.bosz_name(5000, 4, 0, r="6000").removesuffix(".gz")
    wave = np.linspace(7200, 7300, 50)
    np.savetxt(path, np.column_stack([wave, np.ones(50), np.ones(50)]), fmt="%.9e")
    np.testing.assert_allclose(bosz.read(path)[0], vacuum_from_air(wave), rtol=1e-8)


def test_spectra_that_cover_less_or_other_pixels_are_named(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(library, folder)
    one = folder / "m-0.50" / more.bosz_name(4500, 2, -0.5, r="6000")
    wave = more.bosz_wave(6000.0)
    for pixels, sentence in (
        (wave[wave > 8000], r"covers 8002-88\d\d A of 708\d-88\d\d A"),
        (wave[wave < 7000], "covers nothing of"),
        (wave[::2], "field wave differs from that of the other spectra"),
    ):
        inside = pixels if len(pixels) else np.array([6000.0, 6001])
        rows = np.column_stack([inside, *more.bosz_spectrum(inside, 4500, 2, -0.5)])
        with gzip.open(one, "wt") as handle:
            np.savetxt(handle, rows, fmt="%.9e")
        with pytest.raises(BadInput, match=sentence) as error:
            bosz.grid(folder)
        more.one_sentence(error, one)
