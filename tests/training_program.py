"""A small training in processes of its own, for ``test_training.py``: killed at any moment, or shared by several.

``python training_program.py kill FOLDER`` trains twice: undisturbed below FOLDER/whole; and below FOLDER/killed in
children that SIGKILL ends, until one reaches the end. Prints JSON: per kill the moment, the last step that was done,
and the step of the checkpoint that was left.

``python training_program.py train FOLDER`` is ``python -m model train --runs FOLDER`` with ``small_run``.
"""

import json
import mmap
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model import checkpoint, cli
from model.config import RunConfig, run_config
from model.pipeline import smaller
from model.simulator import Batch, Simulator, fixed_set
from model.train import TrainConfig, Trainer
from model.vit import SpecViT, VitConfig

SHAPE = VitConfig(
    n_pixels=960, patch_size=60, width=24, depth=2, heads=3, embedding="per-position", embedding_init="pca"
)
# a checkpoint every 2 steps, a validation every 3: they meet at times, and at times not
RECIPE = TrainConfig(
    presentations=60 * 32, batch_size=32, learning_rate=1e-3, log_every=96, checkpoint_every=64, calibration=500
)
CHOSEN = ["half of the checkpoint is written", "written, not yet in place", "just in place", "logged, not yet saved"]
KILLS = 8  # at random moments, beside the chosen ones


def small_trainer(simulator: Simulator, validation: Batch, folder: Path) -> Trainer:
    torch.manual_seed(3)
    return Trainer(SpecViT(SHAPE), simulator, RECIPE, validation, folder, "specvit")


def small_run() -> RunConfig:
    config = smaller(run_config("specvit-nano", "lamost"), 1000)
    recipe = replace(RECIPE, presentations=8 * 64, batch_size=64, log_every=128, checkpoint_every=128)
    return replace(config, vit=SHAPE, training=recipe, mlp_training=recipe, mlp_hidden=(32,), validation_spectra=100)


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(state: Any, handle: Any) -> None:
    handle.write(b"half a checkpoint")
    handle.flush()
    die()


def later(function: Callable[..., Any], replacement: Callable[..., Any], calls: int = 2) -> Callable[..., Any]:
    """``function`` at first, ``replacement`` from the given call on."""
    done = 0

    def call(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        return (function if done < calls else replacement)(*arguments)

    return call


def arrange(moment: str) -> None:
    """Let this process be killed at a chosen moment of its second checkpoint."""
    move = os.replace
    if moment == "half of the checkpoint is written":
        checkpoint.torch.save = later(torch.save, half_written)
    elif moment == "written, not yet in place":
        os.replace = later(move, die)
    elif moment == "just in place":
        os.replace = later(move, lambda *paths: (move(*paths), die()))
    elif moment == "logged, not yet saved":
        Trainer.save = later(Trainer.save, die)


def kill(folder: Path) -> None:
    torch.set_num_threads(1)  # children of a process with a pool of threads would wait for it for ever
    simulator = Simulator.of("lamost")
    validation = fixed_set(simulator, 100, "validation")
    reached = mmap.mmap(-1, 8)  # shared with the children

    def start(name: str, moment: str) -> int:
        pid = os.fork()
        if pid:
            return pid
        arrange(moment)
        trainer = small_trainer(simulator, validation, folder / name)
        step = trainer.train_step

        def counted() -> Any:
            loss = step()
            reached[:] = trainer.step.to_bytes(8, "little")
            return loss

        trainer.train_step = counted
        trainer.run()
        os._exit(0)

    assert os.waitpid(start("whole", ""), 0)[1] == 0
    chance = random.Random(0)
    moments = CHOSEN + ["any"] * KILLS
    chance.shuffle(moments)
    path, kept, kills = folder / "killed" / "specvit.ckpt", 0, []
    for moment in [*moments, ""]:
        reached[:] = kept.to_bytes(8, "little")
        pid = start("killed", moment)
        if moment == "any":
            wanted, deadline = kept + chance.randint(0, 4), time.monotonic() + 10
            while int.from_bytes(reached[:], "little") < wanted and time.monotonic() < deadline:
                time.sleep(1e-3)
            time.sleep(chance.uniform(0, 0.05))  # a step takes about 0.02 s
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        kept = checkpoint.load_checkpoint(path)["step"] if path.exists() else 0
        done = max(int.from_bytes(reached[:], "little"), kept)
        kills.append({"moment": moment, "signal": status, "done": done, "kept": kept})
    print(json.dumps(kills))


def train(folder: Path) -> None:
    cli.run_config = lambda *_: small_run()
    sys.exit(cli.main(["train", "--device", "cpu", "--threads", "1", "--runs", str(folder)]))


if __name__ == "__main__":
    {"kill": kill, "train": train}[sys.argv[1]](Path(sys.argv[2]))
