"""Properties for any input: odd numbers, words and shapes in results, in files of readers and in what is written."""

import hashlib
import io
import json
import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.surveys import formats, tables
from site_builder import checks
from site_builder import fits as written
from site_builder.contract import BadInput, read_file
from site_builder.contract.io import dumps
from site_builder.contract.schema import IndexEntry, PredictionsFile
from site_builder.markup import THIN, format_number
from site_builder.results import Results
from tests.factory import make_results
from tests.test_contract import STAMP

# Numbers at the ends of their ranges, and some that are none.
ENDS = (
    0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1e400, -1e400,
    math.nan, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400, 0.1 + 0.2, -1, 1,
)  # fmt: skip
WORDS = ("", " ", "\u0000", "\u202e", "é" * 300, "😀", "\ud800", "../..", "</script>", "null", "1e5", "'", '"', "\n")
numbers = st.sampled_from(ENDS) | st.floats(allow_subnormal=True) | st.integers(-(2**70), 2**70)
values = numbers | st.sampled_from(WORDS) | st.text(max_size=8) | st.none() | st.booleans() | st.just([]) | st.just({})


def sentence(error: BadInput) -> None:
    """Refusals are one sentence, whatever was refused."""
    said = str(error)
    assert said.isprintable(), repr(said)
    assert said.endswith("."), repr(said)
    assert len(said) < 1000


# Results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("properties") / "results", n_stars=60, n_pixels=32)


@cache
def leaves(root: Path, path: str) -> list[tuple[str | int, ...]]:
    """Where in a file there are values; of long lists the first and the last."""

    def walk(value: Any, place: tuple[str | int, ...]) -> None:
        found.append(place)
        if isinstance(value, dict):
            for key, part in value.items():
                walk(part, (*place, key))
        elif isinstance(value, list) and value:
            for i in {0, len(value) - 1}:
                walk(value[i], (*place, i))

    found: list[tuple[str | int, ...]] = []
    walk(json.loads((root / path).read_bytes()), ())
    return found[1:]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_value_anywhere_in_results_is_shown_or_refused(folder: Path, data: st.DataObject) -> None:
    """What passes the contract and the checks is finite and is written again as it was; all else is one sentence."""
    index = json.loads((folder / "index.json").read_bytes())
    kinds = {e["kind"]: e["path"] for e in index["files"]}
    path = kinds[data.draw(st.sampled_from(sorted(kinds)))]
    place, value = data.draw(st.sampled_from(leaves(folder, path))), data.draw(values)
    before = (folder / path).read_bytes()
    content = part = json.loads(before)
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    raw = json.dumps(content).encode()
    entry = next(e for e in index["files"] if e["path"] == path)
    entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
    old_index = (folder / "index.json").read_bytes()
    try:
        (folder / path).write_bytes(raw)
        (folder / "index.json").write_text(json.dumps(index))
        checks.run_all(Results.load(folder))
        again = read_file(folder, IndexEntry(**entry))
        assert json.loads(dumps(again.model_dump(mode="json"))) is not None  # dumps refuses what is not finite
    except BadInput as error:
        sentence(error)
    finally:
        (folder / path).write_bytes(before)
        (folder / "index.json").write_bytes(old_index)


@given(st.lists(numbers, max_size=5))
@example([])
@example([5e-324, -0.0, 1.7976931348623157e308])
@settings(max_examples=100, deadline=None)
def test_columns_keep_every_finite_number_and_no_other(column: list[float]) -> None:
    """Empty, subnormal and largest numbers come back bit by bit; NaN and infinity are no numbers."""
    rest = dict.fromkeys(("teff", "mh", "snr"), [0.0] * len(column))
    fields = {"provenance": STAMP, "set": "test", "id": None, "magnitude": None, "predicted": {}, "sigma": {}, **rest}
    finite = all(abs(x) <= 1.7976931348623157e308 for x in column)
    try:
        made = PredictionsFile(logg=column, **fields)
    except (ValueError, OverflowError):
        assert not finite
        return
    assert finite
    back = json.loads(dumps(made.model_dump(mode="json")))["logg"]
    assert [float(x).hex() for x in back] == [float(x).hex() for x in column]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("rows", 0, "n"), 10**400, r"the number 1000\S+ has 401 digits"),
        (("provenance", "machine", "cpu"), "\ud800", "half of a character"),
    ],
)
def test_what_the_property_found(folder: Path, place: tuple[Any, ...], value: Any, said: str) -> None:
    """Each stopped a build with a traceback: a whole number that is no float, and text that is no UTF-8."""
    index = json.loads((folder / "index.json").read_bytes())
    entry = next(e for e in index["files"] if e["kind"] == "metrics")
    before = (folder / entry["path"]).read_bytes()
    content = part = json.loads(before)
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    try:
        (folder / entry["path"]).write_text(json.dumps(content))
        with pytest.raises(BadInput, match=said) as error:
            read_file(folder, IndexEntry(**entry))
        sentence(error.value)
    finally:
        (folder / entry["path"]).write_bytes(before)


# Numbers as pages show them


@given(st.floats() | st.integers(-(2**70), 2**70), st.none() | st.integers(0, 6), st.booleans())
def test_numbers_are_shown_with_their_value(value: float, digits: int | None, sign: bool) -> None:
    text = format_number(value, digits, sign)
    plain = text.replace("\N{MINUS SIGN}", "-").replace(THIN, "")
    assert plain.isprintable()
    assert "-" not in text
    if not math.isfinite(value):
        assert plain.lstrip("+-") in ("nan", "inf")
        return
    error = 0.5 * 10**-digits if digits is not None else 0.5 if float(value).is_integer() else 5e-4 * abs(value)
    assert abs(float(plain) - value) <= error * 1.001 + 1e-9 * abs(value)


# Files of readers

COUNTS = ("NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "BITPIX")
sizes = st.sampled_from((-1, -2, -8, -2880, -(2**31), -(2**63), 0, 2**31, 2**63, 10**19, 10**30)) | st.integers()


def small_files() -> dict[str, bytes]:
    """A table and an image, as short as they can be."""
    out = {}
    wave = np.arange(8000.0, 8016.0)
    columns = Table({"wave": [wave], "flux": [np.ones(16)], "ivar": [np.ones(16)]})
    for name, hdu in (("table", fits.BinTableHDU(columns)), ("image", fits.ImageHDU(np.ones((2, 16)), name="FLUX"))):
        buffer = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
        out[name] = buffer.getvalue()
    return out


def with_card(raw: bytes, card: str, value: str) -> bytes:
    """The file with a card of its second header changed, if that has one."""
    at = raw.find(f"{card:8}=".encode(), 2880)
    return raw if at < 0 else raw[: at + 10] + value.rjust(20)[-70:].ljust(70).encode() + raw[at + 80 :]


@given(st.sampled_from(["table", "image"]), st.lists(st.tuples(st.sampled_from(COUNTS), sizes), min_size=1, max_size=3))
@example("table", [("NAXIS1", -384)])
@example("table", [("NAXIS2", -1)])
@example("table", [("PCOUNT", -384)])
@example("image", [("NAXIS1", -16), ("NAXIS2", -2)])
@settings(max_examples=40, deadline=None)
def test_sizes_that_no_file_has(
    tmp_path_factory: pytest.TempPathFactory, kind: str, cards: list[tuple[str, int]]
) -> None:
    """Negative and enormous sizes in headers are refused before memory is taken, or the file is read without them."""
    raw = small_files()[kind]
    for card, value in cards:
        raw = with_card(raw, card, str(value))
    path = tmp_path_factory.mktemp("sizes") / "a.fits"
    path.write_bytes(raw)
    for read in (formats.read_rows, formats.read_any, tables.read_spectra):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read(path)
            except BadInput as error:
                sentence(error)


@pytest.mark.parametrize("shape", [(0,), (0, 16), (1, 0)])
def test_tables_without_rows_or_pixels_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.BinTableHDU(Table({k: np.zeros(shape) for k in ("wave", "flux", "ivar")})).writeto(path)
    for read in (formats.read_rows, tables.read_spectra):
        with pytest.raises(BadInput) as error:
            read(path)
        sentence(error.value)


@pytest.mark.parametrize("text", ["", "wave,flux,ivar", "wave,flux,ivar\n", "# only a remark\n", "\n\n\n", ",,\n,,\n"])
def test_texts_without_rows_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(BadInput) as error:
        formats.read_rows(path)
    sentence(error.value)


# Files that pages offer


@given(
    st.text(max_size=90),
    st.sampled_from(ENDS[:7]) | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 4),
)
@example("'" * 60, 5e-324, 0)
@example("O'Hara's star", -1.7976931348623157e308, 1)
@settings(max_examples=40, deadline=None)
def test_fits_files_are_read_by_astropy_as_they_were_written(name: str, number: float, rows: int) -> None:
    column = np.full(rows, number)
    raw = written.table({"flux": (column, "")}, {"OBJECT": name, "LOGG": number, "N": rows})
    with fits.open(io.BytesIO(raw)) as hdus:
        hdus.verify("exception")
        header, data = hdus[1].header, hdus[1].data
        plain = "".join(c if " " <= c <= "~" else "?" for c in name).rstrip()
        assert plain.startswith(header["OBJECT"])
        assert len(header["OBJECT"]) >= min(len(plain), 30)
        assert header["LOGG"] == number
        assert header["N"] == rows
        assert data["flux"].tolist() == column.tolist()
