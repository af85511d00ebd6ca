"""Results of a model of your own: arrays in, a results folder out, which ``build.py`` makes a site of.

::

    own = OwnResults("my-run", "My model on PFS-MR", Simulator.of("pfs-mr"))
    own.add_model("mine", "My model", "What it is, one sentence.", n_parameters=12, n_spectra=4000, train_seconds=3.2)
    own.add_set(test_set, {"mine": predicted_logg}, sigma={"mine": stated_sigma})
    own.add_star("sun-like", "Sun-like dwarf", teff=5770, logg=4.4, mh=0.0)
    own.write(Path("results-own"))

Metrics with bootstrap intervals, bins and provenance are made as those of the shipped results are, so every check of
the builder applies. ``examples/sklearn_model.py`` is a whole program; docs/results.md has every field.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model import pairs
from model.evaluate import EvaluationSet, metric_rows
from model.export import instrument_file
from model.provenance import stamp
from model.simulator import Simulator
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.base import class_of
from site_builder.contract.folders import replacing_folder
from site_builder.contract.schema import (
    ContractFile,
    ExampleFile,
    Index,
    MetricsFile,
    ModelInfo,
    PredictionsFile,
    RunFile,
)

EMBEDDED = "ts_c3k_optical_grid_R20000.npz"


class OwnResults:
    """One run with models of your own, judged on sets of spectra that none of them was trained on."""

    def __init__(
        self,
        run: str,
        title: str,
        simulator: Simulator,
        seed: int = 0,
        config: Mapping[str, str | int | float | bool | None] | None = None,
        bootstrap: int = 1000,
    ) -> None:
        """Begin with nothing in it.

        Args:
            run: identifier, lower case, as it stands in links.
            title: the run in words.
            simulator: of the spectra that it was trained on; gives instrument and prior.
            seed: that all random numbers derive from.
            config: what one must know to do it again; its hash is in every file.
            bootstrap: resamples behind each interval.
        """
        self.run, self.title, self.simulator, self.bootstrap = run, title, simulator, bootstrap
        self.config = dict(config or {})
        command = " ".join(["python", *(Path(sys.argv[0]).name, *sys.argv[1:])]).strip()
        self.stamp = stamp(run, command, self.config, seed, (EMBEDDED,))
        self.models: list[ModelInfo] = []
        self.sets: list[EvaluationSet] = []
        self.stars: list[ExampleFile] = []

    def add_model(
        self,
        name: str,
        title: str,
        description: str,
        n_parameters: int,
        n_spectra: int,
        train_seconds: float,
        inference_ms: float = 0.0,
        family: str = "other",
    ) -> None:
        """A model; the first one added is the run's own, the others are compared with it.

        Args:
            name: as in the predictions.
            title: as pages call it.
            description: what it is, one sentence.
            n_parameters: trained numbers.
            n_spectra: spectra that it was trained on.
            train_seconds: time that took.
            inference_ms: milliseconds per spectrum.
            family: gives it colour and mark: 'other', or that of a baseline ('ridge', 'lightgbm', 'mlp', 'cnn', ...).
        """
        values: dict[str, Any] = {
            "name": name,
            "title": title,
            "family": family,
            "description": description,
            "n_parameters": n_parameters,
            "n_spectra": n_spectra,
            "train_seconds": round(train_seconds, 1),
            "inference_ms_1": max(1e-5, round(inference_ms, 5)),
            "inference_ms_256": max(1e-5, round(inference_ms, 5)),
        }
        self.models.append(ModelInfo(**values, has_sigma=False, training=None))

    def add_set(
        self,
        spectra: EvaluationSet,
        predicted: Mapping[str, np.ndarray],
        sigma: Mapping[str, np.ndarray] | None = None,
        half95: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """A set of spectra and what the models answer.

        Args:
            spectra: for example ``model.evaluate.synthetic_set(...)``.
            predicted: (n,) log g by model; of every model.
            sigma: (n,) half the stated 68 % interval, of the models that state one.
            half95: (n,) half the stated 95 % interval; 1.96 sigma where there is none.

        Raises:
            BadInput: a model is missing or unknown, or an answer is not one finite number a star.
        """
        names, n = [m.name for m in self.models], spectra.info.n
        if set(predicted) != set(names):
            raise BadInput(f"predicted holds {sorted(predicted)}; give the answers of exactly the models {names}.")
        columns = {"predicted": predicted, "sigma": sigma or {}, "half95": half95 or {}}
        found: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in columns}
        for kind, by_model in columns.items():
            for name, values in by_model.items():
                array = np.asarray(values, float)
                if name not in names or array.shape != (n,) or not np.isfinite(array).all():
                    raise BadInput(f"{kind} of {name} is not {n} finite numbers of a model that was added; correct it.")
                found[kind][name] = array.round(4)
        found["half95"] = {k: (1.96 * v).round(4) for k, v in found["sigma"].items()} | found["half95"]
        self.sets.append(replace(spectra, predicted=found["predicted"], sigma=found["sigma"], half95=found["half95"]))

    def add_star(self, name: str, title: str, teff: float, logg: float, mh: float) -> None:
        """A synthetic example star, which pages draw without noise.

        Args:
            name: as it stands in links.
            title: as pages call it.
            teff: effective temperature in K.
            logg: log10 of the surface gravity in cm/s^2.
            mh: metallicity in dex.
        """
        flux = self.simulator.clean(torch.tensor([[teff, logg, mh]]))[0].double().numpy()
        nothing = dict.fromkeys(("rv_kms", "snr", "sigma", "model_flux", "predicted_logg", "predicted_sigma", "ladder"))
        self.stars.append(
            ExampleFile(
                provenance=self.stamp,
                id=name,
                title=title,
                origin="synthetic",
                survey="synthetic",
                credit="interpolated in the embedded grid",
                instrument=self.simulator.instrument.name,
                star_class=class_of(logg),
                logg=logg,
                teff=teff,
                mh=mh,
                label_source="as computed",
                wave=self.simulator.instrument.wave_axis,
                flux=(flux / np.median(flux)).round(4).tolist(),
                **nothing,
            )
        )

    def write(self, out: Path) -> None:
        """Write the results folder; an older one there is replaced as a whole.

        Raises:
            BadInput: nothing to write, a folder that holds something else, or one that cannot be written.
        """
        if not self.models or not self.sets:
            raise BadInput(f"{out}: there is no model or no set yet; add them before writing.")
        if out.is_dir() and any(out.iterdir()) and not (out / "index.json").is_file():
            raise BadInput(f"{out} is a folder with other files (it has no index.json); choose an empty or new folder.")
        with replacing_folder(out) as folder:
            entries = [write_file(folder, path, content) for path, content in self._files().items()]
            write_index(folder, Index(main_run=self.run, files=pairs.add(folder, entries)))

    def _files(self) -> dict[str, ContractFile]:
        base, order = f"runs/{self.run}", [m.name for m in self.models]
        instrument = self.simulator.instrument
        files: dict[str, ContractFile] = {
            f"instruments/{instrument.name}.json": instrument_file(instrument, self.stamp),
            f"{base}/run.json": self._run(),
        }
        for e in self.sets:
            name, rows = e.info.name, metric_rows(e, self.bootstrap, order)
            files[f"{base}/metrics.{name}.json"] = MetricsFile(
                provenance=self.stamp, set=name, bootstrap=self.bootstrap, rows=rows
            )
            labels = {k: getattr(e, k).round(4) for k in ("logg", "teff", "mh", "snr")}
            files[f"{base}/predictions.{name}.json"] = PredictionsFile(
                provenance=self.stamp,
                set=name,
                id=e.id,
                magnitude=e.levels,
                predicted=e.predicted,
                sigma=e.sigma,
                half95=e.half95,
                **labels,
            )
        return files | {f"{base}/examples/{star.id}.json": star for star in self.stars}

    def _run(self) -> RunFile:
        stated = {name for e in self.sets for name in e.sigma}
        return RunFile(
            provenance=self.stamp,
            title=self.title,
            preset=self.run,
            instrument=self.simulator.instrument.name,
            prior=self.simulator.prior,
            vit=None,
            sets=[e.info for e in self.sets],
            models=[m.model_copy(update={"has_sigma": m.name in stated}) for m in self.models],
            config=self.config,
        )
