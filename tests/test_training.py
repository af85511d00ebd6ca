"""Training as processes: killed at any moment."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_program import RECIPE

from model.checkpoint import load_checkpoint

PROGRAM = Path(__file__).with_name("training_program.py")
TIMES = ("seconds",)


@pytest.mark.slow
def test_a_training_killed_at_any_moment_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """SIGKILL at random moments and inside the writing of a checkpoint; the end is the same, bit for bit."""
    result = subprocess.run(
        [sys.executable, PROGRAM, tmp_path], check=True, capture_output=True, text=True, timeout=240
    )
    *kills, last = json.loads(result.stdout)
    assert last == {"moment": "", "signal": 0, "done": RECIPE.steps, "kept": RECIPE.steps}
    assert {k["signal"] for k in kills if k["moment"] != "any"} == {signal.SIGKILL}
    assert sum(k["signal"] == signal.SIGKILL for k in kills) >= 6
    assert max(k["kept"] for k in kills) > 4
    interval = RECIPE.checkpoint_every // RECIPE.batch_size
    assert max(k["done"] - k["kept"] for k in kills) <= interval
    whole, killed = (load_checkpoint(tmp_path / name / "specvit.ckpt") for name in ("whole", "killed"))
    for name, value in whole["net"].items():
        assert torch.equal(value, killed["net"][name]), name
    for key, state in whole["optimiser"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, killed["optimiser"]["state"][key][name]), (key, name)
    histories = [
        [{k: v for k, v in row.items() if k not in TIMES} for row in state["history"]] for state in (whole, killed)
    ]
    assert histories[0] == histories[1]
    lines = (tmp_path / "killed/specvit.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == killed["history"]
    assert {p.name for p in (tmp_path / "killed").iterdir()} == {"specvit.ckpt", "specvit.jsonl"}  # no half files
