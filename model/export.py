"""Evaluates trained runs and writes the results folder through the contract, all or nothing."""

from pathlib import Path

import numpy as np
from torch import Tensor

from model import checkpoint, data, pairs, portable, provenance
from model.baselines import Baseline
from model.evaluate import (
    EvaluationSet,
    curve_set,
    lamost_set,
    metric_rows,
    pit_rows,
    run_models,
    slices,
    synthetic_set,
    timed,
)
from model.examples import observed_stars, synthetic_stars
from model.instruments import ExposureNoise, Instrument
from model.interpolation import leave_one_out
from model.limits import limits_file, prior_sd, set_checks
from model.pipeline import TEST_LEVELS, Pipeline
from model.stress import stress
from model.studies import Study
from model.surveys import lamost
from model.train import Trainer, curve, predict
from model.vit import Network, Scaler, SpecViT, VitConfig
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_index, take_over
from site_builder.contract.schema import (
    AblationRow,
    AblationsFile,
    CalibrationFile,
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
    ScalingFile,
    ScalingPoint,
    StressFile,
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
        loss=(f"Huber, delta {c.huber_delta:g}" if c.loss == "huber" else "mean squared error")
        + (" from the posterior mean" if c.targets == "posterior" else " from the label"),
        precision="float32" if c.precision == "float32" else "bfloat16 products, float32 weights",
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
        self.net, trainer = pipeline.specvit()
        self.trainers: dict[str, Trainer] = {SPECVIT: trainer, "mlp": pipeline.mlp()[1], "cnn": pipeline.cnn()[1]}
        published = pipeline.published()
        if published is not None:
            self.trainers["published"] = published[1]
        self.networks: dict[str, Network] = {name: t.net for name, t in self.trainers.items()}
        self.ridge, self.ridge_seconds = pipeline.ridge()
        self.boosting, self.boosting_seconds = pipeline.boosting()
        self.baselines: dict[str, Baseline] = {"lightgbm": self.boosting, "ridge": self.ridge}
        self.template = pipeline.template()
        if self.template is not None:
            self.baselines["template"] = self.template
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
            sets.append(curve_set(simulator, "snr-curve", "Synthetic set at fixed magnitudes", c.curve_spectra))
        elif lamost.available():
            sets.append(lamost_set(simulator))
        return sets

    def models(self, flux: Tensor, level: Tensor | None) -> list[ModelInfo]:
        """Each model with its cost; inference is timed now on ``flux``."""
        texts = self._texts()
        titles = {
            "mlp": "MLP",
            "cnn": "CNN",
            "published": "SpecViT, published recipe",
            "lightgbm": "LightGBM",
            "ridge": "Ridge",
            "template": "Template fit",
        }
        titles[SPECVIT] = f"SpecViT-{self.config.preset.removeprefix('specvit-').capitalize()}"
        seconds = {"lightgbm": self.boosting_seconds, "ridge": self.ridge_seconds}
        seconds |= {name: t.seconds for name, t in self.trainers.items()}
        found = []
        for name in (*self.networks, *self.baselines):
            trainer, baseline = self.trainers.get(name), self.baselines.get(name)
            recipe = None if trainer is None else _recipe(trainer)

            def once(x: Tensor, name: str = name) -> object:
                part = None if level is None else level[: len(x)]
                net = self.networks.get(name)
                return predict(net, x) if net is not None else self.baselines[name].predict(x, part)

            if baseline is not None:
                parameters, shown = baseline.n_parameters, baseline.n_spectra
            else:
                assert recipe is not None
                parameters = sum(p.numel() for p in self.networks[name].parameters())
                shown = recipe.presentations
            found.append(
                ModelInfo(
                    name=name,
                    title=titles[name],
                    family=name,
                    description=texts[name],
                    n_parameters=parameters,
                    n_spectra=shown,
                    train_seconds=round(seconds.get(name, 0.0), 1),
                    inference_ms_1=round(timed(once, flux, 1), 5),
                    inference_ms_256=round(timed(once, flux, 256), 5),
                    has_sigma=recipe is not None,
                    training=recipe,
                )
            )
        return found

    def _texts(self) -> dict[str, str]:
        """A sentence on each model."""

        def shape(v: VitConfig) -> str:
            embedding = "one embedding matrix per patch" if v.embedding == "per-position" else "one shared filter bank"
            start = ", started from principal components" if v.embedding_init == "pca" else ""
            return (
                f"{v.n_patches} patches of {v.patch_size} pixels ({embedding}{start}), {v.depth} layers, "
                f"{v.heads} heads, width {v.width}"
            )

        hidden = "-".join(str(h) for h in (self.config.vit.n_pixels, *self.config.mlp_hidden, 1))
        texts = {
            SPECVIT: shape(self.net.config),
            "mlp": f"multilayer perceptron {hidden}, same input, targets and loss",
            "cnn": "1-D convolutional network StarNet (Fabbro et al. 2018), same input, targets and loss",
        }
        published = self.networks.get("published")
        if isinstance(published, SpecViT):
            texts["published"] = f"{shape(published.config)}; {self.config.published_recipe}"
        return texts | {name: b.description for name, b in self.baselines.items()}

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
            self._write_limits(base, e)
        self.write(f"{base}/history.json", self._history())
        stars = []
        if c.instrument == "pfs-mr":
            stars = synthetic_stars(
                simulator, self.net, c.examples, c.noise_seeds, self.stamp, self.pipeline.limit_tools
            )
        elif sets[-1].info.origin == "observed":
            stars = observed_stars(simulator, self.net, sets[-1], SPECVIT, self.stamp)
        for star in stars:
            self.write(f"{base}/examples/{star.example.id}.json", star.example)
            self.write(f"{base}/attention/{star.example.id}.json", star.attention)
        self._write_studies(base, sets[0].info.name)
        self.write(f"{base}/run.json", self._run(sets))
        return self.entries

    def _write_limits(self, base: str, e: EvaluationSet) -> None:
        """The limits of a synthetic set with magnitudes, and how well the networks' intervals hold on any set."""
        name = e.info.name
        method = (
            "sigma is the 68.27 % quantile of the error given the last layer's input and the noise level (quantile "
            f"regression); it and half95 are then corrected in {Scaler.KNOTS} groups of equal sigma, all measured on "
            f"{self.config.training.calibration} spectra of a stream of their own"
        )
        self.write(
            f"{base}/calibration.{name}.json",
            CalibrationFile(provenance=self.stamp, set=name, method=method, rows=pit_rows(e)),
        )
        if e.batch is None or e.levels is None:
            return
        limits = self.pipeline.limits(name, e.batch)
        simulator = self.pipeline.simulator
        bins = [(k, label, m) for k, label, _, _, m in slices(e) if k in ("all", "magnitude")]
        self_checks = set_checks(limits, e.logg) + self.pipeline.limit_checks
        self.write(
            f"{base}/limits.{name}.json",
            limits_file(limits, name, self.stamp, e.logg, e.snr, bins, e.predicted, prior_sd(simulator),
                        self_checks, self.config.bootstrap),
        )  # fmt: skip

    def _write_studies(self, base: str, name: str) -> None:
        """What studies of the run have been made; stress tests are made now."""
        study = Study(self.pipeline)
        known = {*self.networks, *self.baselines}
        points = [ScalingPoint(**row) for row in study.read("scaling") if row["model"] in known]
        if points:
            self.write(
                f"{base}/scaling.json",
                ScalingFile(provenance=self.stamp, set=name, recipes=study.recipes(), points=points),
            )
        rows = [AblationRow(**row) for row in study.read("ablations")]
        if rows:
            self.write(
                f"{base}/ablations.json",
                AblationsFile(provenance=self.stamp, set=name, base=study.base_text(), bright="magnitude 20.5 to 21",
                              faint="magnitude 22 to 22.5", rows=rows),
            )  # fmt: skip
        if self.pipeline.simulator.prior.magnitude is None:
            return
        baselines = {k: v for k, v in self.baselines.items() if k != "template"}
        self.write(
            f"{base}/stress.json",
            StressFile(
                provenance=self.stamp,
                set=name,
                description="the same stars and the same noise deviates under every condition; a lost pixel is set to "
                "the mean training spectrum, which every model sees as 0; no model was trained for any of this",
                rows=stress(self.pipeline, self.networks, baselines),
            ),
        )

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
                half95={m: _floats(v) for m, v in e.half95.items()},
                **{k: _floats(v) for k, v in columns.items()},
            ),
        )

    def _history(self) -> HistoryFile:
        curves = [curve(name, t.history) for name, t in self.trainers.items()]
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
            models=self.models(sets[0].flux, None if sets[0].batch is None else sets[0].batch.level),
            config=provenance.flat(c) | self.pipeline.stage_notes(),
        )


def check_results_folder(out: Path) -> None:
    """Refuse to replace a folder that holds something else than results.

    Raises:
        BadInput: one sentence that names the folder and the mend.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "index.json").exists())):
        raise BadInput(f"--out {out} holds something else than results; give an empty or a new folder.")


def export(pipelines: list[Pipeline], out: Path, weights: Path | None = None, keep: bool = False) -> None:
    """Export runs to ``out`` (replaced as a whole) and, if given, weights into the folder ``weights``.

    With weights the results also get each network as an ONNX file.

    Args:
        keep: take over, unchanged, what other runs had written there.

    Raises:
        BadInput: ``out`` holds something else than results, or cannot be written.
    """
    check_results_folder(out)
    with replacing_folder(out) as temp:
        runs = [RunExport(p, temp) for p in pipelines]
        entries = [e for run in runs for e in run.export()]
        if keep:
            written = {e.path for e in entries} | {"interpolation.json"}
            ours = tuple(f"runs/{run.config.run_id}/" for run in runs)
            others = (e for e in read_index(out).files if e.path not in written and not e.path.startswith(ours))
            entries += take_over(out, temp, others)
        first = runs[0]
        axes = leave_one_out(first.pipeline.simulator.grid)
        interpolation = InterpolationFile(provenance=first.stamp, instrument=first.config.instrument, axes=axes)
        entries.append(write_file(temp, "interpolation.json", interpolation))
        write_index(temp, Index(main_run=first.config.run_id, files=pairs.add(temp, entries)))
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
    portable.write(weights, out)
