"""Training as processes: killed at any moment, several for one batch, on another device."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from training_program import RECIPE, small_run

from model import posterior
from model.baselines import cnn
from model.calibration import calibrate
from model.checkpoint import load_checkpoint, save_checkpoint
from model.distill import Teacher
from model.parallel import Place, choose_device, moved
from model.pipeline import Pipeline
from model.simulator import Simulator, fixed_set, generator
from model.throughput import Meter, flops_per_presentation, peak_flops
from model.train import TrainConfig, Trainer, fit_scaler, losses
from model.vit import PRESETS, SpecViT, VitConfig
from site_builder.contract import BadInput

PROGRAM = Path(__file__).with_name("training_program.py")
TIMES = ("seconds", "gflops", "mfu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the processes that these tests start have it: sums are the same, and none waits for another's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_training_killed_at_any_moment_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """SIGKILL at random moments and inside the writing of a checkpoint; the end is the same, bit for bit."""
    result = subprocess.run(
        [sys.executable, PROGRAM, "kill", tmp_path], check=True, capture_output=True, text=True, timeout=240
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


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """``torchrun -m model train``: half of each batch a process, the same steps; one goes on from a checkpoint."""
    config = small_run()
    one = Pipeline(config, tmp_path / "one")
    networks = {"mlp": one.mlp()[0], "specvit": one.specvit()[0]}
    runs = tmp_path / "two"
    begun = Pipeline(config, runs / config.run_id)
    torch.manual_seed(config.seed)
    part = Trainer(SpecViT(config.vit), begun.simulator, config.training, begun.validation, begun.folder, "specvit")
    part.net.start_from(fit_scaler(part.net, begun.simulator, config.seed))
    while part.step < 3:
        part.train_step()
    part.save()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*torchrun, PROGRAM, "train", runs], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in begun.folder.iterdir()} >= {"ridge.npz", "lightgbm.txt", "mlp.jsonl", "specvit.jsonl"}
    measured = ("scaler.spread", "scaler.calibration")
    for name, net in networks.items():
        ours, theirs = (load_checkpoint(folder / f"{name}.ckpt") for folder in (one.folder, begun.folder))
        assert theirs["step"] == ours["step"] == 8
        for key, value in ours["net"].items():
            off = (theirs["net"][key] - value).abs()
            if key in measured:
                continue
            # AdamW's first steps are as long for the smallest gradients, rounding errors too, as for the largest
            assert float(off.max()) < 1e-4, (name, key)
            assert float((off > 1e-6).float().mean()) < 1e-3, (name, key)
        # calibration is measured once trained, in quantiles of few spectra, which rounding may move from one spectrum
        # to the next: it is what one process measures of the same weights
        net.load_state_dict(theirs["net"])
        calibrate(net, one.simulator, config.training.calibration)
        for key in measured:
            torch.testing.assert_close(net.state_dict()[key], theirs["net"][key], msg=f"{name}: {key}")
        expected = {row["presentations"]: row for row in ours["history"]}
        assert [row["presentations"] for row in theirs["history"]][-1] == 512
        for row in theirs["history"]:
            for column in ("val_loss", "val_mae", *(["train_loss"] if name == "mlp" else [])):
                assert row[column] == pytest.approx(expected[row["presentations"]][column], rel=1e-5)


@pytest.fixture(scope="module")
def teacher() -> Iterator[Teacher]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posterior, "BASIS", 256)
        yield Teacher(Simulator.of("pfs-mr"), library=512)


class Elsewhere(TorchFunctionMode):
    """Lets code run on the meta device, which has no values, and refuses operations that mix it with the CPU."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is torch.Tensor.__bool__:
            return True
        if function is torch.Tensor.unique_consecutive:
            return args[0][:2], torch.tensor([4, 4])
        if function is torch.Tensor.tolist and args[0].is_meta:
            return [3] * len(args[0])
        devices = {a.device.type for a in args if isinstance(a, torch.Tensor) and a.dim()}
        assert len(devices) < 2 or "shallow_copy" in function.__name__, function
        return function(*args, **(kwargs or {}))


class Generator(torch.Generator):
    """A generator that says it is on the meta device."""

    device = torch.device("meta")


@pytest.mark.parametrize("instrument", ["pfs-mr", "lamost"])
def test_nothing_is_left_on_the_cpu(instrument: str, teacher: Teacher) -> None:
    """What a training on another device computes with is all there: simulator, teacher, networks."""
    simulator = Simulator.of(instrument)
    pixels = simulator.instrument.wave_axis.n
    vit = VitConfig(n_pixels=pixels, patch_size=pixels // 16, width=24, depth=1, heads=3)
    nets = [SpecViT(vit), SpecViT(replace(vit, embedding="per-position", pool="mean")), cnn.build(pixels, 0)]
    g = Generator()
    with Elsewhere():
        source = moved(simulator, g.device)
        batch = source.observe(source.draw_labels(8, g), source.draw_levels(8, g), g, jitter=True, rows=slice(2, 6))
        assert (batch.flux.shape, batch.flux.is_meta) == ((4, pixels), True)
        for net in nets:
            raw, _ = net.to(g.device)(batch.flux)
            point, spread = losses(raw, net.scaler.targets(batch.labels[:, 1]), RECIPE)
            (point + spread).backward()
        if instrument == "pfs-mr":
            flux, mean, variance = moved(teacher, g.device).examples(16, g, rows=slice(8, 16))
            assert flux.shape == (8, pixels)
            assert mean.is_meta
            assert variance.is_meta


@pytest.mark.parametrize("targets", ["label", "posterior"])
def test_shares_of_a_batch_are_its_rows(targets: str, teacher: Teacher) -> None:
    simulator = teacher.simulator

    def make(place: Place) -> Tensor:
        g = generator(0, "train", 5)
        if targets == "posterior":
            return torch.cat([x.reshape(len(x), -1) for x in teacher.examples(24, g, rows=place.rows(24))], 1)
        labels = simulator.draw_labels(24, g)
        return simulator.observe(labels, simulator.draw_levels(24, g), g, True, place.rows(24)).flux

    cpu = torch.device("cpu")
    whole = make(Place(cpu))
    parts = torch.cat([make(Place(cpu, rank, 3)) for rank in range(3)])
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-4)
    with pytest.raises(BadInput, match="5 processes cannot share a batch of 24 equally"):
        Place(cpu, 0, 5).rows(24)


def test_speed_is_counted_in_operations() -> None:
    net = SpecViT(PRESETS["specvit-s"])
    c = net.config
    tokens, weights = 257, sum(p.numel() for p in net.layers.parameters() if p.dim() > 1)
    # nanoGPT's count (Chowdhery et al. 2022): 6 a weight and token, 12 a layer, width and pair of tokens
    # but in the last layer, of whose weights all but a sixth (keys, values) meet CLS alone, as its query does
    once = weights / c.depth * 5 / 6
    pairs = (c.depth - 1) * tokens**2 + tokens
    expected = 6 * (weights * tokens - once * (tokens - 1)) + 12 * c.width * pairs
    assert flops_per_presentation(net) == pytest.approx(expected, rel=0.01)
    assert peak_flops("NVIDIA A100-SXM4-80GB", "bfloat16") == 312e12
    assert peak_flops("NVIDIA H100 80GB HBM3", "float32") == 67e12
    assert peak_flops("some other card", "bfloat16") is None
    meter = Meter(net, Place(torch.device("cpu")), "bfloat16")
    assert set(meter.stop(10)) == {"gflops"}
    meter.peak = 1e12
    meter.start(0)
    row = meter.stop(10)
    assert row["mfu"] == pytest.approx(row["gflops"] / 1000, rel=0.01)


def test_device_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device().type == "cpu"
    with pytest.raises(BadInput, match="--device cuda: torch sees no GPU here"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    assert choose_device("cpu", 1).type == "cpu"
    with pytest.raises(BadInput, match="asks for GPU 2, but there are 2"):
        choose_device("cuda", 2)


def test_a_checkpoint_older_than_a_field_had_its_default(tmp_path: Path) -> None:
    simulator = Simulator.of("lamost")
    validation = fixed_set(simulator, 50, "validation")

    def trainer(config: TrainConfig) -> Trainer:
        return Trainer(SpecViT(small_run().vit), simulator, config, validation, tmp_path, "specvit")

    first = trainer(RECIPE)
    first.save()
    state = load_checkpoint(first.path)
    del state["config"]["compile"], state["running"]
    save_checkpoint(first.path, state)
    assert trainer(RECIPE).resume()
    with pytest.raises(BadInput, match=r"field config\.compile is False but this run has True"):
        trainer(replace(RECIPE, compile=True)).resume()
