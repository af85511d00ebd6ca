"""One band's experiment: pre-training, folds, strategies, and the number of real stars; resumable unit by unit."""

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model import provenance
from model.baselines import mlp
from model.baselines.boosting import Boosting
from model.baselines.ridge import Ridge
from model.data import read_npz, write_npz
from model.evaluate import CLASSES
from model.simulator import Simulator, fixed_set
from model.train import TrainConfig, Trainer, predict
from model.transfer.augment import Variations, VariedSimulator
from model.transfer.bands import Band
from model.transfer.fit import FitConfig, fit_baseline, fit_network
from model.transfer.stars import Stars
from model.vit import Network, SpecViT
from site_builder.contract.io import dumps, write_atomic

NETWORKS = ("specvit", "mlp")
SYNTHETIC_BASELINES = ("lightgbm", "ridge")
SURVEY_BASELINES = ("lightgbm", "svr", "ridge")
CLASS_EDGES = [lo for lo, _ in CLASSES.values()][1:]
COVERAGE = (0.682689, 0.95)


@dataclass(frozen=True)
class TransferConfig:
    """Everything that an experiment depends on beside its band."""

    presentations: int = 409_600  # of the pre-training, synthetic spectra
    learning_rate: float = 1e-3  # of the pre-training
    spectra: int = 60_000  # synthetic spectra that LightGBM and Ridge are fitted to
    folds: int = 5  # of the cross-validation; a star is in one of them
    bootstrap: int = 1000  # resamples behind each interval
    seed: int = 0  # seed that all random streams derive from
    two_stage: FitConfig = field(default_factory=FitConfig)  # recipe on real stars of what was pre-trained
    survey: FitConfig = field(default_factory=lambda: FitConfig(steps=1000, few_steps=300))  # the same from nothing


def smaller(config: TransferConfig, factor: int) -> TransferConfig:
    """The same experiment with every count divided by ``factor`` (tests)."""

    def fewer(fit: FitConfig) -> FitConfig:
        return replace(fit, steps=max(2, fit.steps // factor), few_steps=max(2, fit.few_steps // factor))

    return replace(
        config,
        presentations=max(512, config.presentations // factor),
        spectra=max(2000, config.spectra // factor),
        bootstrap=max(50, config.bootstrap // factor),
        two_stage=fewer(config.two_stage),
        survey=fewer(config.survey),
    )


@dataclass(frozen=True)
class Unit:
    """One model, trained one way, on so many real stars."""

    model: str
    strategy: str
    augmented: bool
    n_real: int  # 0: none; otherwise the stars of each fold that it is trained on

    @property
    def name(self) -> str:
        """File name."""
        return f"{self.strategy}-{self.model}-{'varied' if self.augmented else 'plain'}-{self.n_real:05d}"


def stratified(logg: np.ndarray, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n of ``rows``, each star class in proportion (largest remainder), at least one star of each while n allows."""
    rng = np.random.default_rng([seed, n])
    of = np.digitize(logg[rows], CLASS_EDGES)
    groups = [rng.permutation(rows[of == c]) for c in range(3) if (of == c).any()]
    share = np.array([len(g) for g in groups]) * n / len(rows)
    count = np.maximum(np.floor(share), 1 if n >= len(groups) else 0).astype(int)
    while count.sum() < n:
        room = np.where(count < [len(g) for g in groups], share - count, -np.inf)
        count[int(np.argmax(room))] += 1
    while count.sum() > n:
        count[int(np.argmax(np.where(count > 1, count - share, -np.inf)))] -= 1
    return np.sort(np.concatenate([g[:c] for g, c in zip(groups, count, strict=True)]))


def folds_of(logg: np.ndarray, n: int, seed: int) -> list[np.ndarray]:
    """n disjoint sets of rows, each star class spread evenly over them."""
    rng = np.random.default_rng([seed, 1])
    fold = np.empty(len(logg), int)
    of, start = np.digitize(logg, CLASS_EDGES), 0
    for c in range(3):
        rows = rng.permutation(np.flatnonzero(of == c))
        fold[rows] = (np.arange(len(rows)) + start) % n
        start += len(rows)
    return [np.flatnonzero(fold == k) for k in range(n)]


def interval_factors(error: np.ndarray, sigma: np.ndarray) -> tuple[float, float]:
    """Factors that turn sigma into half of a 68 % and of a 95 % interval, from held-out |error| (n,) and sigma (n,).

    Split conformal prediction with normalised scores (Lei et al. 2018, JASA 113, 1094): the ceil((n + 1) p)-th score.
    """
    score = np.sort(error / sigma)
    first, second = (float(score[min(len(score), math.ceil((len(score) + 1) * p)) - 1]) for p in COVERAGE)
    return first, second


class Experiment:
    """The experiment of one band, in its folder."""

    def __init__(self, band: Band, config: TransferConfig, folder: Path) -> None:
        self.band, self.config, self.folder = band, config, folder
        self.instrument = band.instrument()
        self._simulators: dict[bool, VariedSimulator] = {}
        self._pretrained: dict[tuple[str, bool], Network] = {}

    @cached_property
    def stars(self) -> Stars:
        """The cross-validated stars."""
        return self.band.cross_validated(self.instrument)

    @cached_property
    def independent(self) -> list[Stars]:
        """Stars that nothing is trained or tuned on."""
        return [make(self.instrument) for make in self.band.independent]

    @cached_property
    def folds(self) -> list[np.ndarray]:
        """Rows of the held-out stars of each fold."""
        return folds_of(self.stars.logg, self.config.folds, self.config.seed)

    def simulator(self, augmented: bool) -> VariedSimulator:
        """Where synthetic training spectra come from, made once."""
        if augmented not in self._simulators:
            b = self.band
            prior = b.varied_prior if augmented else b.prior
            made = VariedSimulator(self.instrument, prior, b.grid(), b.synthetic if augmented else None)
            self._simulators[augmented] = made
        return self._simulators[augmented]

    def build(self, model: str) -> Network:
        """An untrained network."""
        torch.manual_seed(self.config.seed)
        if model == "specvit":
            return SpecViT(self.band.vit)
        return mlp.build(self.band.vit.n_pixels, (512, 256, 128), self.config.seed)

    def pretrained(self, model: str, augmented: bool) -> Network:
        """A copy of the network trained on synthetic spectra alone: trained now, or loaded, once."""
        if (model, augmented) not in self._pretrained:
            self._pretrained[model, augmented] = self._pretrain(model, augmented)
        return deepcopy(self._pretrained[model, augmented])

    def _pretrain(self, model: str, augmented: bool) -> Network:
        c = self.config
        recipe = TrainConfig(
            presentations=c.presentations, learning_rate=c.learning_rate, loss="mse", precision="bfloat16", seed=c.seed,
            calibration=min(20_000, c.presentations // 20),
        )  # fmt: skip
        simulator = self.simulator(augmented)
        name = f"{model}-{'varied' if augmented else 'plain'}"
        trainer = Trainer(
            self.build(model), simulator, recipe, fixed_set(simulator, 1000, "validation"), self.folder, name
        )
        trainer.run()
        return trainer.net

    def inputs(self, stars: Stars, net: Network) -> Tensor:
        """(N, pixels) flux with missing pixels at the mean training spectrum, which a network sees as 0."""
        return torch.where(stars.valid, stars.flux, net.scaler.mean)

    # training and answering

    def units(self) -> Iterator[Unit]:
        """All that is trained, in an order in which the table of all stars is complete first."""
        every = self.full
        sizes = [every, *(n for n in self.band.sizes if n < 0.9 * every)]
        for n in sizes:
            if n == every:
                for augmented in (True, False):
                    yield from (Unit(m, "synthetic", augmented, 0) for m in NETWORKS)
                    yield from (Unit(m, s, augmented, n) for m in NETWORKS for s in ("two-stage", "survey"))
                yield from (Unit(m, "synthetic", True, 0) for m in SYNTHETIC_BASELINES)
            else:
                yield from (Unit(m, s, True, n) for m in NETWORKS for s in ("two-stage", "survey"))
            yield from (Unit(m, "survey", False, n) for m in SURVEY_BASELINES)

    @property
    def full(self) -> int:
        """Real stars that a model is trained on where all are used: those of the smallest training fold."""
        return min(len(self.stars) - len(f) for f in self.folds)

    def code(self) -> dict[str, str]:
        """The commits that units were made by."""
        path = self.folder / "code.json"
        return {"commit.units": ", ".join(json.loads(path.read_bytes()))} if path.exists() else {}

    def _note_code(self) -> None:
        head, dirty = provenance.commit()
        path = self.folder / "code.json"
        known = json.loads(path.read_bytes()) if path.exists() else []
        now = f"{head}{' with changes' if dirty else ''}"
        if now not in known:
            write_atomic(path, dumps([*known, now]))

    def training_rows(self, held_out: np.ndarray, n: int) -> np.ndarray:
        """n rows outside a fold."""
        rows = np.setdiff1d(np.arange(len(self.stars)), held_out)
        return rows if n >= self.full else stratified(self.stars.logg, rows, n, self.config.seed)

    def run(self) -> None:
        """Every unit that is not there yet."""
        for unit in self.units():
            path = self.folder / "units" / f"{unit.name}.npz"
            if path.exists():
                continue
            found = self.answers(unit)
            write_npz(path, **found)
            self._note_code()
            d = found["cv"] - self.stars.logg
            r2 = 1 - np.square(d).sum() / np.square(self.stars.logg - self.stars.logg.mean()).sum()
            print(f"{self.band.name} {unit.name}: R2 {r2:.3f}, sd {d.std():.3f}", flush=True)

    def read(self, unit: Unit) -> dict[str, np.ndarray]:
        """What ``answers`` found."""
        return read_npz(self.folder / "units" / f"{unit.name}.npz")

    def answers(self, unit: Unit) -> dict[str, np.ndarray]:
        """log g of every set by name ("cv": the cross-validated one), and raw sigma as ``sigma.<name>``."""
        if unit.model in SURVEY_BASELINES and unit.strategy != "synthetic":
            return self._baseline(unit)
        if unit.model in SYNTHETIC_BASELINES:
            return self._synthetic_baseline(unit)
        if unit.strategy == "synthetic":
            net = self.pretrained(unit.model, unit.augmented).eval()
            return self._ask([net] * len(self.folds), half95=True)
        start = self._start(unit)
        truth = torch.from_numpy(self.stars.logg).float()
        flux = self.inputs(self.stars, start)
        variations = Variations(self.instrument, self.band.observed, start.scaler.mean) if unit.augmented else None
        recipe = self.config.two_stage if unit.strategy == "two-stage" else self.config.survey
        nets = []
        for k, held_out in enumerate(self.folds):
            net = deepcopy(start)
            rows = self.training_rows(held_out, unit.n_real)
            fit_network(net, flux[rows], truth[rows], recipe, self.config.seed + k, variations)
            nets.append(net)
        return self._ask(nets)

    def _start(self, unit: Unit) -> Network:
        """What training on real stars starts from: pre-trained, or fresh with the same input scaling."""
        taught = self.pretrained(unit.model, unit.augmented)
        if unit.strategy == "two-stage":
            start = taught
        else:
            start = self.build(unit.model)
            start.scaler.load_state_dict(taught.scaler.state_dict())
            clean = self.simulator(False).batch(512, self.config.seed, "start", jitter=False)
            start.start_from(start.scaler.inputs(clean.flux))
        start.scaler.spread.zero_()
        start.scaler.calibration.copy_(type(start.scaler)(1).calibration)
        return start

    def _ask(self, nets: list[Network], half95: bool = False) -> dict[str, np.ndarray]:
        """Held-out stars by the network that did not see them, independent stars by the mean of all."""
        out: dict[str, np.ndarray] = {}
        flux = self.inputs(self.stars, nets[0])
        logg, sigma = np.empty(len(self.stars)), np.empty(len(self.stars))
        wide = np.empty(len(self.stars))
        for net, rows in zip(nets, self.folds, strict=True):
            answer, spread = predict(net, flux[rows])
            logg[rows], sigma[rows] = answer.double().numpy(), spread.double().numpy()
            wide[rows] = net.scaler.half95(spread).double().numpy()
        out |= {"cv": logg, "sigma.cv": sigma}
        if half95:
            out["half95.cv"] = wide
        for stars in self.independent:
            parts = [predict(net, self.inputs(stars, net)) for net in nets]
            name = stars.info.name
            out[name] = torch.stack([p[0] for p in parts]).mean(0).double().numpy()
            out[f"sigma.{name}"] = torch.stack([p[1] for p in parts]).mean(0).double().numpy()
            if half95:
                out[f"half95.{name}"] = nets[0].scaler.half95(parts[0][1]).double().numpy()
        return out

    def _synthetic_baseline(self, unit: Unit) -> dict[str, np.ndarray]:
        simulator: Simulator = self.simulator(unit.augmented)
        scaler = self.pretrained("mlp", unit.augmented).scaler
        validation = simulator.batch(2000, self.config.seed, "baseline-validation")
        kind: Any = Ridge if unit.model == "ridge" else Boosting
        fitted = kind.fit(simulator, scaler, validation, self.config.spectra, self.config.seed)
        flux = torch.where(self.stars.valid, self.stars.flux, scaler.mean)
        out = {"cv": np.asarray(fitted.predict(flux), np.float64)}
        for stars in self.independent:
            out[stars.info.name] = np.asarray(
                fitted.predict(torch.where(stars.valid, stars.flux, scaler.mean)), np.float64
            )
        return out

    def _baseline(self, unit: Unit) -> dict[str, np.ndarray]:
        scaler = self.pretrained("mlp", True).scaler
        used = scaler.used.numpy() > 0

        def scaled(stars: Stars) -> np.ndarray:
            flux = torch.where(stars.valid, stars.flux, scaler.mean)
            return np.asarray(scaler.inputs(flux).double().numpy()[:, used])

        x, truth = scaled(self.stars), self.stars.logg
        out = {"cv": np.empty(len(truth))} | {s.info.name: np.zeros(len(s)) for s in self.independent}
        for k, held_out in enumerate(self.folds):
            rows = self.training_rows(held_out, unit.n_real)
            model: Any = fit_baseline(unit.model, x[rows], truth[rows], self.config.seed + k)
            out["cv"][held_out] = model.predict(x[held_out])
            for stars in self.independent:
                out[stars.info.name] += model.predict(scaled(stars)) / len(self.folds)
        return out

    def calibrated(self, unit: Unit, found: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Half the 68 % and the 95 % interval of every set, by name; empty for models that state no sigma.

        Networks that saw real stars are calibrated on real stars: in each fold by the held-out answers of the others
        (cross-conformal, Vovk 2015, Ann. Math. Artif. Intell. 74, 9); independent sets by all held-out answers.
        Networks that saw none keep what synthetic spectra taught them.
        """
        if "sigma.cv" not in found:
            return {}
        names = ["cv", *(s.info.name for s in self.independent)]
        if unit.strategy == "synthetic":
            return {n: (found[f"sigma.{n}"], found[f"half95.{n}"]) for n in names}
        error = np.abs(found["cv"] - self.stars.logg)
        sigma = found["sigma.cv"]
        half = np.empty(len(error)), np.empty(len(error))
        out: dict[str, tuple[np.ndarray, np.ndarray]] = {"cv": half}
        for rows in self.folds:
            others = np.setdiff1d(np.arange(len(error)), rows)
            for part, factor in zip(half, interval_factors(error[others], sigma[others]), strict=True):
                part[rows] = sigma[rows] * factor
        everywhere = interval_factors(error, sigma)
        for name in names[1:]:
            own = found[f"sigma.{name}"]
            out[name] = (own * everywhere[0], own * everywhere[1])
        return out
