"""Large results: pages do not grow, no star goes unchecked, and columns are read as arrays with the same sentences."""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from site_builder.cli import build
from site_builder.contract import BadInput, columns
from site_builder.contract.io import read_file, read_index
from site_builder.figures import svg
from site_builder.jobs import apart
from site_builder.results import DRAWN, Results, spread
from tests.factory import make_large_results, make_results

PREDICTIONS = "runs/specvit-test-pfs-mr/predictions.test.json"


def no_drawing(draw: object, size: tuple[int, int], narrow: bool, margins: object) -> str:
    return f'<?xml?><svg width="1" height="1" viewBox="0 0 {size[0]} {size[1]}" version="1.1"></svg>'


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_large_results(tmp_path_factory.mktemp("large"), 60_000, 3 * DRAWN, n_pixels=256)


def test_pages_do_not_grow(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", no_drawing)
    small = build(make_large_results(tmp_path / "small", 4_000, DRAWN, n_pixels=256))
    big = build(large)
    shown = [path for path in big if path.endswith(".html") or path.startswith(("data/figures/", "data/tables/"))]
    assert len(shown) > 60
    for path in shown:
        # A density fills its cells, and no more; all else is as large as it was.
        more = 1.3 if "predicted-true" in path else 1.02
        assert len(big[path]) <= more * len(small[path]) + 1000, path
    names = {path for path in big if path.startswith("data/results/runs/specvit-test-pfs-mr/examples/")}
    assert len(names) == 3 * DRAWN  # all are published
    assert "more files are of stars that no page draws" in big["data.html"].decode()
    assert "more files are of stars" not in small["data.html"].decode()


def test_which_stars_are_drawn(large: Path) -> None:
    results = Results.load(large)
    drawn = results.main.examples
    assert len(drawn) == DRAWN
    assert {"giant-a", "subgiant-b", "dwarf-c"} <= set(drawn), "those with attention"
    assert sum(e.kind == "example" and results.main.name in e.path for e in results.index.files) == 3 * DRAWN
    assert len(results.undrawn) == 2 * DRAWN
    assert spread("abcdefgh", 2) == ["c", "g"]
    assert spread("abc", 0) == []


def damage(root: Path, path: str, old: str, new: str) -> None:
    import hashlib

    text = (root / path).read_text()
    assert old in text
    raw = text.replace(old, new, 1).encode()
    (root / path).write_bytes(raw)
    index = json.loads((root / "index.json").read_text())
    for entry in index["files"]:
        if entry["path"] == path:
            entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
    (root / "index.json").write_text(json.dumps(index))


def test_a_star_that_is_not_drawn_is_checked(tmp_path: Path) -> None:
    root = make_large_results(tmp_path / "r", 200, 2 * DRAWN, n_pixels=256)
    path = Results.load(root).undrawn[3].path
    damage(root, path, '"flux":[', '"flux":[null,')
    damage(root, path, '"n":256', '"n":257')
    with pytest.raises(BadInput, match=Path(path).name):
        build(root)


def test_checks_in_a_process_of_their_own() -> None:
    def refuse() -> None:
        raise BadInput("one sentence")

    assert apart(lambda: {"a": b"b"})() == {"a": b"b"}
    with pytest.raises(BadInput, match="one sentence"):
        apart(refuse)()
    with pytest.raises(RuntimeError, match="before its time"):
        apart(lambda: os._exit(1))()


def test_a_process_that_nobody_waits_for_ends_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(multiprocessing.active_children())
    apart(lambda: bytes(1_000_000))  # more than a pipe holds
    (alone,) = set(multiprocessing.active_children()) - before
    alone.join(20)
    assert alone.exitcode == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"teff":[', '"teff":[NaN,', "the number NaN is not allowed"),
        ('"teff":[', '"teff":[1e999,', "field teff.0: input should be a finite number"),
        ('"teff":[', '"teff":[null,', "field teff.0: input should be a valid number"),
        ('"teff":[', '"teff":["hot",', "field teff.0: input should be a valid number"),
        ('"teff":[', '"teff":[[1],', "field teff.0: input should be a valid number"),
        ('"teff":[', '"teff":[5000,', "teff has 60001 entries where logg has 60000"),
        ('"teff":[', '"teff":[,', "is not complete JSON"),
        ('"teff":[', '"teff":{"\\u0000array":0},"mh":[', "field teff"),
    ],
)
def test_what_is_wrong_in_a_long_column(large: Path, old: str, new: str, told: str) -> None:
    raw = (large / PREDICTIONS).read_text()
    assert len(raw) > columns.LONG
    try:
        damage(large, PREDICTIONS, old, new)
        entry = next(e for e in read_index(large).files if e.path == PREDICTIONS)
        with pytest.raises(BadInput) as caught:
            read_file(large, entry)
        assert told in str(caught.value)
    finally:
        damage(large, PREDICTIONS, new, old)
        assert (large / PREDICTIONS).read_text() == raw


def test_long_columns_are_what_json_says(large: Path) -> None:
    raw = (large / PREDICTIONS).read_bytes()
    found, plain = columns.load(raw), json.loads(raw)
    assert isinstance(found["logg"], np.ndarray)
    assert found["logg"].tolist() == plain["logg"]
    assert {k: np.asarray(v).tolist() for k, v in found["predicted"].items()} == plain["predicted"]
    assert found["provenance"] == plain["provenance"]


def test_a_text_with_brackets_is_a_text(tmp_path: Path) -> None:
    numbers = "[" + ",".join(["1"] * columns.LONG) + "]"
    raw = json.dumps({"text": f"see {numbers}", "column": [1.5] * columns.LONG}).encode()
    with pytest.raises(ValueError, match="delimiter"):
        columns.load(raw)  # and so the plain way is taken


@pytest.mark.parametrize("piece", range(1, 9))
def test_a_list_is_read_in_pieces(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "LONG", 4)
    monkeypatch.setattr(columns, "PIECE", piece)
    for sound in ("[1,2.5,3]", "[ 1 , -2e3, 30000]", "[7,8]", "[0.1]"):
        assert columns.load(b'{"a":%b}' % sound.encode())["a"].tolist() == json.loads(sound)
    for other in ('["a,b","c"]', "[1,null,2]", "[true,false]", '[{"a":1},{"b":2}]', "[    ]"):
        assert columns.load(b'{"a":%b}' % other.encode())["a"] == json.loads(other)
    for broken in ("[1,2,]", "[,1,2]", "[1,,2]", "[1, ,2]", "[1,2, ]", "[1 2,3]", "[01,2]", "[1,NaN]", "[1,.5,2]"):
        with pytest.raises(ValueError, match=r"Expecting|delimiter|NaN|Illegal"):
            columns.load(b'{"a":%b}' % broken.encode())


def test_results_are_the_same_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_results(tmp_path / "r", n_stars=60, n_pixels=256)
    plain = {p: f.model_dump() for p, f in Results.load(root).files.items()}
    monkeypatch.setattr(columns, "LONG", 64)
    monkeypatch.setattr(columns, "PIECE", 16)
    assert {p: f.model_dump() for p, f in Results.load(root).files.items()} == plain
