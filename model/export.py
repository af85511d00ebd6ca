"""Evaluates trained runs and writes the results folder through the contract, all or nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from model import checkpoint, data, provenance
from model.baselines import Baseline
from model.evaluate import EvaluationSet, lamost_set, metric_rows, run_models, synthetic_set, timed
from model.examples import observed_stars, synthetic_stars
from model.instruments import ExposureNoise, Instrument
from model.interpolation import leave_one_out
from model.pipeline import TEST_LEVELS, Pipeline
from model.surveys import lamost
from model.train import Trainer, curve, predict
from model.vit import Network
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.io import replacing_folder
from site_builder.contract.schema import (
    ContractFile,
    HistoryFile,
    Index,
    IndexEntry,
    InstrumentFile,
    InterpolationFile,
    MetricsFile,
    ModelInfo,
    PredictionsFile,
    Provenance,
    RunFile,
    Training,
    VitShape,
)

SPECVIT = "specvit"


def _floats(values: np.ndarray | Tensor, digits: int = 6) -> list[float]:
    return [float(v) for v in np.round(np.asarray(values, np.float64), digits)]


def instrument_file(instrument: Instrument, stamp: Provenance) -> InstrumentFile:
    """Wavelengths and noise model of an instrument."""
    n = instrument.noise if isinstance(instrument.noise, ExposureNoise) else None
    return InstrumentFile(
        provenance=stamp,
        name=instrument.name,
        title=instrument.title,
        wave=instrument.wave_axis,
        resolution=instrument.resolution,
        resolution_note=instrument.resolution_note,
        magnitude_zero=n.magnitude_zero if n else None,
        n_exposures=n.n_exposures if n else None,
        exposure_s=n.exposure_s if n else None,
        signal_e=_floats(n.signal_e, 3) if n else None,
        background_e2=_floats(n.background_e2, 3) if n else None,
        sky_e=_floats(n.sky_e, 3) if n else None,
        source=instrument.source,
        normalisation="median" if instrument.continuum_degree is None else "continuum",
        masked=list(instrument.masked_bands),
    )


def _count(n: int) -> str:
    """A count for readers, in groups of three."""
    return f"{n:,}".replace(",", "\u202f")


def _recipe(trainer: Trainer) -> Training:
    c = trainer.config
    schedule = f"linear warm-up, cosine of {_count(c.presentations)} presentations"
    if c.cooldown_from is not None:
        schedule += f", from {_count(c.cooldown_from)} linear to 0 over {_count(c.cooldown)}"
    return Training(
        optimizer="AdamW",
        learning_rate=c.learning_rate,
        schedule=schedule,
        warmup=c.warmup,
        weight_decay=c.weight_decay,
        batch_size=c.batch_size,
        presentations=trainer.step * c.batch_size,
        loss=f"Huber (delta {c.huber_delta:g})" if c.loss == "huber" else "mean squared error",
        precision="float32",
        seconds=round(trainer.seconds, 1),
    )


class RunExport:
    """Everything that one run exports.

    Args:
        pipeline: a run whose stages are trained (missing ones are trained now).
        root: results folder being written.
    """

    def __init__(self, pipeline: Pipeline, root: Path) -> None:
        self.pipeline, self.root = pipeline, root
        self.config = pipeline.config
        self.net, self.trainer = pipeline.specvit()
        self.mlp, self.mlp_trainer = pipeline.mlp()
        self.ridge, self.ridge_seconds = pipeline.ridge()
        self.boosting, self.boosting_seconds = pipeline.boosting()
        self.networks: dict[str, Network] = {SPECVIT: self.net, "mlp": self.mlp}
        self.baselines: dict[str, Baseline] = {"lightgbm": self.boosting, "ridge": self.ridge}
        observed = {}
        if self.config.instrument == "lamost" and lamost.available():
            observed[lamost.FILE] = data.sha256(lamost.observed_folder() / lamost.FILE)
        self.stamp = provenance.provenance(self.config, observed)
        self.entries: list[IndexEntry] = []

    def write(self, path: str, content: ContractFile) -> None:
        """Write one file of the run and remember it for the index."""
        self.entries.append(write_file(self.root, path, content))

    def sets(self) -> list[EvaluationSet]:
        """The sets this run is judged on."""
        c, simulator = self.config, self.pipeline.simulator
        levels = TEST_LEVELS[c.instrument]
        title = "Synthetic test set"
        sets = [synthetic_set(simulator, "test", title, c.test_spectra, levels, 0.5)]
        if c.instrument == "pfs-mr":
            wide = "Synthetic set over the whole range of magnitudes"
            sets.append(synthetic_set(simulator, "snr-curve", wide, c.curve_spectra, None, 0.25))
        elif lamost.available():
            sets.append(lamost_set(simulator))
        return sets

    def models(self, flux: Tensor) -> list[ModelInfo]:
        """Each model with its cost; inference is timed now on ``flux``."""
        v = self.config.vit

        def info(name: str, title: str, family: str, text: str, seconds: float, once: Callable[[Tensor], object],
                 parameters: int, shown: int, recipe: Training | None) -> ModelInfo:  # fmt: skip
            return ModelInfo(
                name=name,
                title=title,
                family=family,
                description=text,
                n_parameters=parameters,
                n_spectra=shown,
                train_seconds=round(seconds, 1),
                inference_ms_1=round(timed(once, flux, 1), 5),
                inference_ms_256=round(timed(once, flux, 256), 5),
                has_sigma=recipe is not None,
                training=recipe,
            )

        def network(name: str, title: str, family: str, text: str, trainer: Trainer) -> ModelInfo:
            recipe = _recipe(trainer)
            count = sum(p.numel() for p in trainer.net.parameters())
            return info(
                name, title, family, text, trainer.seconds, lambda f: predict(trainer.net, f), count,
                recipe.presentations, recipe,
            )  # fmt: skip

        embedding = "one embedding matrix per patch" if v.embedding == "per-position" else "one shared filter bank"
        start = ", started from principal components" if v.embedding_init == "pca" else ""
        suffix = self.config.preset.removeprefix("specvit-").capitalize()
        vit_text = (
            f"{v.n_patches} patches of {v.patch_size} pixels ({embedding}{start}), {v.depth} layers, "
            f"{v.heads} heads, width {v.width}"
        )
        hidden = "-".join(str(h) for h in (v.n_pixels, *self.config.mlp_hidden, 1))
        ridge, trees = self.ridge, self.boosting
        return [
            network(SPECVIT, f"SpecViT-{suffix}", "specvit", vit_text, self.trainer),
            network("mlp", "MLP", "mlp", f"multilayer perceptron {hidden}, same input and loss", self.mlp_trainer),
            info("lightgbm", "LightGBM", "lightgbm", trees.description, self.boosting_seconds, trees.predict,
                 trees.n_parameters, trees.n_spectra, None),
            info("ridge", "Ridge", "ridge", ridge.description, self.ridge_seconds, ridge.predict,
                 ridge.n_parameters, ridge.n_spectra, None),
        ]  # fmt: skip

    def export(self) -> list[IndexEntry]:
        """Evaluate, write every file of the run, and return their index entries."""
        c, base = self.config, f"runs/{self.config.run_id}"
        simulator = self.pipeline.simulator
        shared = f"instruments/{c.instrument}.json"
        if not (self.root / shared).exists():  # runs of several presets may share an instrument
            self.write(shared, instrument_file(simulator.instrument, self.stamp))
        sets = self.sets()
        order = [*self.networks, *self.baselines]
        for e in sets:
            run_models(e, self.networks, self.baselines)
            self._write_set(base, e, order)
        self.write(f"{base}/history.json", self._history())
        stars = []
        if c.instrument == "pfs-mr":
            stars = synthetic_stars(simulator, self.net, c.examples, c.noise_seeds, self.stamp)
        elif sets[-1].info.origin == "observed":
            stars = observed_stars(simulator, self.net, sets[-1], SPECVIT, self.stamp)
        for star in stars:
            self.write(f"{base}/examples/{star.example.id}.json", star.example)
            self.write(f"{base}/attention/{star.example.id}.json", star.attention)
        self.write(f"{base}/run.json", self._run(sets))
        return self.entries

    def _write_set(self, base: str, e: EvaluationSet, order: list[str]) -> None:
        name = e.info.name
        rows = metric_rows(e, self.config.bootstrap, order)
        self.write(
            f"{base}/metrics.{name}.json",
            MetricsFile(provenance=self.stamp, set=name, bootstrap=self.config.bootstrap, rows=rows),
        )
        columns = {"logg": e.logg, "teff": e.teff, "mh": e.mh, "snr": e.snr}
        self.write(
            f"{base}/predictions.{name}.json",
            PredictionsFile(
                provenance=self.stamp,
                set=name,
                id=e.id,
                magnitude=None if e.levels is None else _floats(e.levels),
                predicted={m: _floats(e.predicted[m]) for m in order},
                sigma={m: _floats(v) for m, v in e.sigma.items()},
                **{k: _floats(v) for k, v in columns.items()},
            ),
        )

    def _history(self) -> HistoryFile:
        curves = [curve(SPECVIT, self.trainer.history), curve("mlp", self.mlp_trainer.history)]
        return HistoryFile(provenance=self.stamp, val_n=self.config.validation_spectra, curves=curves)

    def _run(self, sets: list[EvaluationSet]) -> RunFile:
        c, v = self.config, self.config.vit
        return RunFile(
            provenance=self.stamp,
            title=f"{c.preset} on {self.pipeline.simulator.instrument.title}",
            preset=c.preset,
            instrument=c.instrument,
            prior=self.pipeline.simulator.prior,
            vit=VitShape(
                n_pixels=v.n_pixels,
                patch_size=v.patch_size,
                n_patches=v.n_patches,
                width=v.width,
                depth=v.depth,
                heads=v.heads,
                embedding=v.embedding,
                embedding_init=v.embedding_init,
                pool=v.pool,
            ),
            sets=[e.info for e in sets],
            models=self.models(sets[0].flux),
            config=provenance.flat(c) | self.pipeline.stage_notes(),
        )


def check_results_folder(out: Path) -> None:
    """Refuse to replace a folder that holds something else than results.

    Raises:
        BadInput: one sentence that names the folder and the mend.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "index.json").exists())):
        raise BadInput(f"--out {out} holds something else than results; give an empty or a new folder.")


def export(pipelines: list[Pipeline], out: Path, weights: Path | None = None) -> None:
    """Export runs to ``out`` (replaced as a whole) and, if given, weights into the folder ``weights``.

    Raises:
        BadInput: ``out`` holds something else than results, or cannot be written.
    """
    check_results_folder(out)
    with replacing_folder(out) as temp:
        runs = [RunExport(p, temp) for p in pipelines]
        entries = [e for run in runs for e in run.export()]
        first = runs[0]
        axes = leave_one_out(first.pipeline.simulator.grid)
        interpolation = InterpolationFile(provenance=first.stamp, instrument=first.config.instrument, axes=axes)
        entries.append(write_file(temp, "interpolation.json", interpolation))
        entries.sort(key=lambda e: e.path)
        write_index(temp, Index(main_run=first.config.run_id, files=entries))
    if weights is None:
        return
    for run in runs:
        c = run.config
        checkpoint.save_weights(
            weights / f"{c.run_id}.safetensors",
            run.net,
            {"instrument": c.instrument, "prior": run.pipeline.simulator.prior.model_dump(),
             "provenance": run.stamp.model_dump()},
        )  # fmt: skip
