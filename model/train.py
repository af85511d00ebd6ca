"""The one training loop: fresh spectra with fresh noise for every presentation, resumed exactly.

Batch k of a run is drawn from a generator seeded by (seed, "train", k), and a checkpoint holds weights,
optimiser, step and history; so a run that is killed and resumed ends with bit-identical weights (CPU,
same number of threads). Spectra are made on the device that trains; ``model.parallel`` has the rest about devices
and about several processes.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from model.calibration import calibrate
from model.checkpoint import load_checkpoint, load_state, remove_leftovers, save_checkpoint, writing
from model.distill import Teacher
from model.metrics import r2
from model.parallel import Place, here, moved
from model.simulator import Batch, Simulator, generator
from model.throughput import Meter
from model.vit import Network
from site_builder.contract import BadInput
from site_builder.contract.io import write_atomic
from site_builder.contract.schema import Curve


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of one training."""

    presentations: int  # length of the cosine, in spectra shown; each is drawn afresh
    batch_size: int = 256  # spectra of an optimiser step, of all processes together
    learning_rate: float = 3e-4  # peak of the schedule
    warmup: int = 25_600  # presentations of linear warm-up, then cosine to zero
    weight_decay: float = 0.01  # of AdamW
    loss: Literal["mse", "huber"] = "huber"  # of log g in units of the prior's standard deviation
    huber_delta: float = 0.5  # where the Huber loss turns from squares to absolute values
    clip: float = 1.0  # largest gradient norm
    log_every: int = 51_200  # presentations between validations
    checkpoint_every: int = 51_200  # presentations between checkpoints
    targets: Literal["label", "posterior"] = "label"  # posterior: mean of log g given the spectrum (model.distill)
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: matrix products under autocast
    calibration: int = 40_000  # spectra that sigma is calibrated on at the end
    compile: bool = False  # torch.compile the network: minutes at the start that a long run on a GPU earns back
    distinct: int | None = None  # draw from so many fixed sets of labels; None: every spectrum is new
    seed: int = 0  # seed that all random streams derive from
    cooldown_from: int | None = None  # leave the cosine after so many presentations (None: never)
    cooldown: int = 0  # from there, fall linearly to zero over so many: ends a long run early, and well

    def __post_init__(self) -> None:
        for name in ("presentations", "batch_size", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise BadInput(f"training: field {name} is {getattr(self, name)}; give 1 or more.")
        for name in ("learning_rate", "huber_delta", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadInput(f"training: field {name} is {getattr(self, name)}; give a positive number.")

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        end = self.presentations if self.cooldown_from is None else self.cooldown_from + self.cooldown
        return math.ceil(end / self.batch_size)


def fit_scaler(net: Network, simulator: Simulator, seed: int, n: int = 2048) -> Tensor:
    """Set input and output scales from clean training spectra; returns their scaled inputs (n, pixels).

    Inputs are centred on the mean spectrum and divided by the noise it has in the middle of the range of
    magnitudes or S/N; outputs are centred and scaled by the prior of log g.
    """
    g = generator(seed, "scaler")
    clean = simulator.instrument.normalise(simulator.clean(simulator.draw_labels(n, g)))
    lo, hi = simulator.level_range
    middle = (lo + hi) / 2 if simulator.prior.magnitude else math.sqrt(lo * hi)
    mean = clean.mean(0)
    scaler = net.scaler
    scaler.mean.copy_(mean)
    scaler.sigma.copy_(simulator.instrument.noise.sigma(mean[None], torch.tensor([middle]))[0])
    scaler.used.copy_(simulator.instrument.used.float())
    a, b = simulator.prior.logg
    scaler.label.copy_(torch.tensor([(a + b) / 2, (b - a) / math.sqrt(12)]))
    return scaler.inputs(clean.to(scaler.mean.device))


def losses(raw: Tensor, target: Tensor, config: TrainConfig, variance: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Loss of the mean, and Gaussian likelihood of its error (which trains sigma alone), both scalar.

    The mean is detached in the second, so that a large sigma cannot excuse a poor mean.

    Args:
        target: (B,) scaled label, or posterior mean.
        variance: (B,) of the label about the target: 0 for a label, the posterior's for a posterior mean.
    """
    mean, log_sigma = raw[:, 0], raw[:, 1].clamp(-7, 3)
    point = F.mse_loss(mean, target) if config.loss == "mse" else F.huber_loss(mean, target, delta=config.huber_delta)
    square = ((target - mean.detach()) ** 2 + variance) * torch.exp(-2 * log_sigma)
    return point, (0.5 * square + log_sigma).mean()


def rate(step: int, config: TrainConfig) -> float:
    """Learning rate of a step: linear warm-up, half a cosine to zero, and the cool-down if there is one."""
    length = math.ceil(config.presentations / config.batch_size)
    warm = max(1, min(config.warmup // config.batch_size, length // 10))
    leave = length if config.cooldown_from is None else config.cooldown_from // config.batch_size
    on_curve = min(step, leave)
    if on_curve < warm:
        value = config.learning_rate * (on_curve + 1) / warm
    else:
        value = config.learning_rate * 0.5 * (1 + math.cos(math.pi * (on_curve - warm) / max(1, length - warm)))
    if step > leave:
        value *= max(0.0, (config.steps - step) / (config.steps - leave))
    return value


@torch.no_grad()
def predict(net: Network, flux: Tensor, batch: int = 1000) -> tuple[Tensor, Tensor]:
    """(log g, sigma), (n,) dex each, of normalised flux (n, pixels), wherever the network is."""
    was_training, device = net.training, net.scaler.mean.device
    net.eval()
    parts = [net.scaler.outputs(net(f.to(device))[0]) for f in flux.split(batch)]
    net.train(was_training)
    logg, sigma = (torch.cat([p[i] for p in parts]).to(flux.device) for i in (0, 1))
    return logg, sigma


@torch.no_grad()
def validate(net: Network, validation: Batch, config: TrainConfig) -> dict[str, float]:
    """val_loss (scaled units), val_r2 and val_mae (dex) on a fixed set."""
    logg, _ = predict(net, validation.flux)
    truth = validation.labels[:, 1]
    predicted, target = (net.scaler.targets(x.to(net.scaler.label.device)) for x in (logg, truth))
    point, _ = losses(torch.stack([predicted, torch.zeros_like(predicted)], 1), target, config)
    return {
        "val_loss": float(point),
        "val_r2": r2(truth.numpy(), logg.numpy()),
        "val_mae": float((logg - truth).abs().mean()),
    }


@contextmanager
def progress_bar(title: str, total: int, wanted: bool = True) -> Iterator[Any]:
    """Yields update(done, text); draws a bar on a terminal only, and only if it is wanted."""
    columns = ("{task.description}", BarColumn(), "{task.percentage:>3.0f}%", TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[text]}")) as bar:
        bar.disable = not (wanted and bar.console.is_terminal)
        task = bar.add_task(title, total=total, text="")
        yield lambda done, text: bar.update(task, completed=done, text=text)


class Trainer:
    """One network in training.

    Args:
        net: a module with ``scaler``, returning (raw (B, 2), activations) of flux (B, pixels).
        folder: where ``<name>.ckpt`` and ``<name>.jsonl`` go.
        place: device and processes; None: those of ``model.parallel.processes``, or else the best device alone.
    """

    def __init__(
        self,
        net: Network,
        simulator: Simulator,
        config: TrainConfig,
        validation: Batch,
        folder: Path,
        name: str,
        place: Place | None = None,
    ) -> None:
        self.place = place or here()
        self.rows = self.place.rows(config.batch_size)
        self.net, self.simulator, self.config, self.validation = net, simulator, config, validation
        self.net.to(self.place.device)
        self.model: nn.Module = net  # what a step calls; wrapped in ``run`` where there are several processes
        self.source: Simulator = moved(simulator, self.place.device)
        self.name = name
        self.path = folder / f"{name}.ckpt"
        self.log = folder / f"{name}.jsonl"
        decay: list[Tensor] = [p for p in net.parameters() if p.dim() > 1]
        rest: list[Tensor] = [p for p in net.parameters() if p.dim() <= 1]
        groups: list[dict[str, Any]] = [{"params": decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.step = 0
        self.seconds = 0.0
        self.running = torch.zeros(2, device=self.place.device)  # loss summed, and steps, since the last validation
        self.history: list[dict[str, float]] = []

    @cached_property
    def teacher(self) -> Teacher | None:
        """What posterior means come from; made when the first batch asks for it."""
        return moved(Teacher(self.simulator), self.place.device) if self.config.targets == "posterior" else None

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.path,
            {
                "net": self.net.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "running": self.running.cpu(),
                "history": self.history,
                "config": asdict(self.config),
            },
        )

    def resume(self) -> bool:
        """Continue from the checkpoint if there is one.

        Raises:
            BadInput: it is damaged, or belongs to another architecture or recipe.
        """
        if self.place.main:
            remove_leftovers(self.path)
        if not self.path.exists():
            return False
        state = load_checkpoint(self.path)
        found = asdict(TrainConfig(presentations=1)) | state.get("config", {})  # a field added later had its default
        leave = self.config.cooldown_from
        for key, value in asdict(self.config).items():
            # the past is the same under any cool-down that begins after it
            if key.startswith("cooldown") and (leave is None or state["step"] * self.config.batch_size <= leave):
                continue
            if found.get(key) != value:
                raise BadInput(
                    f"{self.path}: field config.{key} is {found.get(key)} but this run has {value}; "
                    "run with the same recipe, or delete the file to start afresh."
                )
        load_state(self.net, state["net"], self.path)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        self.running.copy_(state.get("running", torch.zeros(2)))
        if self.place.main:
            write_atomic(self.log, "".join(json.dumps(row) + "\n" for row in self.history).encode())
        return True

    def examples(self, step: int) -> tuple[Tensor, Tensor, Tensor | float]:
        """Flux (B, pixels), scaled target (B,) and its variance of this process's rows of batch ``step``."""
        c, source, device = self.config, self.source, self.place.device
        g = generator(c.seed, "train", step, device)
        labels = None
        if c.distinct is not None:
            labels = source.draw_distinct(c.batch_size, c.distinct, c.seed, g)
        if self.teacher is None:
            labels = source.draw_labels(c.batch_size, g) if labels is None else labels
            batch = source.observe(labels, source.draw_levels(c.batch_size, g), g, jitter=True, rows=self.rows)
            return batch.flux, self.net.scaler.targets(batch.labels[:, 1]), 0.0
        flux, mean, variance = self.teacher.examples(c.batch_size, g, labels, self.rows)
        return flux, self.net.scaler.targets(mean), variance / self.net.scaler.label[1] ** 2

    def train_step(self) -> Tensor:
        """One optimiser step on a fresh batch; returns the loss of the mean."""
        c = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, c)
        flux, target, variance = self.examples(self.step)
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=c.precision == "bfloat16"):
            raw, _ = self.model(flux)
        point, spread = losses(raw.float(), target, c, variance)
        self.optimiser.zero_grad()
        (point + 0.1 * spread).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), c.clip)
        self.optimiser.step()
        self.step += 1
        return point.detach()

    def run(self) -> None:
        """Train to the end, logging and saving on the way, then calibrate sigma; the network is left on the CPU."""
        c, place = self.config, self.place
        if not self.resume():
            self.net.start_from(fit_scaler(self.net, self.simulator, c.seed))
            if place.main:
                write_atomic(self.log, b"")
        place.check_agreement(self.step, self.path)
        if self.step < c.steps:
            inner: Any = torch.compile(self.net) if c.compile else self.net
            self.model = place.wrap(inner)
            self.net.train()
            with progress_bar(self.name, c.steps, place.main) as show:
                self._loop(show)
            place.share_buffers(self.net)
        self.net.eval().to("cpu")

    def _loop(self, show: Callable[[int, str], None]) -> None:
        """Steps up to the last; process 0 validates, logs and saves, and the others wait for it at the next step."""
        c, place = self.config, self.place
        started, before = place.clock(), self.seconds
        meter = Meter(self.net, place, c.precision)
        meter.start(self.step * c.batch_size)
        while self.step < c.steps:
            loss = self.train_step()
            self.running += torch.stack([loss, torch.ones_like(loss)])
            done = self.step == c.steps
            logs = done or self.step % max(1, c.log_every // c.batch_size) == 0
            saves = done or self.step % max(1, c.checkpoint_every // c.batch_size) == 0
            if logs or saves:
                self.running = place.mean(self.running)
                self.seconds = before + place.clock() - started
            if logs and place.main:
                speed = meter.stop(self.step * c.batch_size)
                if done:
                    calibrate(self.net, self.simulator, c.calibration)
                row = self._record(speed)
                show(self.step, f"val R2 {row['val_r2']:.4f}, {row['presentations'] / self.seconds:.0f}/s")
            if logs:
                self.running.zero_()
                meter.start(self.step * c.batch_size)
            if saves and place.main:
                self.save()

    def _record(self, speed: dict[str, float]) -> dict[str, float]:
        """Validate, and add a row to the history and to the log."""
        c = self.config
        row = {
            "presentations": self.step * c.batch_size,
            "seconds": round(self.seconds, 2),
            "learning_rate": rate(self.step - 1, c),
            "train_loss": float(self.running[0] / self.running[1]),
            **validate(self.net, self.validation, c),
            **speed,
        }
        self.history.append(row)
        with writing(self.log), self.log.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        return row


def curve(name: str, history: list[dict[str, float]]) -> Curve:
    """Training curve as the contract has it."""
    columns = {k: [row[k] for row in history] for k in Curve.model_fields if k != "model"}
    columns["presentations"] = [int(v) for v in columns["presentations"]]
    return Curve(model=name, **{k: v if k == "presentations" else [round(x, 6) for x in v] for k, v in columns.items()})
