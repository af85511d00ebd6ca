"""Damaged files: a few cases of every target of tests/fuzz.py, the ones that failed once, and arrays of odd numbers."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from model import config
from model.surveys import formats, tables
from site_builder.contract import BadInput
from tests import fuzz, survey_files_more

CASES = {"spectra": 12, "text": 60, "surveys": 20, "catalogues": 30, "configs": 300, "contract": 200, "results": 20}


def test_every_target_runs() -> None:
    assert set(CASES) == set(fuzz.TARGETS)


@pytest.mark.parametrize("target", CASES)
def test_any_damage_gives_content_or_one_sentence(target: str) -> None:
    counts = fuzz.Counts()
    fuzz.run_target(target, 1, counts, float("inf"), CASES[target])
    assert counts.failed == {}
    assert counts.refused > CASES[target] / 5
    assert counts.read + counts.refused == CASES[target]


def test_a_case_is_made_again_from_its_number(tmp_path: Path) -> None:
    first, second = (fuzz.make_case("text", 0, 7, tmp_path).read_bytes() for _ in range(2))
    assert first == second
    assert first != fuzz.make_case("text", 0, 8, tmp_path).read_bytes()


def test_the_long_run_counts_on_from_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.json"
    monkeypatch.setattr("sys.argv", ["fuzz", "--minutes", "0.002", "--target", "configs", "--state", str(state)])
    totals = []
    for _ in range(2):
        assert fuzz.main() == 0
        totals.append(fuzz.Counts(**json.loads(state.read_text())["configs"]).next)
    assert 0 < totals[0] < totals[1]


# What fuzzing found


@pytest.mark.parametrize(("target", "number"), [("spectra", 256), ("spectra", 445), ("text", 750), ("text", 1215)])
def test_numbers_too_large_to_compute_with_are_told(target: str, number: int, tmp_path: Path) -> None:
    """Fluxes of 1e308 overflowed, and what came of it stopped in the solver or was warned of."""
    assert fuzz.run_case(target, 0, number, tmp_path)[1] == ""


def damaged(path: Path, card: str, value: str) -> Path:
    """The file with the first card of that keyword changed."""
    raw = bytearray(path.read_bytes())
    at = raw.index(f"{card:8}=".encode())
    raw[at + 10 : at + 80] = value.rjust(20).ljust(70).encode()
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("card", ["NAXIS", "TFIELDS"])
def test_counts_beyond_the_standard_are_refused_before_lists_are_made(card: str, tmp_path: Path) -> None:
    path = damaged(survey_files_more.write_lamost(tmp_path / "a.fits", new=card == "TFIELDS"), card, "2147483648")
    for read in (formats.read_rows, formats.read_any, tables.read_spectra):
        with pytest.raises(BadInput, match=f"{card} is above 999"):
            read(path)


@pytest.mark.parametrize("card", ["NAXIS1", "PCOUNT", "GCOUNT"])
def test_negative_counts_are_refused_before_they_lead_back(card: str, tmp_path: Path) -> None:
    """A GCOUNT of -1 made astropy read the same headers again, without end."""
    path = tmp_path / "a.fits"
    survey_files_more.write_apstar(path)
    raw = bytearray(path.read_bytes())
    at = raw.rindex(f"{card:8}=".encode())
    raw[at + 10 : at + 80] = b"-1".rjust(20).ljust(70)
    path.write_bytes(raw)
    for read in (formats.read_rows, formats.read_any):
        with pytest.raises(BadInput, match=f"{card} is negative"):
            read(path)


@pytest.mark.parametrize("card", ["TTYPE1", "CRVAL1"])
def test_keywords_of_another_type_are_one_sentence(card: str, tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    if card == "TTYPE1":
        survey_files_more.write_lamost(path, new=True)
    else:
        survey_files_more.write_apstar(path)
    damaged(path, card, "7" if card == "TTYPE1" else "'x'")
    with pytest.raises(BadInput) as error:
        formats.read_any(path)
    survey_files_more.one_sentence(error, path)


def test_odd_headers_do_not_speak_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    table = fits.BinTableHDU(Table({k: [8e3, 8001] for k in ("wave", "flux", "ivar")}))
    table.header["REMARK"] = "x"
    table.writeto(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"REMARK  = 'x", b"REMARK  = '\xff"))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert len(formats.read_rows(path)) == 1
    assert warned == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('preset = "specvit-ti"\n[vit]\nwidth = 0', "field width is 0"),
        ('preset = "specvit-ti"\n[vit]\npatch_size = 0', "field patch_size is 0"),
        ('preset = "specvit-ti"\n[vit]\ndepth = "six"', "field vit.depth: "),
        ('preset = "specvit-ti"\n[training]\nbatch_size = 0', "field batch_size is 0"),
        ('preset = "specvit-ti"\n[training]\nlearning_rate = nan', "field learning_rate is nan"),
        ('preset = "specvit-ti"\n[training]\nloss = "l3"', "field training.loss: "),
        ('preset = "specvit-ti"\nvit = 3', "field vit is no table"),
        ('preset = "a\\nb"', "--preset: a.nb is not known"),
    ],
)
def test_settings_of_another_type_or_range_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as error:
        config.from_file(path, "pfs-mr")
    assert "\n" not in str(error.value)


# Any numbers, any names

numbers = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True, width=64)
names = st.sampled_from(["wave", "WAVE", "lambda", "loglam", "flux", "ivar", "error", "sigma"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126),
    min_size=1,
    max_size=8,  # what a FITS header can hold
)


def read(path: Path) -> None:
    """Read a file; what comes out is usable, or the refusal is one sentence."""
    said, rows = "Read.", []
    try:
        rows = tables.read_spectra(path)
    except BadInput as error:
        said = str(error)
    assert said.isprintable()
    assert said.endswith(".")
    for row in rows:
        assert row.wave.shape == row.flux.shape == row.ivar.shape
        assert (np.diff(row.wave) > 0).all()
        assert np.isfinite(row.flux).all()
        assert np.isfinite(row.ivar).all()
        assert (row.ivar >= 0).all()
        assert row.ivar.any()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_arrays_of_any_numbers_and_shapes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("fits") / "a.fits"
    shape = data.draw(st.sampled_from([(1,), (3,), (2, 3), (1, 4), (2, 2, 2)]))
    columns = data.draw(
        st.just(["wave", "flux", "ivar"]) | st.lists(names, min_size=1, unique_by=str.lower, max_size=4)
    )
    kind = data.draw(st.sampled_from([np.float32, np.float64, np.int16]))
    values = st.integers(-30000, 30000) if kind == np.int16 else st.floats(width=8 * np.dtype(kind).itemsize)
    filled = {c: data.draw(arrays.arrays(kind, shape, elements=values)) for c in columns}
    if kind != np.int16 and data.draw(st.booleans()):
        filled["wave"] = np.broadcast_to(np.arange(8000, 8000 + shape[-1]), shape).astype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of astropy, about names of columns
        fits.BinTableHDU(Table(filled)).writeto(path)
    read(path)


@given(
    st.lists(names, min_size=1, max_size=4),
    st.lists(st.lists(numbers.map(repr) | st.text(max_size=6), max_size=4), max_size=5),
    st.sampled_from(["a.csv", "a.ecsv"]),
)
@settings(max_examples=40, deadline=None)
def test_text_of_any_numbers_and_words(
    tmp_path_factory: pytest.TempPathFactory, head: list[str], rows: list[list[str]], name: str
) -> None:
    path = tmp_path_factory.mktemp("text") / name
    path.write_text("\n".join(",".join(row) for row in [head, *rows]), "utf-8", errors="surrogatepass")
    read(path)
