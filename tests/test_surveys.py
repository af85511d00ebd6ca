"""Readers of LAMOST, SDSS, APOGEE, BOSZ and of the data pack, and the recognition of formats."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import survey_files as sf
import survey_files_more as more
import torch
from astropy.io import fits
from astropy.table import Table

from model import grid as grids
from model.resample import vacuum_from_air
from model.surveys import ObservedSpectra, align, apogee, formats, lamost, lamost_files, pack, reading, sdss, tables
from site_builder.contract import BadInput

needs_observed = pytest.mark.skipif(
    not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md"
)
NAME = "2M00000000+0000001"


def line_position(spectra: ObservedSpectra, centre: float = sf.CA_TRIPLET[1]) -> float:
    """Centre of the absorption near ``centre`` in the rest frame (vacuum Angstrom) of the first spectrum."""
    rest = spectra.wave / (1 + spectra.z[0])
    near = (np.abs(rest - centre) < 6) & (spectra.ivar[0] > 0)
    depth = 1 - spectra.flux[0, near] / np.median(spectra.flux[0, np.abs(rest - centre) < 60])
    return float((rest[near] * depth).sum() / depth.sum())


# --- LAMOST


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_lamost_layouts(new: bool, packed: bool, tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / ("spec.fits.gz" if packed else "spec.fits"), new=new)
    spectra = lamost_files.read(path)
    assert spectra.id.tolist() == ["101"]
    np.testing.assert_allclose(spectra.wave, more.LAMOST_WAVE, rtol=1e-7)
    assert spectra.ivar[0, 2000] == 0
    assert (spectra.ivar[0] > 0).sum() == len(more.LAMOST_WAVE) - 1
    assert spectra.mask is not None
    assert spectra.mask[0].sum() == 1
    assert line_position(spectra) == pytest.approx(sf.CA_TRIPLET[1], abs=0.3)
    assert np.isnan(spectra.logg[0])


def test_lamost_catalogue(tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / "spec.fits", new=True)
    rows = Table({"obsid": [7, 101, 101, 102], "teff": [1.0, 5000, 5100, -9999], "teff_err": [1.0, 90, 30, -9999]})
    rows["logg"], rows["logg_err"] = [1.0, 3.0, 3.1, -9999], [0.1, 0.2, 0.1, -9999]
    rows["feh"], rows["feh_err"], rows["rv"] = [0.0, -0.2, -0.3, -9999], [0.1] * 4, [0.0, 31.0, 32.0, -9999.0]
    rows.write(tmp_path / "stellar.fits")
    rows.write(tmp_path / "stellar.csv", format="ascii", delimiter="|")
    for catalogue in (tmp_path / "stellar.fits", tmp_path / "stellar.csv"):
        spectra = lamost_files.read(path, catalogue)
        # of two rows of one spectrum the one with the smaller error
        assert (spectra.teff[0], spectra.logg[0], spectra.mh[0], spectra.logg_err[0]) == (5100, 3.1, -0.3, 0.1)
        assert spectra.z[0] == pytest.approx(32 / sf.C_KMS)
    for obsid in (102, 103):  # -9999 labels; not in the catalogue
        spectra = lamost_files.read(more.write_lamost(path, new=True, obsid=obsid), tmp_path / "stellar.csv")
        assert len(spectra) == 0
        assert spectra.report == {"spectra in the file": 1, "valid labels": 0}


def test_air_by_header_or_option(tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / "spec.fits", new=False)
    vacuum = lamost_files.read(path)
    forced = lamost_files.read(path, air=True)
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["VACUUM"] = False
    said = lamost_files.read(path)
    np.testing.assert_array_equal(said.wave, forced.wave)
    np.testing.assert_allclose(said.wave, vacuum_from_air(vacuum.wave), rtol=1e-12)
    assert 2.2 < said.wave[3700] - vacuum.wave[3700] < 2.5
    header = fits.Header()
    for key, value, expected in (
        ("AIRORVAC", "air", True), ("AIRORVAC", "vac", False), ("CTYPE1", "AWAV-LOG", True), ("CTYPE1", "WAVE", False),
        ("TUNIT1", "Angstrom (air)", True), ("TUNIT1", "Angstrom", False), ("VACUUM", True, False),
    ):  # fmt: skip
        header.clear()
        header[key] = value
        assert reading.is_air(header) is expected, (key, value)


def test_a_falling_axis_is_turned_round_and_a_broken_one_refused(tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / "spec.fits", new=False)
    rising = lamost_files.read(path)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data = hdus[0].data[:, ::-1].copy()
    falling = lamost_files.read(path)
    np.testing.assert_array_equal(falling.wave, rising.wave)
    np.testing.assert_array_equal(falling.flux, rising.flux)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[2, [10, 11]] = hdus[0].data[2, [11, 10]]
    with pytest.raises(BadInput, match="field wave does not rise") as error:
        lamost_files.read(path)
    more.one_sentence(error, path)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_no_weight_anywhere_is_refused(value: float, tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / "spec.fits", new=False)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[1] = value
    with pytest.raises(BadInput, match="field ivar is zero or not finite throughout") as error:
        formats.read_any(path)
    more.one_sentence(error, path)


# --- SDSS


@needs_observed
def test_real_sdss_spectrum() -> None:
    path = lamost.observed_folder() / "sdss_spec-0266-51602-0031.fits"
    spectra = sdss.read(path)
    raw = fits.getdata(path, "COADD")
    assert spectra.id.tolist() == ["0266-51602-0031"]
    np.testing.assert_allclose(spectra.wave, 10 ** raw["loglam"].astype(float))
    np.testing.assert_array_equal(spectra.flux[0], raw["flux"])
    sky = (raw["and_mask"] & (1 << 23)) != 0
    assert sky.sum() > 100
    assert not spectra.ivar[0, sky].any()
    assert (spectra.ivar[0, raw["and_mask"] == 0] > 0).all()
    assert spectra.z[0] == pytest.approx(float(fits.getdata(path, "SPECOBJ")["Z"][0]))
    assert not spectra.labelled.any()


def test_sdss_labels(tmp_path: Path) -> None:
    good = {"TEFFADOP": 5800.0, "TEFFADOPUNC": 50.0, "LOGGADOP": 4.3, "LOGGADOPUNC": 0.2, "FEHADOP": -0.5}
    spectra = sdss.read(more.write_sdss(tmp_path / "a.fits", parameters=good))
    assert (spectra.teff[0], spectra.logg[0], spectra.mh[0], spectra.logg_err[0]) == (5800, 4.3, -0.5, 0.2)
    assert np.isnan(spectra.mh_err[0])
    assert spectra.labelled.all()
    assert line_position(spectra) == pytest.approx(sf.CA_TRIPLET[1], abs=0.3)
    missing = sdss.read(more.write_sdss(tmp_path / "b.fits", parameters=good | {"LOGGADOP": -9999.0}))
    assert np.isnan(missing.logg[0])
    assert not missing.labelled.any()
    key = {"PLATE": 266, "MJD": 51602, "FIBERID": 31}
    other = {"TEFF_ADOP": 6000.0, "LOGG_ADOP": 4.0, "FEH_ADOP": -1.0, "LOGG_ADOP_UNC": 0.3}
    table = Table({k: [v, v] for k, v in (key | other).items()})
    table["FIBERID"][0], table["LOGG_ADOP"][0] = 30, 1.0
    table.write(tmp_path / "sspp.fits")
    joined = sdss.read(tmp_path / "b.fits", tmp_path / "sspp.fits")
    assert (joined.logg[0], joined.logg_err[0]) == (4.0, 0.3)
    table[:1].write(tmp_path / "sspp.fits", overwrite=True)
    assert len(sdss.read(tmp_path / "b.fits", tmp_path / "sspp.fits")) == 0


# --- APOGEE


def test_the_embedded_apogee_rows() -> None:
    spectra = apogee.read_rows()
    assert spectra.id.tolist() == ["2M17335483-2753043", "2M19485057+5005279"]
    assert np.isfinite(spectra.flux).all()
    for lo, hi in ((3400, 3500), (6200, 6290)):  # between the chips
        assert not spectra.ivar[:, lo:hi].any()
    flat = apogee.normalise(spectra)
    for i in range(2):
        good = flat.ivar[i] > np.median(flat.ivar[i]) / 25
        level = np.quantile(flat.flux[i, good], 0.95)
        assert level == pytest.approx(1, abs=0.04)
        assert flat.flux[i, good].min() > 0
        snr = (np.median(f[good] * np.sqrt(w[good])) for f, w in ((s.flux[i], s.ivar[i]) for s in (spectra, flat)))
        assert next(snr) == pytest.approx(next(snr))


def test_apstar(tmp_path: Path) -> None:
    continuum, flux, _ = more.apogee_flux()
    for visits in (1, 3):
        spectra = apogee.read(more.write_apstar(tmp_path / "s.fits", visits=visits))
        assert spectra.id.tolist() == [NAME]
        np.testing.assert_allclose(spectra.wave, more.APOGEE_WAVE, rtol=1e-9)
        np.testing.assert_allclose(spectra.flux[0], flux, rtol=1e-6)
        assert spectra.ivar[0, 1000] == 0
        assert spectra.ivar[0, 1001] > 0
        assert not spectra.ivar[0, flux == 0].any()
        assert spectra.z[0] == 0
    fitted = apogee.pseudo_continuum(spectra.wave, spectra.flux[0], spectra.ivar[0])
    inside = np.isfinite(fitted)
    assert inside[np.r_[210:3310, 3545:6120, 6300:8370]].all()
    assert not inside[3330:3530].any()
    ratio = fitted[inside] / continuum[inside]
    assert 0 < np.median(ratio) - 1 < 0.015  # an upper envelope: above by up to three times the noise of 0.005
    assert np.ptp(ratio) < 0.01


def test_aspcapstar_has_labels_of_its_own(tmp_path: Path) -> None:
    spectra = apogee.read(more.write_apstar(tmp_path / "s.fits", normalised=True))
    assert (spectra.teff[0], spectra.logg[0], spectra.mh[0]) == (4800, 2.5, -0.1)
    assert spectra.mask is None
    assert np.median(spectra.flux[0][spectra.ivar[0] > 0]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("rows", "logg", "last"),
    [
        ([{}], 2.5, "valid labels"),
        ([{"SNR": 10.0, "LOGG": 1.0}, {"SNR": 200.0, "LOGG": 2.2}, {"LOGG": 3.0, "SNR": 100.0}], 2.2, "valid labels"),
        ([{"LOGG": 1.0, "SNR": 999.0, "EXTRATARG": 1 << 4}, {"LOGG": 2.7}], 2.7, "valid labels"),
        ([{"APOGEE_ID": "other"}], None, "in the catalogue, no duplicate"),
        ([{"STARFLAG": 1 << 3}], None, "STARFLAG without BAD_PIXELS, VERY_BRIGHT_NEIGHBOR, LOW_SNR"),
        ([{"ASPCAPFLAG": 1 << 23}], None, "ASPCAPFLAG without STAR_BAD, NO_ASPCAP_RESULT"),
        ([{"ASPCAPFLAG": 1 << 1}], 2.5, "valid labels"),
        ([{"LOGG": -9999.0}], None, "valid labels"),
    ],
)
def test_allstar(rows: list[dict[str, float | str]], logg: float | None, last: str, tmp_path: Path) -> None:
    path = more.write_apstar(tmp_path / "s.fits")
    spectra = apogee.read(path, more.write_allstar(tmp_path / "allStar.fits", rows))
    assert spectra.logg.tolist() == ([] if logg is None else [logg])
    assert spectra.labelled.all()
    assert next((k for k, n in spectra.report.items() if n == 0), "valid labels") == last


# --- the data pack


@needs_observed
def test_every_labelled_star_of_the_pack_is_possible() -> None:
    sets = {
        "stelib": pack.read_stelib(aligned=False), "irtf": pack.read_irtf(), "irtf h": pack.read_irtf("h"),
        "dr1": pack.read_lamost_dr1(), "rvs": pack.read_gaia_rvs(), "giants": pack.read_apogee_giants(),
    }  # fmt: skip
    assert {k: (s.report["spectra in the file"], int(s.labelled.sum())) for k, s in sets.items()} == {
        "stelib": (255, 203), "irtf": (48, 46), "irtf h": (48, 46), "dr1": (131, 130), "rvs": (6, 0),
        "giants": (671, 671),
    }  # fmt: skip
    for name, s in sets.items():
        assert np.isfinite(s.flux).all(), name
        assert (s.ivar >= 0).all(), name
        assert (s.ivar > 0).any(1).all(), name
        assert (np.diff(s.wave) > 0).all(), name
    assert sets["irtf"].wave[-1] < 9000
    assert sets["irtf h"].wave[0] > 15_000
    assert np.nanmin(sets["dr1"].logg_err) > 0


@needs_observed
def test_gaps_of_stelib_have_no_weight() -> None:
    raw = np.load(lamost.observed_folder() / pack.STELIB)
    spectra = pack.read_stelib(aligned=False)
    np.testing.assert_array_equal(spectra.ivar > 0, np.isfinite(raw["flux"]))
    np.testing.assert_allclose(pack.read_stelib(air=True, aligned=False).wave, spectra.wave, rtol=1e-9)


def test_the_noise_of_adjacent_pixels() -> None:
    rng = np.random.default_rng(2)
    wave = np.arange(3000.0)
    sigma = np.where(wave < 1500, 0.01, 0.04)
    flux = 1 + 0.2 * np.sin(wave / 200) + sigma * rng.standard_normal((3, 3000))
    flux[:, 700:760] = np.nan
    found = pack.local_ivar(flux)
    assert not found[:, 700:760].any()
    for part, truth in ((slice(100, 650), 0.01), (slice(1700, 2900), 0.04)):
        np.testing.assert_allclose(np.median(found[:, part] ** -0.5, axis=1), truth, rtol=0.15)
    assert not pack.local_ivar(np.ones((1, 500))).any()
    flux[1] = np.nan
    np.testing.assert_array_equal(pack.local_ivar(flux), np.where([[True], [False], [True]], found, 0))


def test_velocities_from_the_triplet() -> None:
    grid = grids.load_optical()
    labels = torch.tensor([[4200.0, 1.5, -0.7], [5200.0, 3.2, -1.5], [6500.0, 4.2, 0.0], [4700.0, 4.6, 0.2]])
    rng = np.random.default_rng(0)
    wave = np.arange(8000.0, 8860.0, 1.5)
    truth = np.array([-320.0, -17.0, 44.0, 250.0])
    kernel = np.exp(-0.5 * (np.arange(-40, 41) * 0.14 / 2.0) ** 2)
    flux = np.array([
        np.interp(wave, grid.wave * (1 + v / sf.C_KMS), np.convolve(s, kernel / kernel.sum(), "same"))
        for s, v in zip(grid.spectra(labels).numpy(), truth, strict=True)
    ])  # fmt: skip
    flux += 0.02 * rng.standard_normal(flux.shape)
    nothing = np.full(5, np.nan)
    flux = np.vstack([flux, np.ones(len(wave))])
    ivar = np.full(flux.shape, 2500.0)
    ivar[4] = 0
    spectra = ObservedSpectra(np.arange(5).astype(str), wave, flux, ivar, np.full(5, 0.5), nothing, nothing, nothing)
    spectra.resolution = 1800.0
    found = align.align(spectra)
    np.testing.assert_allclose(found[:4] * sf.C_KMS, truth, atol=12)
    assert found[4] == 0.5  # no data: what was there is kept


@needs_observed
def test_velocities_agree_with_the_survey() -> None:
    spectra = pack.read_lamost_dr1()
    difference = (align.align(spectra) - spectra.z) * sf.C_KMS
    assert abs(np.median(difference)) < 5
    assert 1.4826 * np.median(np.abs(difference - np.median(difference))) < 15


# --- formats


@needs_observed
@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("desi_coadd-special-dark-27247.fits", "DESI coadd or spectra"),
        ("desi_coadd-4-80613-thru20210324.fits", "DESI coadd or spectra"),
        ("sdss_spec-0266-51602-0031.fits", "SDSS spec"),
    ],
)
def test_real_files_are_recognised_by_content(name: str, format_name: str, tmp_path: Path) -> None:
    copy = tmp_path / "unnamed.fits"
    shutil.copyfile(lamost.observed_folder() / name, copy)
    assert formats.recognise(copy) == format_name
    assert len(formats.read_any(copy)) == 1


def test_written_files_are_recognised_by_content(tmp_path: Path) -> None:
    path = tmp_path / "unnamed.fits"
    for write, expected in (
        (lambda: more.write_lamost(path, new=True), lamost_files.INSTRUMENT),
        (lambda: more.write_lamost(path, new=False), lamost_files.INSTRUMENT),
        (lambda: more.write_sdss(path), "SDSS"),
        (lambda: more.write_apstar(path), "APOGEE"),
        (lambda: more.write_apstar(path, normalised=True), "APOGEE"),
        (lambda: sf.write_desi_coadd(path, [1, 2], 0), "DESI"),
        (lambda: sf.write_desi_coadd(path, [1, 2], 0, arms=["B"]), "DESI"),
        (lambda: Table({k: [8e3, 8001] for k in ("wave", "flux", "ivar")}).write(path, overwrite=True), "table"),
    ):  # fmt: skip
        write()
        assert formats.read_any(path).instrument == expected


BAD = {
    "absent": "is not there",
    "text": "cannot be read as FITS",
    "image": "is in no format that is known",
    "catalogue": "is a catalogue, not a file of spectra",
    "truncated": "truncated|cannot be read|is damaged",
    "truncated gz": "truncated|cannot be read|is damaged",
    "two axes": "field wave differs from row to row",
}


@pytest.mark.parametrize("case", BAD)
def test_other_files_are_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.fits.gz" if case.endswith("gz") else "a.fits")
    match case:
        case "text":
            path.write_text("dear diary")
        case "image":
            fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
        case "catalogue":
            sf.write_mwsall(path, [1, 2], sf.labels_of(2, 0))
        case "truncated" | "truncated gz":
            more.write_lamost(path, new=True)
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        case "two axes":
            wave = np.array([[8000.0, 8001], [8000.0, 8002]])
            Table({"wave": wave, "flux": np.ones((2, 2)), "ivar": np.ones((2, 2))}).write(path)
    with pytest.raises(BadInput, match=BAD[case]) as error:
        formats.read_any(path)
    more.one_sentence(error, path)


def test_parts_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    table, image = fits.BinTableHDU(Table({"a": [1.0]}), name="T"), fits.ImageHDU(np.zeros((2, 2)), name="I")
    fits.HDUList([fits.PrimaryHDU(), table, image]).writeto(path)
    axis, three = np.array([1.0, 2.0]), np.ones(3)
    star = {"z": 0.0, "instrument": "x", "resolution": None}
    with reading.open_fits(path) as hdus:
        for call, said in (
            (lambda: reading.image(hdus, path, "T"), "HDU T holds no image"),
            (lambda: reading.table(hdus, path, "I"), "HDU I holds no table"),
            (lambda: reading.table(hdus, path, "X"), "HDU X is missing (there are PRIMARY, T, I)"),
            (lambda: reading.column(hdus["T"].data, path, "b", "c"), "field b is missing"),
            (lambda: reading.rising(path, "wave", np.array([1.0, np.nan])), "field wave is no wavelength axis"),
            (lambda: reading.one(path, "x", axis, three, three, None, **star), "wave, flux and ivar differ in length"),
            (lambda: apogee.read(path), "HDU 1 holds no apStar or aspcapStar spectrum"),
            (lambda: lamost_files._image(path, fits.HDUList([fits.PrimaryHDU(np.zeros((2, 9)))])), "(2, 9), not 5"),
        ):
            with pytest.raises(BadInput, match=re.escape(said)) as error:
                call()
            more.one_sentence(error, path)
    assert np.isnan(lamost_files._number("seven"))


def test_damage_that_shows_when_data_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.arange(4, dtype=np.int16)).writeto(path)
    end, card = b"END".ljust(80), b"BSCALE  = 'two     '".ljust(80)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(end + b" " * 80, card + end, 1))
    with reading.open_fits(path) as hdus, pytest.raises(BadInput, match="HDU 0 is damaged") as error:
        reading.image(hdus, path, 0)
    more.one_sentence(error, path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "is not there; give the path of a catalogue"),
        ("image.fits", fits.PrimaryHDU(np.zeros((2, 2))), "no HDU holds a table"),
        ("empty.csv", b"", "is no catalogue"),
        ("binary.csv", b"\xff\xfe\x00a", "is no catalogue"),
    ],
)
def test_what_is_no_catalogue(name: str, content: bytes | fits.PrimaryHDU | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        content.writeto(path)
    with pytest.raises(BadInput, match=said) as error:
        reading.catalogue(path)
    more.one_sentence(error, path)


WAVE, ONES = np.linspace(8000.0, 8100, 50), np.ones(50)


def test_tables_with_their_wavelengths_in_an_hdu(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    rows = fits.BinTableHDU(Table({"flux": np.ones((2, 50)), "ivar": np.ones((2, 50))}))
    nanometres = Table({"lambda": WAVE / 10}, units={"lambda": "nm"})
    for wave in (fits.BinTableHDU(nanometres, name="WAVE"), fits.ImageHDU(WAVE, name="WAVE")):
        fits.HDUList([fits.PrimaryHDU(), rows, wave]).writeto(path, overwrite=True)
        found = tables.read_spectra(path)
        assert [one.name for one in found] == [f"{path} row 0", f"{path} row 1"]
        np.testing.assert_allclose([one.wave for one in found], [WAVE, WAVE])


@pytest.mark.parametrize(
    ("columns", "units", "said"),
    [
        (None, {}, "is not there; give the path of a FITS, CSV or ECSV file"),
        ({}, {}, "is no spectrum file"),
        (
            {"wave": WAVE, "flux": ONES, "ivar": ONES},
            {"wave": "kg"},
            "field wave has the unit kg, which is no wavelength",
        ),
        ({"wave": np.tile(WAVE, (2, 1)), "flux": np.ones((2, 40)), "ivar": np.ones((2, 50))}, {}, "differ in shape"),
    ],
)
def test_what_is_no_table_of_spectra(
    columns: dict[str, np.ndarray] | None, units: dict[str, str], said: str, tmp_path: Path
) -> None:
    path = tmp_path / ("a.fits" if columns else "a.csv")
    if columns:
        Table(columns, units=units).write(path)
    elif columns is not None:
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=said) as error:
        tables.read_spectra(path)
    more.one_sentence(error, path)


def test_a_table_takes_no_catalogue_and_a_reader_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, catalogue = tmp_path / "a.fits", tmp_path / "labels.csv"
    Table({"wave": WAVE, "flux": ONES, "ivar": ONES}).write(path)
    with pytest.raises(BadInput, match="is a table without identifiers, so labels cannot be joined"):
        formats.read_any(path, catalogue)

    def fails(*_: object) -> ObservedSpectra:
        raise TypeError("a text where a number should be")

    more.write_lamost(path, new=True)
    name = formats.recognise(path)
    monkeypatch.setitem(formats.FORMATS, name, (lambda hdus: True, fails))
    for given, files in ((None, f"{path} is damaged"), (catalogue, f"{path} or {catalogue} is damaged")):
        with pytest.raises(BadInput, match=re.escape(files)) as error:
            formats._read(str(name), path, given)
        assert "a text where a number should be" in str(error.value)
    monkeypatch.setattr(formats, "_read", lambda *_: empty)
    empty = lamost_files.read(more.write_lamost(path, new=True)).take(np.array([False]))
    with pytest.raises(BadInput, match="no spectrum of a target with usable pixels is in the file"):
        formats.read_rows(path)


def test_parts_of_the_pack_by_name(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    np.savez(path, wave=WAVE)
    for call, said in (
        (lambda: pack.read_irtf("k", path), "part: k is no part of the IRTF file; choose one of optical, h."),
        (lambda: pack.read_irtf("h", path), f"{path}: field flux is missing"),
        (lambda: pack.read_lamost_dr1(path, "v"), "velocity: v is not in the file; choose rv or z."),
        (lambda: apogee.read_rows(path), f"{path}: field wave_vac is missing"),
    ):
        with pytest.raises(BadInput, match=re.escape(said)):
            call()


@pytest.mark.parametrize("field", ["TTYPE3", "TFORM2", "TFIELDS", "NAXIS2", "XTENSION"])
def test_damaged_headers_are_one_sentence(field: str, tmp_path: Path) -> None:
    path = more.write_lamost(tmp_path / "spec.fits", new=True)
    content = bytearray(path.read_bytes())
    at = content.index(field.encode())
    content[at + 8 : at + 30] = b"\xff" * 22
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        formats.read_any(path)
    more.one_sentence(error, path)


def test_the_documentation_names_every_format() -> None:
    text = (Path(__file__).parent.parent / "docs" / "surveys.md").read_text()
    for name in formats.FORMATS:
        assert name in text, name
    for name in re.findall(r"`model/surveys/(\w+)\.py`", text):
        assert (Path(formats.__file__).parent / f"{name}.py").exists(), name
