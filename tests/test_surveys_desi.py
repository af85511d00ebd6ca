"""DESI: spectra joined with labels by TARGETID, on real files and on files in the documented layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import survey_files as sf
from astropy.io import fits
from astropy.table import Table

from model.surveys import desi, desi_catalogue, desi_layout, lamost
from site_builder.contract import BadInput

needs_observed = pytest.mark.skipif(
    not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md"
)
REAL = ("desi_coadd-special-dark-27247.fits", "desi_coadd-4-80613-thru20210324.fits")
IDS = np.array([39_627_788_500_000_007, 39_627_788_500_000_003, 39_627_788_500_000_011, 39_627_788_500_000_005])


@pytest.fixture
def coadd(tmp_path: Path) -> Path:
    return sf.write_desi_coadd(tmp_path / "coadd-main-bright-10016.fits", IDS, 1, velocity=np.array([0, 50, -80, 9.0]))


@needs_observed
@pytest.mark.parametrize("name", REAL)
def test_real_coadds(name: str) -> None:
    path = lamost.observed_folder() / name
    redrock = path.with_name(name.replace("coadd", "redrock"))
    spectra = desi.read(path, redrock)
    with fits.open(path) as hdus, fits.open(redrock) as z:
        assert spectra.id[0] == str(hdus["FIBERMAP"].data["TARGETID"][0])
        assert spectra.z[0] == z["REDSHIFTS"].data["Z"][0]
        at = np.searchsorted(spectra.wave, 8200.0)
        there = np.searchsorted(hdus["Z_WAVELENGTH"].data, spectra.wave[at] - 0.1)
        assert spectra.flux[0, at] == pytest.approx(hdus["Z_FLUX"].data[0, there])
        # where the arms overlap, weights add
        both = np.flatnonzero(np.abs(spectra.wave - 7560.0) < 0.1)[0]
        r, zed = (np.argmin(np.abs(hdus[f"{a}_WAVELENGTH"].data - spectra.wave[both])) for a in "RZ")
        assert spectra.ivar[0, both] == pytest.approx(hdus["R_IVAR"].data[0, r] + hdus["Z_IVAR"].data[0, zed])
    np.testing.assert_allclose(np.diff(spectra.wave), 0.8, atol=1e-9)
    assert spectra.wave[0] < 7095
    assert spectra.wave[-1] > 8857
    assert not spectra.labelled.any()
    assert spectra.resolution is not None
    assert 3800 < spectra.resolution < 5000


@needs_observed
@pytest.mark.parametrize("name", REAL)
def test_what_tests_write_has_the_layout_of_real_files(name: str, coadd: Path) -> None:
    with fits.open(lamost.observed_folder() / name) as real, fits.open(coadd) as made:
        assert [h.name for h in made] == [h.name for h in real]
        for a, b in zip(real, made, strict=True):
            assert type(a) is type(b)
            if isinstance(a, fits.ImageHDU):
                assert (a.shape[1:] or a.shape) == (b.shape[1:] or b.shape)
                assert a.data.dtype == b.data.dtype
                assert a.header.get("BUNIT") == b.header.get("BUNIT")
            elif isinstance(a, fits.BinTableHDU) and a.name != "EXP_FIBERMAP":
                formats = {c.name: c.format for c in a.columns}
                assert all(formats[c.name] == c.format for c in b.columns)
        np.testing.assert_allclose(real["R_WAVELENGTH"].data, made["R_WAVELENGTH"].data, atol=1e-6)


def test_labels_join_by_targetid(tmp_path: Path, coadd: Path) -> None:
    labels = sf.labels_of(4, 3)
    shuffle = np.array([2, 0, 3, 1])
    catalogue = sf.write_mwsall(
        tmp_path / "mwsall-pix-iron.fits", IDS[shuffle], {k: v[shuffle] for k, v in labels.items()}
    )
    spectra = desi.read(coadd, catalogue)
    order = np.argsort(IDS)
    assert spectra.id.tolist() == IDS[order].astype(str).tolist()
    for name in ("teff", "logg", "mh"):
        np.testing.assert_allclose(getattr(spectra, name), labels[name][order])
    np.testing.assert_allclose(spectra.z * sf.C_KMS, labels["vrad"][order])
    np.testing.assert_allclose(spectra.logg_err, 0.05)
    assert spectra.report["valid labels"] == 4
    again = desi.read(coadd, desi_catalogue.read(catalogue))
    np.testing.assert_array_equal(again.logg, spectra.logg)


def test_the_rest_frame_is_where_the_lines_are(coadd: Path, tmp_path: Path) -> None:
    velocity = np.array([0, 50, -80, 9.0])
    labels = sf.labels_of(4, 3) | {"vrad": velocity}
    spectra = desi.read(coadd, sf.write_mwsall(tmp_path / "m.fits", IDS, labels))
    for i in range(4):
        rest = spectra.wave / (1 + spectra.z[i])
        near = np.abs(rest - sf.CA_TRIPLET[1]) < 4
        depth = 1 - spectra.flux[i, near] / np.median(spectra.flux[i])
        assert np.sum(depth * rest[near]) / depth.sum() == pytest.approx(sf.CA_TRIPLET[1], abs=0.4)


def test_cuts_are_counted(tmp_path: Path) -> None:
    ids = np.arange(100, 112)
    status, kind = np.zeros(12, np.int32), np.full(12, "TGT")
    status[1], kind[2] = 512, "SKY"
    coadd = sf.write_desi_coadd(tmp_path / "c.fits", ids, 1, changes={"COADD_FIBERSTATUS": status, "OBJTYPE": kind})
    labels = sf.labels_of(11, 3)
    labels["logg"][9], labels["teff"][10] = -9999, np.nan
    warn, success, spectype = np.zeros(11, np.int64), np.ones(11, bool), np.full(11, "STAR", "U6")
    warn[4], success[5], spectype[6] = 1, False, "GALAXY"
    catalogue = sf.write_mwsall(
        tmp_path / "m.fits", ids[:11], labels,
        changes={"RVTAB": {"RVS_WARN": warn, "SUCCESS": success, "RR_SPECTYPE": spectype}},
    )  # fmt: skip
    spectra = desi.read(coadd, catalogue)
    assert spectra.id.tolist() == ["100", "103", "107", "108"]
    assert spectra.labelled.all()
    assert spectra.report == {
        "rows in the file": 12,
        "targets, not sky": 11,
        "fibre without fault": 10,
        "one row a target": 10,
        "some pixel with weight": 10,
        "in the catalogue": 9,
        "RVS_WARN = 0": 8,
        "SUCCESS": 7,
        "RR_SPECTYPE = STAR": 6,
        "velocity of a star": 6,
        "COADD_FIBERSTATUS = 0 in the catalogue": 6,
        "valid labels": 4,
    }


def test_exposures_of_a_target_are_combined(tmp_path: Path) -> None:
    ids = np.array([5, 7, 5, 5])
    status = np.array([0, 0, 0, 4], np.int32)
    path = sf.write_desi_coadd(tmp_path / "spectra-main-bright-1.fits", ids, 1, exposures=True,
                               changes={"FIBERSTATUS": status})  # fmt: skip
    with fits.open(path, mode="update") as hdus:
        hdus["Z_MASK"].data[0, 1000] = 1
        hdus["Z_MASK"].data[[0, 2], 1001] = 1
        wave, flux, ivar = (hdus[f"Z_{n}"].data.astype(float) for n in ("WAVELENGTH", "FLUX", "IVAR"))
    spectra = desi.read(path, arms=("Z",))
    assert spectra.id.tolist() == ["5", "7"]
    at = np.searchsorted(wave, spectra.wave[0] - 0.1)
    both, one, none = 999 - at, 1000 - at, 1001 - at
    i = ivar[[0, 2], 999]
    assert spectra.ivar[0, both] == pytest.approx(i.sum(), rel=1e-5)
    assert spectra.flux[0, both] == pytest.approx((i * flux[[0, 2], 999]).sum() / i.sum(), rel=1e-5)
    assert spectra.flux[0, one] == pytest.approx(flux[2, 1000], rel=1e-5)
    assert spectra.mask is not None
    assert not spectra.mask[0, one]
    assert spectra.mask[0, none]
    assert spectra.ivar[0, none] == 0
    np.testing.assert_allclose(spectra.flux[1, both], flux[1, 999], rtol=1e-6)


def test_the_best_of_repeated_catalogue_rows_is_taken(tmp_path: Path, coadd: Path) -> None:
    ids = np.repeat(IDS[:2], 3)
    labels = sf.labels_of(6, 8) | {"vrad_err": np.array([3.0, 1.0, 2.0, 1.0, 5.0, 4.0])}
    warn = np.array([0, 0, 0, 1, 0, 0])
    spectra = desi.read(coadd, sf.write_mwsall(tmp_path / "m.fits", ids, labels, changes={"RVTAB": {"RVS_WARN": warn}}))
    # of the first target the smallest error; of the second the smallest among those without warning
    assert dict(zip(spectra.id, spectra.logg, strict=True)) == {
        str(IDS[0]): labels["logg"][1],
        str(IDS[1]): labels["logg"][5],
    }


def test_ferre_labels_are_taken_on_request(tmp_path: Path, coadd: Path) -> None:
    labels, ferre = sf.labels_of(4, 1), sf.labels_of(4, 2)
    path = sf.write_mwsall(tmp_path / "m.fits", IDS, labels, sp_labels=ferre)
    spectra = desi.read(coadd, path, labels="SPTAB")
    order = np.argsort(IDS)
    np.testing.assert_allclose(spectra.logg, ferre["logg"][order])
    warn = np.where(IDS[0] == IDS, 1, 0)
    cut = desi.read(
        coadd,
        sf.write_mwsall(path, IDS, labels, sp_labels=ferre, changes={"RVTAB": {"RVS_WARN": warn}}),
        labels="SPTAB",
    )
    assert str(IDS[0]) not in cut.id  # rvspecfit's warning counts for FERRE's labels too
    assert cut.report["RVS_WARN = 0"] == 3
    np.testing.assert_allclose((spectra.logg_err[0], spectra.teff_err[0], spectra.mh_err[0]), (0.06, 30, 0.04))


def test_without_a_catalogue_there_are_no_labels(coadd: Path) -> None:
    spectra = desi.read(coadd)
    assert len(spectra) == 4
    assert not spectra.z.any()
    assert np.isnan(spectra.logg).all()


def test_all_arms_and_the_whole_range(coadd: Path) -> None:
    spectra = desi.read(coadd, arms=("B", "R", "Z"), window=None)
    assert (spectra.wave[0], len(spectra.wave)) == (3600.0, 7781)
    assert (spectra.ivar > 0).all()


def test_resolution_is_that_of_the_matrix(coadd: Path) -> None:
    matrix = sf.resolution_matrix(2, 501, 0.8)
    wave = 8000 + 0.8 * np.arange(501)
    expected = 8200 / (0.8 * 2 * np.sqrt(2 * np.log(2)))
    np.testing.assert_allclose(desi.resolution_at(matrix, wave, 8200.0), expected, rtol=1e-4)
    assert np.isnan(desi.resolution_at(np.zeros_like(matrix), wave, 8200.0)).all()


def test_layouts(tmp_path: Path, coadd: Path) -> None:
    healpix = desi.healpix_file(tmp_path, "main", "bright", 10016)
    assert healpix == tmp_path / "healpix/main/bright/100/10016/coadd-main-bright-10016.fits"
    tile = desi.tile_file(tmp_path, 80613, 20210324, 4)
    assert tile == tmp_path / "tiles/cumulative/80613/20210324/coadd-4-80613-thru20210324.fits"
    for path in (healpix, tile):
        path.parent.mkdir(parents=True)
        path.write_bytes(coadd.read_bytes())
    assert desi.find_files(tmp_path) == sorted([healpix, tile])
    assert desi_layout.find_catalogue(healpix) is None
    mwsall = sf.write_mwsall(tmp_path / "mwsall-pix-iron.fits", IDS, sf.labels_of(4, 0))
    assert desi_layout.find_catalogue(healpix) == mwsall
    rv = tmp_path / "rv_output/240520/healpix/main/bright/100/10016/rvtab_coadd-main-bright-10016.fits"
    sf.write_rvtab(rv, IDS, sf.labels_of(4, 0))
    assert desi_layout.find_catalogue(healpix) == rv
    assert desi_layout.find_redrock(healpix) is None
    assert len(desi.read(healpix, rv)) == 4


BAD = {
    "absent": "is not there",
    "text": "cannot be read as FITS",
    "truncated": "truncated|cannot be read as FITS",
    "no fibermap": "HDU FIBERMAP is missing",
    "no arm": "HDU R_FLUX is missing",
    "falling": "field R_WAVELENGTH does not rise",
    "shape": r"HDU R_IVAR has the shape",
    "zero ivar": "field ivar is zero or not finite throughout",
    "nan ivar": "field ivar is zero or not finite throughout",
    "other step": "not on DESI's lattice",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_sentence(case: str, coadd: Path) -> None:
    with fits.open(coadd, memmap=False) as opened:
        hdus = fits.HDUList([h.copy() for h in opened])
    match case:
        case "absent":
            coadd.unlink()
        case "text":
            coadd.write_text("dear diary")
        case "truncated":
            coadd.write_bytes(coadd.read_bytes()[:500_000])
        case "no fibermap":
            del hdus["FIBERMAP"]
        case "no arm":
            del hdus["R_FLUX"]
        case "falling":
            hdus["R_WAVELENGTH"].data = hdus["R_WAVELENGTH"].data[::-1].copy()
        case "shape":
            hdus["R_IVAR"].data = hdus["R_IVAR"].data[:, :-1].copy()
        case "zero ivar" | "nan ivar":
            for arm in "RZ":
                hdus[f"{arm}_IVAR"].data[:] = 0 if case == "zero ivar" else np.nan
        case "other step":
            hdus["Z_WAVELENGTH"].data = hdus["Z_WAVELENGTH"].data + 0.3
    if case not in ("absent", "text", "truncated"):
        hdus.writeto(coadd, overwrite=True)
    with pytest.raises(BadInput, match=BAD[case]) as caught:
        desi.read(coadd)
    sentence = str(caught.value)
    assert sentence.startswith(str(coadd))
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_every_truncation_is_refused(coadd: Path) -> None:
    whole = coadd.read_bytes()
    for fraction in (0.001, 0.01, 0.3, 0.7, 0.95):
        coadd.write_bytes(whole[: int(len(whole) * fraction)])
        with pytest.raises(BadInput):
            desi.read(coadd)


def test_a_star_without_a_valid_pixel_is_left_out(coadd: Path) -> None:
    with fits.open(coadd, mode="update") as hdus:
        for arm in "RZ":
            hdus[f"{arm}_IVAR"].data[2] = np.nan
    spectra = desi.read(coadd)
    assert str(IDS[2]) not in spectra.id
    assert spectra.report["some pixel with weight"] == 3


def test_a_file_that_is_no_catalogue(coadd: Path) -> None:
    with pytest.raises(BadInput, match="HDU RVTAB is missing"):
        desi.read(coadd, coadd)
    with pytest.raises(BadInput, match="labels: GAIA is no table of labels"):
        desi_catalogue.read(coadd, "GAIA")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"arms": ()}, "arms: no arm is named; choose of B, R and Z"),
        ({"arms": ("R", "Q")}, "arms: Q is no arm of DESI; choose of B, R, Z"),
        ({"window": (100.0, 200.0)}, "field wave has no pixel inside the window"),
    ],
)
def test_arms_and_windows_that_hold_nothing(options: dict[str, Any], sentence: str, coadd: Path) -> None:
    with pytest.raises(BadInput, match=sentence):
        desi.read(coadd, **options)


def test_without_matrices_the_resolution_is_not_known(coadd: Path) -> None:
    assert desi.read(coadd).resolution is not None
    with fits.open(coadd, mode="update") as hdus:
        for arm in "RZ":
            hdus[f"{arm}_RESOLUTION"].data[:] = 0
    assert desi.read(coadd).resolution is None
    with fits.open(coadd, mode="update") as hdus:
        for arm in "RZ":
            del hdus[f"{arm}_RESOLUTION"]
    assert desi.read(coadd).resolution is None


def test_labels_beside_the_file_come_first(tmp_path: Path, coadd: Path) -> None:
    sf.write_mwsall(tmp_path / "mwsall-pix-iron.fits", IDS, sf.labels_of(4, 0))
    beside = sf.write_rvtab(coadd.with_name(f"rvtab_{coadd.name}"), IDS, sf.labels_of(4, 0))
    assert desi_layout.find_catalogue(coadd) == beside


def test_an_empty_catalogue_has_no_row_for_anybody(tmp_path: Path) -> None:
    path = sf.write_rvtab(tmp_path / "rv.fits", IDS, sf.labels_of(4, 0))
    none = desi_catalogue.read(path)
    assert (none.rows(np.sort(IDS)) >= 0).all()
    none.targetid = none.targetid[:0]
    assert none.rows(IDS).tolist() == [-1] * len(IDS)


def test_faulty_fibres_of_a_catalogue_are_found_by_target(tmp_path: Path) -> None:
    path = sf.write_mwsall(tmp_path / "m.fits", IDS, sf.labels_of(4, 0))
    cut = "COADD_FIBERSTATUS = 0 in the catalogue"
    with fits.open(path, mode="update") as hdus:
        fibermap = Table(hdus["FIBERMAP"].data)[::-1]
        fibermap["COADD_FIBERSTATUS"] = np.where(fibermap["TARGETID"] == IDS[1], 8, 0)
        hdus["FIBERMAP"] = fits.BinTableHDU(fibermap, name="FIBERMAP")
    found = desi_catalogue.read(path)
    assert dict(zip(found.targetid, found.cuts[cut], strict=True)) == {i: i != IDS[1] for i in IDS}
    with fits.open(path, mode="update") as hdus:
        fibermap.remove_column("COADD_FIBERSTATUS")
        hdus["FIBERMAP"] = fits.BinTableHDU(fibermap, name="FIBERMAP")
    assert cut not in desi_catalogue.read(path).cuts
    with fits.open(path, mode="update") as hdus:
        del hdus["FIBERMAP"]
    assert cut not in desi_catalogue.read(path).cuts


def test_two_tables_of_a_catalogue_have_the_same_targets(tmp_path: Path) -> None:
    path = sf.write_mwsall(tmp_path / "m.fits", IDS, sf.labels_of(4, 1), sp_labels=sf.labels_of(4, 2))
    with fits.open(path, mode="update") as hdus:
        hdus["RVTAB"].data["TARGETID"] = IDS[::-1]
    with pytest.raises(BadInput, match="field TARGETID differs between RVTAB and SPTAB"):
        desi_catalogue.read(path, "SPTAB")
