"""The ONNX files of results/ are the shipped weights, and the contract holds them to their hashes."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from model import portable
from model.predict import WEIGHTS, Predictor
from model.simulator import Simulator, generator
from site_builder.contract import BadInput
from site_builder.contract.io import read_index, take_over
from site_builder.results import Results
from tests.factory import make_results

RESULTS = Path(__file__).parent.parent / "results"
RUNS = ("specvit-ti-pfs-mr", "specvit-ti-lamost")
LIMIT = 0.01  # dex


@pytest.fixture(scope="module", params=RUNS)
def shipped(request: pytest.FixtureRequest) -> tuple[bytes, dict, Predictor]:
    folder = RESULTS / "runs" / request.param
    description = json.loads((folder / "network.json").read_text())
    return (folder / "network.onnx").read_bytes(), description, Predictor(WEIGHTS / f"{request.param}.safetensors")


def test_it_was_made_from_the_shipped_weights(shipped: tuple[bytes, dict, Predictor]) -> None:
    content, description, _ = shipped
    assert hashlib.sha256(content).hexdigest() == description["sha256"]
    assert len(content) == description["bytes"]
    weights = WEIGHTS / description["weights"]
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == description["weights_sha256"]
    assert description["trained"] == json.loads(weights.with_suffix(".json").read_text())["provenance"]


def test_it_answers_as_torch_does_on_1000_spectra(shipped: tuple[bytes, dict, Predictor]) -> None:
    """On spectra of another seed than those that the file's own parity was measured on."""
    content, description, predictor = shipped
    assert description["parity"]["n"] == 1000
    found = portable.parity(content, predictor, 1000, portable.PARITY_SEED + 1)
    for said in (description["parity"], found.model_dump()):
        assert 0 < said["logg"] < LIMIT
        assert 0 < said["sigma"] < LIMIT
        assert 0 < said["half95"] < LIMIT


def test_attention_and_limits_of_use_are_those_of_the_model(shipped: tuple[bytes, dict, Predictor]) -> None:
    content, description, predictor = shipped
    simulator, g = Simulator.of(predictor.instrument.name), generator(1, "test")
    flux = predictor.instrument.normalise(simulator.clean(simulator.draw_labels(1, g)))
    valid = torch.ones_like(flux)
    with torch.no_grad():
        want = portable.Portable(predictor.net)(flux, valid)
    outputs = portable.session(content).run(list(portable.OUTPUTS), {"flux": flux.numpy(), "valid": valid.numpy()})
    for name, value, expected in zip(portable.OUTPUTS, outputs, want, strict=True):
        np.testing.assert_allclose(value, expected, atol=2e-3, err_msg=name)
    assert np.asarray(outputs[4]).sum() == pytest.approx(1, abs=1e-5)
    constants = portable.constants(predictor)
    found = portable.session(content).run(list(constants), {"flux": flux.numpy(), "valid": valid.numpy()})
    for value, expected in zip(found, constants.values(), strict=True):
        np.testing.assert_allclose(np.abs(value), np.abs(expected), atol=2e-4)  # a component may point either way
    assert description["min_slope"] == pytest.approx(predictor.min_slope, abs=1e-5)


def with_network(tmp_path: Path) -> Path:
    """Made-up results whose run carries a shipped network."""
    root = make_results(tmp_path / "results", n_stars=40, n_pixels=128)
    index = read_index(root)
    run = index.main_run
    shipped = json.loads((RESULTS / "runs" / RUNS[0] / "network.json").read_text())
    (root / f"runs/{run}/network.json").write_text(json.dumps(shipped))
    shutil.copy(RESULTS / "runs" / RUNS[0] / "network.onnx", root / f"runs/{run}/network.onnx")
    content = (root / f"runs/{run}/network.json").read_bytes()
    entry = {"path": f"runs/{run}/network.json", "kind": "network", "sha256": hashlib.sha256(content).hexdigest()}
    listed = json.loads((root / "index.json").read_text())
    listed["files"].append(entry | {"bytes": len(content)})
    (root / "index.json").write_text(json.dumps(listed))
    return root


def test_a_network_is_checked_and_travels_with_its_description(tmp_path: Path) -> None:
    root = with_network(tmp_path)
    results = Results.load(root)
    assert results.main.network is not None
    entry = next(e for e in results.index.files if e.kind == "network")
    take_over(root, tmp_path / "new", [entry])
    assert (tmp_path / "new" / entry.path).with_suffix(".onnx").read_bytes() == (root / entry.path).with_suffix(
        ".onnx"
    ).read_bytes()
    (root / entry.path).with_suffix(".onnx").write_bytes(b"other")
    with pytest.raises(BadInput, match=r"network\.onnx: its sha256 is not the one that network\.json gives"):
        Results.load(root)
    (root / entry.path).with_suffix(".onnx").unlink()
    with pytest.raises(BadInput, match=r"network\.onnx cannot be read"):
        Results.load(root)


def test_no_weights_no_network(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n_stars=40, n_pixels=128)
    with pytest.raises(BadInput, match="holds no weights of"):
        portable.write(tmp_path, root)
