"""Trainings that answer one question each: how many spectra are enough, and which choices matter.

A study is many short trainings. Each writes one small JSON file when it is done, so that a study that was stopped
goes on where it stood, and the export reads what is there.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.baselines import Baseline, cnn, mlp
from model.baselines.boosting import Boosting
from model.baselines.ridge import Ridge
from model.metrics import NAMES, bootstrap
from model.pipeline import TEST_LEVELS, Pipeline
from model.simulator import Batch, fixed_set
from model.train import TrainConfig, Trainer, predict
from model.vit import Network, SpecViT, VitConfig
from site_builder.contract.io import dumps, write_atomic
from site_builder.contract.schema import AblationRow, Interval, ScalingPoint

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CNN_SIZES = (1_000, 10_000)  # it learns slowly: only where the question is how few spectra are enough
# networks see every set of labels with fresh noise until they have seen so many spectra
SCALING_SHOWN = {"specvit": 128_000, "mlp": 256_000, "cnn": 128_000}
FITTED_AT_LEAST = 100_000  # noisy copies are added for LightGBM and Ridge up to so many spectra
ABLATION = TrainConfig(
    presentations=38_400,
    learning_rate=1e-3,
    warmup=6_400,
    loss="mse",
    targets="posterior",
    precision="bfloat16",
    log_every=10**9,
    checkpoint_every=10**9,
    calibration=2_000,
)
BRIGHT, FAINT = (20.5, 21.0), (22.0, 22.5)


def interval(truth: np.ndarray, predicted: np.ndarray, metric: str, resamples: int) -> Interval:
    """One metric with its bootstrap interval."""
    value, lo, hi = bootstrap(truth, predicted, resamples)[:, NAMES.index(metric)].round(6).tolist()
    return Interval(value=value, lo=lo, hi=hi)


@dataclass
class Study:
    """The studies of one run, in its folder.

    Attributes:
        pipeline: the run, whose network, simulator and test set are used.
        cut: divide every number of spectra by this (tests).
    """

    pipeline: Pipeline
    cut: int = 1

    @property
    def folder(self) -> Path:
        """Where finished trainings are noted."""
        return self.pipeline.folder / "studies"

    def test(self) -> Batch:
        """The test set that everything is judged on."""
        c = self.pipeline.config
        return fixed_set(self.pipeline.simulator, c.test_spectra, "test", TEST_LEVELS[c.instrument])

    def read(self, kind: str) -> list[dict[str, Any]]:
        """Finished trainings of a study, in the order of their names."""
        return [json.loads(p.read_bytes()) for p in sorted((self.folder / kind).glob("*.json"))]

    def _once(self, kind: str, name: str, make: Callable[[], dict[str, Any]]) -> None:
        path = self.folder / kind / f"{name}.json"
        if not path.exists():
            row = make()
            write_atomic(path, dumps(row))
            self.pipeline.note(kind, sum(float(r["seconds"]) for r in self.read(kind)))
            print(f"{kind} {name}: R2 {row['r2']['value']:.4f}, {row['seconds']:.0f} s", flush=True)

    def _train(self, net: Network, config: TrainConfig, name: str) -> Trainer:
        """Train without a checkpoint of its own: a study's trainings are short."""
        folder = self.folder / "logs"
        trainer = Trainer(net, self.pipeline.simulator, config, self.pipeline.validation, folder, name)
        trainer.path.unlink(missing_ok=True)
        trainer.run()
        trainer.path.unlink(missing_ok=True)
        return trainer

    # scaling

    def scaling(self) -> None:
        """Every model on 1000 to a million distinct spectra, labels as targets."""
        test = self.test()
        for n in (max(50, size // self.cut) for size in SIZES):
            for model in (*SCALING_SHOWN, "ridge", "lightgbm"):
                if model == "cnn" and n * self.cut not in CNN_SIZES:
                    continue
                self._once("scaling", f"{n:07d}-{model}", lambda m=model, n=n: self._scaling_point(m, n, test))  # type: ignore[misc]

    def _scaling_point(self, model: str, n: int, test: Batch) -> dict[str, Any]:
        c, simulator = self.pipeline.config, self.pipeline.simulator
        started = time.perf_counter()
        if model in SCALING_SHOWN:
            shown = max(256, SCALING_SHOWN[model] // self.cut)
            torch.manual_seed(c.seed)
            net: Network = {
                "specvit": lambda: SpecViT(c.vit),
                "mlp": lambda: mlp.build(c.vit.n_pixels, c.mlp_hidden, c.seed),
                "cnn": lambda: cnn.build(c.vit.n_pixels, c.seed),
            }[model]()
            config = replace(
                ABLATION, targets="label", presentations=shown, distinct=n, seed=c.seed, warmup=12_800,
                calibration=max(500, 2000 // self.cut),
            )  # fmt: skip
            self._train(net, config, f"scaling-{model}-{n}")
            answer = predict(net, test.flux)[0].double().numpy()
        else:
            shown = max(n, FITTED_AT_LEAST // self.cut)
            fit: Callable[..., Baseline] = Ridge.fit if model == "ridge" else Boosting.fit
            fitted = fit(simulator, self.pipeline.scaler, self.pipeline.validation, shown, c.seed, distinct=n)
            answer = fitted.predict(test.flux)
        truth = test.labels[:, 1].double().numpy()
        seconds = round(time.perf_counter() - started, 1)
        point = ScalingPoint(
            model=model,
            n_spectra=n,
            presentations=shown,
            r2=interval(truth, answer, "r2", c.bootstrap),
            mae=interval(truth, answer, "mae", c.bootstrap),
            seconds=seconds,
        )
        return point.model_dump()

    def recipes(self) -> dict[str, str]:
        """How each model of the scaling study was trained."""
        network = (
            "AdamW at {rate:g}, cosine, squared error on the labels, {n} presentations, noise drawn afresh each time"
        )
        texts = {
            name: network.format(rate=ABLATION.learning_rate, n=shown // self.cut)
            for name, shown in SCALING_SHOWN.items()
        }
        least = FITTED_AT_LEAST // self.cut
        copies = f"on at least {least} noisy spectra (copies with fresh noise where there are fewer)"
        return texts | {
            "ridge": f"principal components and products of the first of them, penalty chosen on validation, {copies}",
            "lightgbm": f"principal components and block means of the pixels, stopped early on validation, {copies}",
        }

    # ablations

    def base_text(self) -> str:
        """The base of the ablations in words."""
        v, t = self.variants()[0][3:5]
        return (
            f"{v.n_patches} patches of {v.patch_size} pixels, one embedding matrix per patch started from principal "
            f"components, {v.depth} layers, {v.heads} heads, width {v.width}; trained on posterior means, squared "
            f"error, AdamW at {t.learning_rate:g}, {t.presentations} presentations"
        )

    def variants(self) -> list[tuple[str, str, bool, VitConfig, TrainConfig, bool]]:
        """(group, value, is the base, shape, recipe, raw input) of every training; one choice differs from the base."""
        c = self.pipeline.config
        base = replace(c.vit, patch_size=64, width=64, depth=2, heads=4)
        recipe = replace(ABLATION, seed=c.seed, presentations=max(256, ABLATION.presentations // self.cut),
                         calibration=max(500, 2000 // self.cut))  # fmt: skip
        out: list[tuple[str, str, bool, VitConfig, TrainConfig, bool]] = []

        def add(group: str, value: str, is_base: bool = False, vit: dict[str, Any] | None = None,
                training: dict[str, Any] | None = None, raw: bool = False) -> None:  # fmt: skip
            shape, own = replace(base, **(vit or {})), replace(recipe, **(training or {}))
            out.append((group, value, is_base, shape, own, raw))

        add("Embedding", "one matrix per patch, from principal components", True)
        add("Embedding", "one matrix per patch, random start", vit={"embedding_init": "random"})
        add("Embedding", "one filter bank for all (Conv1D)", vit={"embedding": "shared", "embedding_init": "random"})
        for size in (8, 16, 32, 64, 128, 256):
            add("Patch size", f"{size} pixels", size == 64, {"patch_size": size})
        for depth in (1, 2, 4):
            add("Depth", f"{depth} layer{'' if depth == 1 else 's'}", depth == 2, {"depth": depth})
        add("Positions", "learned", True)
        add("Positions", "none", vit={"positions": False})
        add("Head reads", "the CLS token", True)
        add("Head reads", "the mean of all tokens", vit={"pool": "mean"})
        add("Input", "in units of the noise", True)
        add("Input", "flux minus 1", raw=True)
        add("Target", "posterior mean, squared error", True)
        add("Target", "label, squared error", training={"targets": "label"})
        add("Target", "label, Huber 0.5", training={"targets": "label", "loss": "huber"})
        add("Learning rate", "0.001", True)
        add("Learning rate", "0.0003", training={"learning_rate": 3e-4})
        add("Learning rate", "0.003", training={"learning_rate": 3e-3})
        return out

    def ablations(self) -> None:
        """One choice changed at a time, at an equal number of presentations."""
        test = self.test()
        done: dict[str, dict[str, Any]] = {}
        for i, variant in enumerate(self.variants()):
            group, value, is_base, vit, training, raw = variant

            def make(v: VitConfig = vit, t: TrainConfig = training, raw: bool = raw, base: bool = is_base,
                     group: str = group, value: str = value) -> dict[str, Any]:  # fmt: skip
                if base and "base" in done:
                    return done["base"] | {"group": group, "value": value}
                return self._ablation(group, value, base, v, t, raw, test)

            self._once("ablations", f"{i:02d}", make)
            if is_base:
                done["base"] = json.loads((self.folder / "ablations" / f"{i:02d}.json").read_bytes())

    def _ablation(self, group: str, value: str, base: bool, vit: VitConfig, training: TrainConfig, raw: bool,
                  test: Batch) -> dict[str, Any]:  # fmt: skip
        c = self.pipeline.config
        torch.manual_seed(c.seed)
        net = RawInput(vit) if raw else SpecViT(vit)
        trainer = self._train(net, training, f"ablation-{group}-{value}".replace(" ", "-").replace("/", "-"))
        answer = predict(net, test.flux)[0].double().numpy()
        truth, level = test.labels[:, 1].double().numpy(), test.level.numpy()

        def within(edges: tuple[float, float]) -> Interval:
            inside = (level >= edges[0]) & (level < edges[1])
            return interval(truth[inside], answer[inside], "r2", c.bootstrap)

        row = AblationRow(
            group=group,
            value=value,
            base=base,
            n_parameters=sum(p.numel() for p in net.parameters()),
            presentations=trainer.step * training.batch_size,
            seconds=round(trainer.seconds, 1),
            r2=interval(truth, answer, "r2", c.bootstrap),
            r2_bright=within(BRIGHT),
            r2_faint=within(FAINT),
        )
        return row.model_dump()


class RawInput(SpecViT):
    """A SpecViT whose input is the flux minus 1, not scaled by the noise: for the ablation alone."""

    def start_from(self, x: torch.Tensor) -> None:
        """Start as usual, then take the scaling back out of input and embedding."""
        super().start_from(x)
        c = self.config
        sigma = self.scaler.sigma.view(c.n_patches, c.patch_size, 1)
        with torch.no_grad():
            if c.embedding_init == "pca":
                self.embedding.weight.div_(sigma)
        self.scaler.mean.fill_(1.0)
        self.scaler.sigma.fill_(1.0)
