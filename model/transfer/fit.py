"""Training on real stars: a network from its start or from what synthetic spectra taught it, and the baselines."""

import math
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler
from sklearn.svm import SVR
from torch import Tensor

from model.simulator import generator
from model.train import TrainConfig, losses
from model.transfer.augment import Variations
from model.vit import Network


@dataclass(frozen=True)
class FitConfig:
    """Recipe of a training on real stars."""

    steps: int = 400  # optimiser steps on all stars
    few_steps: int = 150  # on the fewest; between them in proportion to the logarithm of their number
    batch_size: int = 64  # presentations of a step
    learning_rate: float = 5e-4  # peak; after the warm-up, cosine to zero
    warmup: int = 30  # steps of linear warm-up
    weight_decay: float = 0.05  # of AdamW
    clip: float = 1.0  # largest gradient norm

    def steps_for(self, n: int) -> int:
        """Optimiser steps for n stars."""
        share = min(1.0, max(0.0, math.log(n / 10) / math.log(1000 / 10)))
        return round(self.few_steps + share * (self.steps - self.few_steps))


def fit_network(
    net: Network, flux: Tensor, logg: Tensor, config: FitConfig, seed: int, variations: Variations | None
) -> None:
    """Train a network on observed spectra, in place; every star is shown equally often.

    Args:
        flux: (n, pixels) normalised, missing pixels at the mean training spectrum.
        logg: (n,).
        variations: how each presentation is varied; None: not at all.
    """
    steps = config.steps_for(len(logg))
    g = generator(seed, "real stars")
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    target = net.scaler.targets(logg)
    loss_of = TrainConfig(presentations=1, loss="mse")
    net.train()
    for k in range(steps):
        rate = min(1.0, (k + 1) / config.warmup) * 0.5 * (1 + math.cos(math.pi * k / steps))
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * rate
        rows = torch.randint(len(logg), (config.batch_size,), generator=g)
        x = flux[rows]
        if variations is not None:
            x = variations.of_observed(x, g)
        with torch.autocast("cpu", torch.bfloat16):
            raw, _ = net(x)
        point, spread = losses(raw.float(), target[rows], loss_of, 0.0)
        optimiser.zero_grad()
        (point + 0.1 * spread).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), config.clip)
        optimiser.step()
    net.eval()


def fit_baseline(name: str, x: np.ndarray, logg: np.ndarray, seed: int) -> object:
    """Ridge, SVR or LightGBM on scaled pixels x (n, pixels); penalties by cross-validation within these stars.

    Raises:
        ValueError: no such baseline.
    """
    folds = min(5, len(logg) // 2)
    # one spectrum of almost no signal would otherwise set the scale of every pixel
    scaled = (RobustScaler(), FunctionTransformer(np.clip, kw_args={"a_min": -10, "a_max": 10}))
    if name == "ridge":
        return make_pipeline(*scaled, RidgeCV(np.logspace(1, 6, 16))).fit(x, logg)
    if name == "svr":
        # the support vector regression of the best result on these spectra before ours: RBF kernel on scaled pixels
        grid = {"svr__C": [1.0, 10.0, 30.0], "svr__gamma": [0.1 / x.shape[1], 0.3 / x.shape[1]]}
        search = GridSearchCV(make_pipeline(*scaled, SVR(epsilon=0.03)), grid, cv=folds)
        return search.fit(x, logg).best_estimator_
    if name == "lightgbm":
        model = lgb.LGBMRegressor(
            n_estimators=300, learning_rate=0.05, num_leaves=15, min_child_samples=max(2, min(20, len(logg) // 10)),
            colsample_bytree=0.3, subsample=0.8, subsample_freq=1, reg_lambda=1.0, random_state=seed, n_jobs=1,
            deterministic=True, force_row_wise=True, verbosity=-1,
        )  # fmt: skip
        return model.fit(x, logg)
    raise ValueError(f"no baseline {name}")
