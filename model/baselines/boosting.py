"""LightGBM (Ke et al. 2017, NeurIPS 30): gradient-boosted trees on features that help trees.

Trees split on one feature at a time, so 4096 noisy pixels serve them badly. They get the projections on the
leading principal components of clean spectra and block means of the scaled pixels.
"""

from functools import lru_cache
from pathlib import Path

import lightgbm as lgb
import numpy as np
import torch
from torch import Tensor

from model.components import leading
from model.data import read_npz, write_npz
from model.simulator import Batch, Simulator, generator
from model.train import progress_bar
from model.vit import Scaler
from site_builder.contract.io import write_atomic

COMPONENTS = 48
BLOCKS = 128
ROUNDS = 1500  # at most; stopped early on the validation set
PARAMETERS = {
    "objective": "l2",
    "learning_rate": 0.08,
    "num_leaves": 63,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}


def components_path(path: Path) -> Path:
    """Where the components of the trees at ``path`` are."""
    return path.with_suffix(".npz")


class Boosting:
    """Boosted trees with early stopping on the validation set."""

    def __init__(self, scaler: Scaler, components: Tensor, booster: lgb.Booster, n_spectra: int) -> None:
        self.scaler, self.components, self.booster = scaler, components, booster
        self.n_spectra = n_spectra
        trees = booster.dump_model()["tree_info"]
        leaves = sum(t["num_leaves"] for t in trees)
        self.n_parameters = 2 * leaves - len(trees)  # leaf values and split thresholds
        self.description = (
            f"{len(trees)} trees (stopped early on the validation set) on {COMPONENTS} principal components "
            f"and {BLOCKS} block means of the scaled pixels"
        )

    @staticmethod
    @lru_cache(maxsize=2)  # a study fits many on the same
    def components_of(simulator: Simulator, scaler: Scaler, seed: int) -> Tensor:
        """(COMPONENTS, pixels) principal directions of clean training spectra."""
        clean = simulator.clean(simulator.draw_labels(4096, generator(seed, "components")))
        x = scaler.inputs(simulator.instrument.normalise(clean))
        return leading(x, COMPONENTS)[0].contiguous()

    @staticmethod
    def features(flux: Tensor, scaler: Scaler, components: Tensor) -> np.ndarray:
        """(n, COMPONENTS + BLOCKS) features of normalised flux (n, pixels)."""
        x = scaler.inputs(flux)
        blocks = torch.nn.functional.adaptive_avg_pool1d(x[:, None], BLOCKS)[:, 0]
        return torch.cat([x @ components.T, blocks], 1).numpy()

    @classmethod
    def fit(
        cls, simulator: Simulator, scaler: Scaler, validation: Batch, n: int, seed: int, distinct: int | None = None
    ) -> "Boosting":
        """Fit on n fresh spectra of the stream "boosting", of ``distinct`` sets of labels if given."""
        components = cls.components_of(simulator, scaler, seed)
        xs, ys = [], []
        for i in range(0, n, 2000):
            batch = simulator.batch(min(2000, n - i), seed, "boosting", i, distinct=distinct)
            xs.append(cls.features(batch.flux, scaler, components))
            ys.append(batch.labels[:, 1].numpy())
        train = lgb.Dataset(np.concatenate(xs), np.concatenate(ys))
        truth = validation.labels[:, 1].contiguous().numpy()  # LightGBM takes no strided labels
        valid = train.create_valid(cls.features(validation.flux, scaler, components), truth)
        with progress_bar("lightgbm", ROUNDS) as show:
            booster = lgb.train(
                {**PARAMETERS, "seed": seed, "num_threads": torch.get_num_threads()},
                train,
                ROUNDS,
                valid_sets=[valid],
                callbacks=[
                    lgb.early_stopping(50, verbose=False),
                    lambda env: show(env.iteration, f"val mse {env.evaluation_result_list[0][2]:.4f}"),
                ],
            )
        return cls(scaler, components, lgb.Booster(model_str=booster.model_to_string()), n)

    def save(self, path: Path) -> None:
        """Write LightGBM's own text form to ``path``, and the components beside it."""
        write_npz(components_path(path), components=self.components.numpy())
        write_atomic(path, f"n_spectra={self.n_spectra}\n{self.booster.model_to_string()}".encode())

    @classmethod
    def load(cls, path: Path, simulator: Simulator, scaler: Scaler, seed: int) -> "Boosting":
        """Read what ``save`` wrote; components that are not there are made again."""
        head, _, text = path.read_text().partition("\n")
        beside = components_path(path)
        components = (
            torch.from_numpy(read_npz(beside)["components"])
            if beside.exists()
            else cls.components_of(simulator, scaler, seed)
        )
        return cls(scaler, components, lgb.Booster(model_str=text), int(head.partition("=")[2]))

    def predict(self, flux: Tensor, level: Tensor | None = None) -> np.ndarray:
        """log g (n,) of normalised flux (n, pixels)."""
        return np.asarray(self.booster.predict(self.features(flux, self.scaler, self.components)))
