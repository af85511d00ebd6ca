"""The results of an experiment as the contract has them."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model import data, pairs, provenance
from model.evaluate import CLASSES
from model.export import instrument_file
from model.metrics import NAMES, coverage, metrics, resampled
from model.surveys.lamost import observed_folder
from model.transfer.experiment import NETWORKS, Experiment, Unit
from model.transfer.fit import FitConfig
from model.transfer.stars import Stars
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_index, take_over, write_file, write_index
from site_builder.contract.schema import Index, Interval, Provenance
from site_builder.contract.transfer import (
    TransferAnswer,
    TransferFile,
    TransferModel,
    TransferRow,
    TransferStars,
)

MIN_STARS = 10
TITLES = {"specvit": "SpecViT", "mlp": "MLP", "ridge": "Ridge", "svr": "SVR", "lightgbm": "LightGBM"}


def intervals(truth: np.ndarray, predicted: np.ndarray, resamples: int) -> dict[str, Interval]:
    """R2, MAE, bias, NMAD and sigma with 95 % bootstrap intervals over stars."""

    def measured(pick: np.ndarray | slice) -> np.ndarray:
        found = metrics(truth[pick], predicted[pick])
        sigma = np.sqrt(np.maximum(found[..., 1] ** 2 - found[..., 3] ** 2, 0))
        return np.asarray(np.concatenate([found, sigma[..., None]], -1))

    lo, hi = resampled(measured, len(truth), resamples)
    columns = zip((*NAMES, "sigma"), measured(slice(None)).round(6), lo.round(6), hi.round(6), strict=True)
    found = {k: Interval(value=float(v), lo=float(a), hi=float(b)) for k, v, a, b in columns}
    found.pop("rmse")
    return found


def _parts(stars: Stars) -> Iterator[tuple[str, str, np.ndarray]]:
    """(slice, label, mask) of a set."""
    yield "all", "all", np.ones(len(stars), bool)
    if stars.subset is not None:
        yield "subset", "subset", stars.subset
    for name, (lo, hi) in CLASSES.items():
        yield "class", name, (stars.logg >= lo) & (stars.logg < hi)


def _floats(values: np.ndarray) -> list[float]:
    return [float(v) for v in np.round(np.asarray(values, np.float64), 4)]


class Report:
    """Everything that an experiment exports."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.sets = {"cv": experiment.stars, **{s.info.name: s for s in experiment.independent}}
        self.rows: list[TransferRow] = []
        self.answers: dict[str, list[TransferAnswer]] = {name: [] for name in self.sets}
        # a spectrum of almost no signal can send a network anywhere: answers stay where training stars are
        ends = (*experiment.band.prior.logg, experiment.stars.logg.min(), experiment.stars.logg.max())
        self.possible = round(float(min(ends)), 2), round(float(max(ends)), 2)

    def _add(self, unit: Unit) -> None:
        e = self.experiment
        lo, hi = self.possible
        found = {k: v.round(4) for k, v in e.read(unit).items()}
        found |= {name: found[name].clip(lo, hi) for name in self.sets}
        half = e.calibrated(unit, found)
        full = unit.n_real in (0, e.full)
        key = asdict(unit)
        for name, stars in self.sets.items():
            if name != "cv" and not full:
                continue
            own = half.get(name) if full else None
            wide = None if own is None else tuple(np.maximum(h.round(4), 1e-4) for h in own)
            for kind, label, inside in _parts(stars):
                if inside.sum() < MIN_STARS:
                    continue
                values = intervals(stars.logg[inside], found[name][inside], e.config.bootstrap)
                covered: tuple[float | None, float | None] = (None, None)
                if wide is not None:
                    c = coverage(stars.logg[inside], found[name][inside], wide[0][inside], wide[1][inside])
                    covered = round(c[0], 6), round(c[1], 6)
                self.rows.append(
                    TransferRow(
                        **key, set=stars.info.name, slice=kind, label=label, n=int(inside.sum()), repeats=1,
                        coverage68=covered[0], coverage95=covered[1], **values,
                    )
                )  # fmt: skip
            if full:
                sigma, half95 = (None, None) if wide is None else (_floats(w) for w in wide)
                self.answers[name].append(
                    TransferAnswer(**key, predicted=_floats(found[name]), sigma=sigma, half95=half95)
                )

    def _models(self) -> list[TransferModel]:
        e = self.experiment
        c = e.config
        shapes = {m: sum(p.numel() for p in e.build(m).parameters()) for m in NETWORKS}
        v = e.band.vit
        texts = {
            "specvit": f"{v.n_patches} patches of {v.patch_size} pixels, {v.depth} layers, {v.heads} heads, width "
            f"{v.width}",
            "mlp": "three hidden layers of 512, 256 and 128",
            "ridge": "linear in the scaled pixels, penalty by cross-validation within the training stars; on synthetic "
            f"spectra: principal components and products, {c.spectra} spectra",
            "svr": "support vector regression, RBF kernel on scaled pixels, chosen by cross-validation within the "
            "training stars",
            "lightgbm": "boosted trees on scaled pixels; on synthetic spectra: principal components and block means, "
            f"{c.spectra} spectra",
        }
        return [
            TransferModel(name=m, title=TITLES[m], family=m, description=texts[m], n_parameters=shapes.get(m, 0))
            for m in texts
        ]

    def _recipe(self) -> dict[str, str]:
        c = self.experiment.config

        def steps(f: FitConfig) -> str:
            return (
                f"{f.few_steps} to {f.steps} steps (more for more stars) of {f.batch_size} presentations of observed "
                f"spectra, AdamW at {f.learning_rate:g}, weight decay {f.weight_decay:g}, cosine"
            )

        return {
            "synthetic": f"{c.presentations} synthetic spectra, squared error on the labels, AdamW at "
            f"{c.learning_rate:g}, cosine, batch 256, noise drawn afresh each time",
            "survey": f"from untrained weights, {steps(c.survey)}",
            "two-stage": f"from the network that synthetic spectra taught, all weights free, {steps(c.two_stage)}",
            "answers": f"log g from {self.possible[0]:g} to {self.possible[1]:g}, where training stars are; "
            "beyond it the nearer of the two",
            "intervals": "trained on all real stars: conformal, from the held-out stars of the other folds; synthetic: "
            "as calibrated on synthetic spectra",
        }

    def provenance(self) -> Provenance:
        """Provenance of the experiment's files."""
        b = self.experiment.band
        return provenance.stamp(
            f"transfer-{b.name}",
            f"python -m model transfer {b.name}{b.options}",
            self.config(),
            self.experiment.config.seed,
            b.embedded,
            {Path(name).name: data.sha256(observed_folder() / name) for name in b.files},
            (*provenance.LIBRARIES, "scikit-learn"),
        )

    def config(self) -> dict[str, Any]:
        """The full configuration, nested."""
        b = self.experiment.band
        return {
            "band": b.name, "vit": asdict(b.vit), "synthetic": asdict(b.synthetic), "observed": asdict(b.observed),
            "prior": b.prior.model_dump(), "varied_prior": b.varied_prior.model_dump(),
            **asdict(self.experiment.config),
        }  # fmt: skip

    def file(self) -> TransferFile:
        """The experiment's file; every unit must be there."""
        e = self.experiment
        for unit in e.units():
            self._add(unit)
        return TransferFile(
            provenance=self.provenance(),
            name=e.band.name,
            title=e.band.title,
            band=e.band.words,
            instrument=e.instrument.name,
            folds=e.config.folds,
            bootstrap=e.config.bootstrap,
            subset=e.band.subset,
            augmentation=e.band.synthetic.words() | {"noise": e.band.observed.words()["noise"]},
            recipe=self._recipe(),
            sets=[s.info for s in self.sets.values()],
            models=self._models(),
            rows=self.rows,
            stars=[
                TransferStars(
                    set=s.info.name, id=s.id, logg=_floats(s.logg),
                    logg_err=[None if np.isnan(v) else round(float(v), 4) for v in s.logg_err],
                    teff=_floats(s.teff), mh=_floats(s.mh), snr=_floats(s.snr),
                    subset=None if s.subset is None else s.subset.tolist(), answers=self.answers[name],
                )
                for name, s in self.sets.items()
            ],
            config=provenance.flat(self.config()) | e.code(),
        )  # fmt: skip


def write(experiments: list[Experiment], out: Path) -> None:
    """Add the experiments' files (and their instruments') to the results folder ``out``, all or nothing.

    Raises:
        BadInput: ``out`` holds no results, or cannot be written.
    """
    old = read_index(out)
    with replacing_folder(out) as temp:
        entries = []
        for experiment in experiments:
            report = Report(experiment)
            file = report.file()
            entries.append(write_file(temp, f"transfer/{experiment.band.name}.json", file))
            path = f"instruments/{experiment.instrument.name}.json"
            if path not in {e.path for e in old.files}:
                entries.append(write_file(temp, path, instrument_file(experiment.instrument, file.provenance)))
        written = {e.path for e in entries}
        entries += take_over(out, temp, (e for e in old.files if e.path not in written))
        write_index(temp, Index(main_run=old.main_run, files=pairs.add(temp, entries)))
