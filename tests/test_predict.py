"""``python -m model predict`` on good files and bad ones, with the shipped weights."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from model import cli
from model.predict import WEIGHTS, Predictor
from model.resample import vacuum_from_air
from model.simulated import write_simulated
from model.surveys import lamost
from site_builder.contract import BadInput


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("spectra")
    paths = {name: folder / f"{name}.fits" for name in ("pfs-mr", "lamost")}
    for name, path in paths.items():
        write_simulated(path, name, 60, 3)
    return paths


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and error of ``python -m model predict ARGUMENTS``."""
    code = cli.main(["predict", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", ["pfs-mr", "lamost"])
def test_answers_are_near_the_truth(name: str, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, simulated[name], "--json")
    assert code == 0
    answers = json.loads(out)
    assert len(answers) == 60
    assert all(a["instrument"] == name for a in answers)
    table = fits.getdata(simulated[name], "SPECTRA")
    z = np.array([(a["logg"] - t) / a["sigma"] for a, t in zip(answers, table["logg"], strict=True)])
    # 60 unit normals: the mean is within 0.13 and the mean square within 0.18 of expectation, one sigma each
    assert abs(z.mean()) < 0.6
    assert 0.4 < np.square(z).mean() < 2.2
    assert np.corrcoef([a["logg"] for a in answers], table["logg"])[0, 1] > 0.6
    assert all(a["coverage"] > 0.98 and a["snr"] > 0 for a in answers)


def test_the_example_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands in README.md print what it says they print (numbers to 0.02: processors round differently)."""
    text = (Path(__file__).parent.parent / "README.md").read_text()
    block = re.search(r"<!-- predict -->\n```console\n(.*?)```", text, re.DOTALL)
    assert block
    monkeypatch.chdir(tmp_path)
    printed = []
    for line in block[1].splitlines():
        if line.startswith("$ "):
            words = line.split()
            assert words[1:4] == [".venv/bin/python", "-m", "model"]
            assert cli.main(words[4:]) == 0
            printed += [line, *capsys.readouterr().out.splitlines()]
    for said, done in zip(block[1].splitlines(), printed, strict=True):
        for a, b in zip(said.split(), done.split(), strict=True):
            number = re.fullmatch(r"\d+\.\d+", a)
            assert float(a) == pytest.approx(float(b), abs=0.02 if "." in a else 0) if number else a == b


def one(path: Path, row: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """wave, flux and ivar of one simulated spectrum, float64."""
    with fits.open(path) as hdus:
        data = hdus["SPECTRA"].data
        return np.array(hdus["WAVE"].data), data["flux"][row].astype(float), data["ivar"][row].astype(float)


def test_every_layout_gives_the_same_answer(
    tmp_path: Path, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    wave, flux, ivar = one(simulated["lamost"], 5)
    long = Table({"wave": wave, "flux": flux, "ivar": ivar})
    rows = Table({"wave": wave[None], "flux": flux[None], "ivar": ivar[None]})
    nanometres = Table({"wavelength": wave / 10, "flux": flux, "error": ivar**-0.5})
    nanometres["wavelength"].unit = "nm"
    long.write(tmp_path / "a.fits")
    rows.write(tmp_path / "b.fits")
    long.write(tmp_path / "c.csv")
    nanometres.write(tmp_path / "d.ecsv")
    nanometres.write(tmp_path / "e.fits")
    Table({"loglam": np.log10(wave)[::-1], "flux": flux[::-1], "ivar": ivar[::-1]}).write(tmp_path / "f.fits")
    code, out, err = run(capsys, *sorted(tmp_path.iterdir()), "--json")
    assert code == 0, err
    logg = [a["logg"] for a in json.loads(out)]
    assert len(logg) == 6
    np.testing.assert_allclose(logg, logg[0], atol=0.01)


def test_air_and_velocity_are_undone(
    tmp_path: Path, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    wave, flux, _ivar = one(simulated["lamost"], 7)
    fine = np.linspace(wave[0] - 30, wave[-1] + 30, 4000)
    air = fine - (vacuum_from_air(fine) - fine)  # the inverse to first order: good to 1e-3 A
    spectrum = np.interp(fine, wave, flux)
    shifted = air * (1 + 150 / 299_792.458)
    # what is shifted is measured in vacuum; the difference of air corrections over 4 A is negligible
    for name, w in (("rest", fine), ("moving", shifted)):
        Table({"wave": w, "flux": spectrum, "ivar": np.full(4000, 1e4)}).write(tmp_path / f"{name}.csv")
    answers = []
    for arguments in ((tmp_path / "rest.csv",), (tmp_path / "moving.csv", "--air", "--rv", "150")):
        code, out, err = run(capsys, *arguments, "--instrument", "lamost", "--json")
        assert code == 0, err
        answers.append(json.loads(out)[0])
    assert answers[0]["logg"] == pytest.approx(answers[1]["logg"], abs=0.05)


def test_the_table_is_for_people(simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, simulated["pfs-mr"])
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == 61
    assert lines[0].split() == ["spectrum", "instrument", "log", "g", "sigma", "S/N", "covered", "note"]


def write(path: Path, wave: np.ndarray, flux: np.ndarray, ivar: np.ndarray) -> Path:
    """A CSV file of one spectrum."""
    Table({"wave": wave, "flux": flux, "ivar": ivar}).write(path, format="ascii.csv")
    return path


BAD = {
    "text": "cannot be read as FITS .*; give a FITS table, CSV or ECSV file",
    "empty": "cannot be read as FITS .*; give a FITS table, CSV or ECSV file",
    "truncated": "cannot be read as FITS .*truncated",
    "image": "no binary table has a field flux",
    "no-ivar": "field ivar is missing",
    "half": r"covers \d\d% of 7099-8853 A, but lamost needs 90%",
    "little": r"covers [1-4]?\d% of 7099-8853 A, but lamost needs 90%; give the whole band",
    "elsewhere": "covers nothing of",
    "huge": "holds numbers too large or too small to compute with; check the units of flux and ivar",
    "nan-flux": "field flux holds no finite number",
    "zero-ivar": "field ivar is zero or not finite throughout",
    "nan-ivar": "field ivar is zero or not finite throughout",
    "nanometres": "is not in Angstrom",
    "unsorted": "field wave does not rise",
    "negative": "field flux has a median that is not positive",
    "too-blue": "is bluer than every star of the model's range",
    "not-a-star": "differs from every star of the model's range",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_sentence(
    case: str, tmp_path: Path, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    wave, flux, ivar = one(simulated["lamost"])
    path = tmp_path / "spectrum.csv"
    half = wave < 8000
    match case:
        case "text":
            path = tmp_path / "notes.txt"
            path.write_text("dear diary")
        case "empty":
            path = tmp_path / "empty.fits"
            path.touch()
        case "truncated":
            path = tmp_path / "cut.fits"
            path.write_bytes(simulated["pfs-mr"].read_bytes()[:200_000])
        case "image":
            path = tmp_path / "image.fits"
            fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
        case "no-ivar":
            Table({"wave": wave, "flux": flux}).write(path)
        case "half":
            write(path, wave[half], flux[half], ivar[half])
        case "little":
            little = wave < 7400
            write(path, wave[little], flux[little], ivar[little])
        case "huge":
            write(path, wave, flux * 1e306, ivar)
        case "elsewhere":
            write(path, wave - 3500, flux, ivar)
        case "nan-flux":
            write(path, wave, np.full_like(flux, np.nan), ivar)
        case "zero-ivar":
            write(path, wave, flux, np.zeros_like(ivar))
        case "nan-ivar":
            write(path, wave, flux, np.full_like(ivar, np.nan))
        case "nanometres":
            write(path, wave / 10, flux, ivar)
        case "unsorted":
            write(path, wave[np.r_[1, 0, 2 : len(wave)]], flux, ivar)
        case "negative":
            write(path, wave, -np.abs(flux), ivar)
        case "too-blue":
            write(path, wave, flux * (wave / 8000) ** -7, ivar)
        case "not-a-star":
            write(path, wave, 1 + 0.9 * np.sin(wave / 15), np.full_like(ivar, 1e4))
    code, out, err = run(capsys, path, "--instrument", "lamost")
    assert code == 2
    assert out == ""
    assert err.startswith(f"error: {path}")
    assert err.count("\n") == 1
    assert re.search(BAD[case], err), err


def test_one_bad_row_does_not_spoil_the_others(
    tmp_path: Path, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    wave, flux, ivar = one(simulated["lamost"])
    bad = np.where(wave < 8000, ivar, 0)
    path = tmp_path / "two.fits"
    Table({"wave": [wave, wave], "flux": [flux, flux], "ivar": [ivar, bad]}).write(path)
    code, out, _ = run(capsys, path, "--json")
    good, refused = json.loads(out)
    assert code == 0
    assert (good["logg"] is not None and good["note"] == "") or "edge" in good["note"]
    assert refused["logg"] is None
    assert "needs 90%" in refused["note"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--air", "--vacuum"], "exclude each other"),
        (["--rv", "50000"], "is no velocity of a star"),
        (["--weights", "nowhere.safetensors"], "is not there"),
    ],
)
def test_bad_options(
    arguments: list[str], sentence: str, simulated: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, simulated["lamost"], *arguments)
    assert (code, out) == (2, "")
    assert sentence in err


def test_weights_of_another_instrument_are_refused(tmp_path: Path) -> None:
    source = WEIGHTS / "specvit-ti-lamost.safetensors"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    description = json.loads(source.with_suffix(".json").read_text()) | {"instrument": "pfs-mr"}
    (tmp_path / source.with_suffix(".json").name).write_text(json.dumps(description))
    with pytest.raises(BadInput, match=r"field vit\.n_pixels is 960 but pfs-mr has 4096"):
        Predictor(tmp_path / source.name)


def test_shipped_weights_are_small() -> None:
    files = sorted(WEIGHTS.glob("*.safetensors"))
    assert [f.name for f in files] == ["specvit-ti-lamost.safetensors", "specvit-ti-pfs-mr.safetensors"]
    assert all(f.stat().st_size < 16e6 for f in files)


@pytest.mark.skipif(not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md")
def test_a_real_white_dwarf_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = lamost.observed_folder() / "sdss_spec-0266-51602-0031.fits"
    code, out, err = run(capsys, path)
    assert (code, out) == (2, "")
    assert "is bluer than every star of the model's range" in err


@pytest.mark.skipif(not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md")
def test_a_real_desi_file_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own layout and masks; and redrock files, which hold no spectra, are refused as what they are."""
    folder = lamost.observed_folder()
    code, out, err = run(capsys, folder / "desi_coadd-4-80613-thru20210324.fits", "--json")
    assert code == 0, err
    assert json.loads(out)[0]["instrument"] == "pfs-mr"
    code, out, err = run(capsys, folder / "desi_redrock-4-80613-thru20210324.fits")
    assert (code, out) == (2, "")
    assert "is a catalogue" in err


@pytest.mark.skipif(not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md")
def test_real_stars_come_out_as_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A LAMOST spectrum through predict gives the answer that results/ carries for that star."""
    folder = Path(__file__).parent.parent / "results" / "runs" / "specvit-ti-lamost" / "examples"
    spectra, _ = lamost.read_dr10()
    examples = [json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))]
    assert len(examples) >= 7
    for published in examples[::3]:
        i = int(np.flatnonzero(np.char.endswith(published["title"], spectra.id))[0])
        path = tmp_path / f"{published['id']}.fits"
        columns = {"wave": spectra.wave[None], "flux": spectra.flux[i][None], "ivar": spectra.ivar[i][None]}
        Table(columns).write(path)
        velocity = str(spectra.z[i] * 299_792.458)
        code, out, err = run(capsys, path, "--rv", velocity, "--json")
        assert code == 0, err
        assert json.loads(out)[0]["logg"] == pytest.approx(published["predicted_logg"], abs=0.01)
