"""The stages of a run: train SpecViT, train and fit the baselines. Each is resumed or skipped when done."""

import json
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from model import provenance
from model.baselines import cnn, mlp
from model.baselines.boosting import Boosting
from model.baselines.ridge import Ridge
from model.baselines.template import Template
from model.checkpoint import load_checkpoint
from model.config import RunConfig
from model.limits import Abundances, Limits, method_checks, prepare
from model.posterior import Compressed
from model.simulator import Batch, Simulator, fixed_set
from model.train import TrainConfig, Trainer, fit_scaler
from model.vit import Network, Scaler, SpecViT
from site_builder.contract import BadInput
from site_builder.contract.io import dumps, write_atomic
from site_builder.contract.schema import SelfCheck

# magnitudes that the main experiment is judged on, narrower than those trained on (DESIGN: 20.5 to 22.5)
TEST_LEVELS = {"pfs-mr": (20.5, 22.5), "lamost": None}


@dataclass
class Pipeline:
    """One run in its folder.

    Attributes:
        config: what to do.
        folder: where checkpoints and logs go; a second call continues there.
    """

    config: RunConfig
    folder: Path

    @cached_property
    def simulator(self) -> Simulator:
        """Simulator of the run's instrument."""
        return Simulator.of(self.config.instrument)

    @cached_property
    def limit_tools(self) -> tuple[Compressed, Abundances]:
        """Likelihood and abundance derivatives that the limits of every set share."""
        return prepare(self.simulator)

    @cached_property
    def limit_checks(self) -> list[SelfCheck]:
        """Checks of the method that limits are computed by."""
        return method_checks(self.simulator, self.limit_tools[0], self.config.scale_down)

    def limits(self, name: str, batch: Batch) -> Limits:
        """The limits of a set, computed once and kept."""
        path = self.folder / f"limits.{name}.npz"
        if not path.exists():
            found = Limits.of(self.simulator, batch, *self.limit_tools)
            found.save(path)
            self.note(f"limits-{name}", found.seconds)
        return Limits.load(path)

    @cached_property
    def validation(self) -> Batch:
        """Fixed validation set."""
        return fixed_set(
            self.simulator, self.config.validation_spectra, "validation", TEST_LEVELS[self.config.instrument]
        )

    def note(self, name: str, seconds: float) -> None:
        """Remember what code made a stage, and how long it took."""
        commit, dirty = provenance.commit()
        note = {"commit": commit, "dirty": dirty, "seconds": round(seconds, 2)}
        write_atomic(self.folder / f"{name}.stage.json", dumps(note))

    def _trained(self, net: Network, training: TrainConfig, name: str) -> Trainer:
        """Train a network to the end, or load it."""
        trainer = Trainer(net, self.simulator, training, self.validation, self.folder, name)
        if not trainer.path.exists():
            self.note(name, 0)
        trainer.run()
        net.eval()
        return trainer

    def specvit(self) -> tuple[SpecViT, Trainer]:
        """The trained SpecViT (trained now, continued, or loaded)."""
        torch.manual_seed(self.config.seed)
        net = SpecViT(self.config.vit)
        return net, self._trained(net, self.config.training, "specvit")

    def mlp(self) -> tuple[mlp.MLP, Trainer]:
        """The trained MLP."""
        net = mlp.build(self.config.vit.n_pixels, self.config.mlp_hidden, self.config.seed)
        return net, self._trained(net, self.config.mlp_training, "mlp")

    def cnn(self) -> tuple[cnn.CNN, Trainer]:
        """The trained CNN."""
        net = cnn.build(self.config.vit.n_pixels, self.config.seed)
        return net, self._trained(net, self.config.cnn_training, "cnn")

    def published(self) -> tuple[SpecViT, Trainer] | None:
        """A SpecViT of the run's size, trained by the published recipe, if the run has one."""
        if self.config.published is None:
            return None
        torch.manual_seed(self.config.seed)
        net = SpecViT(replace(self.config.vit, embedding="shared", embedding_init="random"))
        return net, self._trained(net, self.config.published, "published")

    def template(self) -> Template | None:
        """Template fitting, where spectra have magnitudes; nothing is trained."""
        return Template(self.simulator) if self.simulator.prior.magnitude else None

    @cached_property
    def scaler(self) -> Scaler:
        """Input scaling for the baselines that are not networks: the same as the networks'."""
        holder = Network()
        holder.scaler = Scaler(self.config.vit.n_pixels)
        fit_scaler(holder, self.simulator, self.config.seed)
        return holder.scaler

    def ridge(self) -> tuple[Ridge, float]:
        """Fitted Ridge and the seconds that fitting took."""
        path = self.folder / "ridge.npz"
        if not path.exists():
            started = time.perf_counter()
            c = self.config
            Ridge.fit(self.simulator, self.scaler, self.validation, c.ridge_spectra, c.seed).save(path)
            self.note("ridge", time.perf_counter() - started)
        return Ridge.load(path, self.scaler), self._seconds("ridge")

    def boosting(self) -> tuple[Boosting, float]:
        """Fitted LightGBM and the seconds that fitting took."""
        path = self.folder / "lightgbm.txt"
        if not path.exists():
            started = time.perf_counter()
            c = self.config
            Boosting.fit(self.simulator, self.scaler, self.validation, c.boosting_spectra, c.seed).save(path)
            self.note("lightgbm", time.perf_counter() - started)
        return Boosting.load(path, self.simulator, self.scaler, self.config.seed), self._seconds("lightgbm")

    def _read_note(self, name: str) -> dict[str, str | bool | float]:
        return dict(json.loads((self.folder / f"{name}.stage.json").read_bytes()))

    def _seconds(self, name: str) -> float:
        return float(self._read_note(name)["seconds"])

    @property
    def networks(self) -> dict[str, TrainConfig]:
        """Recipes of the networks of this run, by stage."""
        c = self.config
        found = {"specvit": c.training, "mlp": c.mlp_training, "cnn": c.cnn_training}
        return found | ({"published": c.published} if c.published else {})

    def stage_notes(self) -> dict[str, str | bool]:
        """The commit that each stage and study was made by, as ``commit.<stage>``."""
        notes: dict[str, str | bool] = {}
        for path in sorted(self.folder.glob("*.stage.json")):
            name = path.name.removesuffix(".stage.json")
            note = self._read_note(name)
            notes[f"commit.{name}"] = f"{note['commit']}{' with changes' if note['dirty'] else ''}"
        return notes

    def check_trained(self) -> None:
        """Refuse a run that is not trained to the end.

        Raises:
            BadInput: one sentence that names the file that is missing or behind, and the command to give.
        """
        mend = f"python -m model train --preset {self.config.preset} --instrument {self.config.instrument}"
        for name in ("ridge.npz", "lightgbm.txt", *(f"{name}.ckpt" for name in self.networks)):
            if not (self.folder / name).exists():
                raise BadInput(f"{self.folder / name} is not there; train the run with {mend}.")
        for name, training in self.networks.items():
            path = self.folder / f"{name}.ckpt"
            step = load_checkpoint(path)["step"]
            if step < training.steps:
                raise BadInput(f"{path}: field step is {step} of {training.steps}; train on with {mend}.")

    def fit_all(self) -> None:
        """Every stage, cheapest first where nothing depends on the order."""
        self.ridge()
        self.boosting()
        self.mlp()
        self.cnn()
        self.published()
        self.specvit()


def smaller(config: RunConfig, factor: int) -> RunConfig:
    """The same run with every count divided by ``factor`` (tests)."""

    def cut(value: int, least: int) -> int:
        return max(least, value // factor)

    def shorter(t: TrainConfig) -> TrainConfig:
        return replace(
            t,
            presentations=cut(t.presentations, 2 * t.batch_size),
            log_every=cut(t.log_every, t.batch_size),
            checkpoint_every=cut(t.checkpoint_every, t.batch_size),
            calibration=cut(t.calibration, 500),
        )

    return replace(
        config,
        scale_down=factor,
        training=shorter(config.training),
        mlp_training=shorter(config.mlp_training),
        cnn_training=shorter(config.cnn_training),
        published=None if config.published is None else shorter(config.published),
        ridge_spectra=cut(config.ridge_spectra, 500),
        boosting_spectra=cut(config.boosting_spectra, 500),
        validation_spectra=cut(config.validation_spectra, 200),
        test_spectra=cut(config.test_spectra, 300),
        curve_spectra=cut(config.curve_spectra, 40),
        bootstrap=cut(config.bootstrap, 50),
    )
