"""Results of another model: the worked example builds, and the helper refuses what would not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.evaluate import synthetic_set
from model.own import OwnResults
from model.simulator import Simulator
from site_builder.cli import build
from site_builder.contract import BadInput
from site_builder.results import Results
from tests.pages import derive, read

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "sklearn_model.py"


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("own") / "results"
    command = [sys.executable, str(EXAMPLE), "--out", str(out), "--spectra", "400", "--test", "200"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_worked_example_builds(results_dir: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 60
    files = build(results_dir)
    pages = {path for path in files if path.endswith(".html") and "/" not in path}
    assert pages == {"index.html", "results.html", "spectra.html", "data.html", "404.html"}
    home = files["index.html"].decode()
    assert "Scikit-learn ridge reads log g" in home
    assert "Vision Transformer. It cuts" not in home
    numbers = read(files["index.html"]).numbers
    assert len(numbers) > 10
    cache: dict[str, object] = {}
    assert all(shown.says(derive(files, shown, cache)) for shown in numbers)


def test_its_records_are_whole(results_dir: Path) -> None:
    run = Results.load(results_dir).main
    stamp = run.run.provenance
    assert "sklearn_model.py" in stamp.command
    assert "ts_c3k_optical_grid_R20000.npz" in stamp.data_sha256
    assert run.run.config["spectra"] == 400
    assert run.specvit.name == "ridge"
    assert [row.row.n for row in run.rows("test", "all")] == [200, 200]


@pytest.fixture(scope="module")
def own_parts() -> tuple[Simulator, object]:
    simulator = Simulator.of("pfs-mr")
    return simulator, synthetic_set(simulator, "test", "Test", 160, None, 0.5)


def begun(simulator: Simulator) -> OwnResults:
    own = OwnResults("mine", "Mine", simulator, bootstrap=100)
    own.add_model("mine", "Mine", "made for tests", 1, 10, 0.1)
    return own


def test_intervals_are_judged(own_parts: tuple[Simulator, object], tmp_path: Path) -> None:
    simulator, spectra = own_parts
    own = begun(simulator)
    own.add_set(spectra, {"mine": spectra.logg + 0.1}, {"mine": np.full(160, 0.2)})
    own.write(tmp_path / "r")
    run = Results.load(tmp_path / "r").main
    row = run.row("test", "mine")
    assert row is not None
    assert row.row.bias.value == pytest.approx(0.1, abs=1e-4)
    assert row.row.coverage68 == 1.0
    assert run.specvit.has_sigma
    own.write(tmp_path / "r")  # again, in its place
    build(tmp_path / "r")


@pytest.mark.parametrize(
    ("predicted", "told"),
    [
        ({}, "exactly the models"),
        ({"mine": np.zeros(59)}, "not 160 finite numbers"),
        ({"mine": np.full(160, np.nan)}, "not 160 finite numbers"),
        ({"mine": np.zeros(160), "other": np.zeros(160)}, "exactly the models"),
    ],
)
def test_answers_that_do_not_fit(own_parts: tuple[Simulator, object], predicted: dict, told: str) -> None:
    simulator, spectra = own_parts
    with pytest.raises(BadInput, match=told):
        begun(simulator).add_set(spectra, predicted)


def test_where_it_is_written(own_parts: tuple[Simulator, object], tmp_path: Path) -> None:
    simulator, spectra = own_parts
    own = begun(simulator)
    with pytest.raises(BadInput, match="no set yet"):
        own.write(tmp_path / "r")
    own.add_set(spectra, {"mine": spectra.logg})
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match="other files"):
        own.write(tmp_path)
    own.write(tmp_path / "r")
    assert json.loads((tmp_path / "r/index.json").read_text())["main_run"] == "mine"


def test_too_few_stars_for_a_curve(own_parts: tuple[Simulator, object], tmp_path: Path) -> None:
    few = synthetic_set(own_parts[0], "test", "Test", 40, None, 0.5)
    own = begun(own_parts[0])
    own.add_set(few, {"mine": few.logg + 0.1})
    own.write(tmp_path / "r")
    with pytest.raises(BadInput, match="no bin of magnitude or snr"):
        build(tmp_path / "r")
