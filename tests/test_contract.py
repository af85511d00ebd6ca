"""The results contract: what is written is read back, and what is wrong is refused with the right sentence."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from site_builder.contract import BadInput, folders, read_file, write_file, write_index
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import dumps, read_index, write_atomic
from site_builder.contract.schema import (
    AttentionFile,
    ExampleFile,
    Index,
    IndexEntry,
    Interval,
    Machine,
    PredictionsFile,
    Provenance,
    WaveAxis,
)

STAMP = Provenance(
    run="test-run",
    command="python -m model run --preset specvit-nano",
    commit="0" * 40,
    dirty=False,
    config_sha256="1" * 64,
    data_sha256={"grid.npz": "2" * 64},
    seed=0,
    created="2026-01-02T03:04:05Z",
    machine=Machine(cpu="c", cores=2, memory_gb=4.0, gpu=None, system="Linux", python="3.11"),
    versions={"numpy": "2"},
)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def predictions(draw: st.DrawFn) -> PredictionsFile:
    n = draw(st.integers(0, 6))
    column = st.lists(finite, min_size=n, max_size=n)
    return PredictionsFile(
        provenance=STAMP,
        set="test",
        id=draw(st.none() | st.lists(st.text(), min_size=n, max_size=n)),
        logg=draw(column),
        teff=draw(column),
        mh=draw(column),
        snr=draw(column),
        magnitude=draw(st.none() | column),
        predicted={"specvit": draw(column)},
        sigma=draw(st.just({}) | st.fixed_dictionaries({"specvit": column})),
    )


def example(**changes: Any) -> dict[str, Any]:
    """Fields of a valid example file, with changes."""
    return {
        "provenance": STAMP, "id": "star", "title": "A star", "origin": "observed", "survey": "LAMOST DR10",
        "credit": "LAMOST", "instrument": "lamost", "star_class": "giant", "logg": 2.0, "teff": 4500.0, "mh": 0.0,
        "label_source": "catalogue", "rv_kms": None, "snr": 30.0,
        "wave": WaveAxis(scale="log10", start=3.85, step=1e-4, n=3), "flux": [1.0, None, 0.9],
        "sigma": [0.1, None, 0.1], "model_flux": [1.0, 1.0, 1.0], "predicted_logg": 2.1, "predicted_sigma": 0.2,
        "ladder": None,
    } | changes  # fmt: skip


@given(predictions())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, content: PredictionsFile) -> None:
    root = tmp_path_factory.mktemp("results")
    entry = write_file(root, "runs/test-run/predictions.test.json", content)
    assert read_file(root, entry).model_dump() == content.model_dump()
    raw = (root / entry.path).read_bytes()
    assert entry.bytes == len(raw)
    assert entry.sha256 == hashlib.sha256(raw).hexdigest()


@given(st.lists(st.none() | finite, min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_gaps_are_null_in_files_and_nan_in_memory(flux: list[float | None]) -> None:
    star = ExampleFile(**example(flux=flux))
    assert star.flux.dtype == np.float64
    assert [None if np.isnan(v) else v for v in star.flux] == flux
    assert star.model_dump()["flux"] == flux
    assert ExampleFile(**example(flux=star.flux)).model_dump() == star.model_dump()


@pytest.mark.parametrize(
    "flux", [[1.0, np.nan, 0.9], np.array([1.0, np.inf, 0.9]), np.ones((3, 1)), np.array(["a", "b", "c"])]
)
def test_what_is_no_column_with_gaps(flux: Any) -> None:
    with pytest.raises(ValueError, match="flux"):
        ExampleFile(**example(flux=flux))


@given(st.text(max_size=30), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_any_damage_is_one_sentence(tmp_path_factory: pytest.TempPathFactory, junk: str, cut: int) -> None:
    """Whatever is spliced into a file, reading it either raises BadInput or gives the same content."""
    root = tmp_path_factory.mktemp("results")
    content = ExampleFile(**example())
    entry = write_file(root, "runs/r/examples/star.json", content)
    path = root / entry.path
    raw = path.read_text()
    path.write_text(raw[: len(raw) * cut // 40] + junk + raw[len(raw) * cut // 40 :], "utf-8")
    message = ""
    try:
        assert read_file(root, entry).model_dump() == content.model_dump()
    except BadInput as error:
        message = str(error)
    assert message == "" or (str(path) in message and "\n" not in message)


def stored(tmp_path: Path) -> tuple[Path, IndexEntry, dict[str, Any]]:
    """A results folder with one example file, its entry and its content."""
    entry = write_file(tmp_path, "runs/r/examples/star.json", ExampleFile(**example()))
    return tmp_path / entry.path, entry, json.loads((tmp_path / entry.path).read_text())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": "2.0"}, r"field schema_version is '2\.0' but this builder reads '1\.4'"),
        ({"schema_version": None}, r"field schema_version is None"),
        ({"teff": "hot"}, r"field teff: input should be a valid number"),
        ({"teff": ...}, r"field teff: field required"),
        ({"colour": "red"}, r"field colour: extra inputs are not permitted"),
        ({"flux": [1.0, 2.0]}, r"flux has 2 entries where wave\.n is 3"),
        ({"flux": [1.0, None, "few"]}, r"field flux\.2: input should be a valid number"),
        ({"flux": [[1.0], None, 0.9]}, r"field flux\.0: input should be a valid number"),
        ({"flux": 1.0}, r"field flux: input should be a valid list"),
        ({"model_flux": [1.0, None, 1.0]}, r"field model_flux\.1: input should be a valid number"),
        ({"star_class": "dwarf"}, r"star_class is dwarf but logg 2\.0 is a giant"),
        ({"survey": "my telescope"}, r"field survey: input should be"),
        ({"id": "../escape"}, r"field id: string should match pattern"),
        ({"provenance": {}}, r"field provenance\.run: field required \(and 9 more\)"),
    ],
)
def test_wrong_content_is_refused_by_name(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    path, entry, content = stored(tmp_path)
    for key, value in change.items():
        if value is ...:
            del content[key]
        else:
            content[key] = value
    path.write_bytes(dumps(content))
    with pytest.raises(BadInput, match=rf"{path}: .*{sentence}.*; .*export"):
        read_file(tmp_path, entry)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, constant: str) -> None:
    path, entry, _ = stored(tmp_path)
    path.write_text(path.read_text().replace("4500.0", constant))
    with pytest.raises(BadInput, match=f"the number {constant} is not allowed"):
        read_file(tmp_path, entry)
    with pytest.raises(ValueError, match="finite"):
        ExampleFile(**example(teff=float(constant.replace("Infinity", "inf"))))
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps({"value": float("nan")})


def test_truncated_and_changed_files_are_refused(tmp_path: Path) -> None:
    path, entry, _ = stored(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(BadInput, match="is not complete JSON"):
        read_file(tmp_path, entry)
    path.write_bytes(whole.replace(b"4500.0", b"4501.0"))
    with pytest.raises(BadInput, match=r"sha256 is not the one that index\.json lists"):
        read_file(tmp_path, entry)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(BadInput, match="is not complete JSON"):
        read_file(tmp_path, entry)
    path.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        read_file(tmp_path, entry)


def test_index(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        read_index(tmp_path / "none")
    with pytest.raises(BadInput, match=r"holds no index\.json"):
        read_index(tmp_path)
    _, entry, _ = stored(tmp_path)
    index = Index(main_run="test-run", files=[entry])
    write_index(tmp_path, index)
    assert read_index(tmp_path) == index
    for path in ("/etc/passwd.json", "../up.json", "a/../../up.json", "A.json"):
        with pytest.raises(ValueError, match="pattern"):
            IndexEntry(path=path, kind="run", sha256="0" * 64, bytes=10)


def test_intervals_and_attention_shapes() -> None:
    with pytest.raises(ValueError, match="reversed"):
        Interval(value=1.0, lo=2.0, hi=1.0)
    fields: dict[str, Any] = {
        "provenance": STAMP, "id": "star", "magnitude": 21.0, "noise_seed": 1, "n_tokens": 2, "has_cls": True,
        "weights": [[[[0.5, 0.5], [0.1, 0.9]]]], "rollout": [1.0], "embedding_norm": [2.0],
        "predicted_logg": 2.0, "predicted_sigma": 0.1,
    }  # fmt: skip
    AttentionFile(**fields)
    with pytest.raises(ValueError, match="layer 0, head 0 are not 2 x 2"):
        AttentionFile(**fields | {"weights": [[[[1.0, 0.0]]]]})
    with pytest.raises(ValueError, match="each of the 1 patches"):
        AttentionFile(**fields | {"rollout": [0.5, 0.5]})


def test_writing_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"
    write_atomic(path, b"old")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(BadInput, match="No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "results"

    def write(text: str) -> None:
        with replacing_folder(out) as temp:
            (temp / "file").write_text(text)
            if text == "bad":
                raise BadInput("the block itself fails")

    write("old")
    with pytest.raises(BadInput, match="the block itself fails"):
        write("bad")
    real, calls = os.rename, []

    def second_fails(a: Path, b: Path) -> None:
        calls.append(a)
        if len(calls) == 2:
            raise OSError(13, "Permission denied")
        real(a, b)

    monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(BadInput, match="Permission denied"):
        write("new")
    assert (out / "file").read_text() == "old"
    write("new")
    assert (out / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [out]
