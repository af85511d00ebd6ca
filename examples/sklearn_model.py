"""Another model on these spectra: a regressor of scikit-learn, from training to a results folder.

python examples/sklearn_model.py --out results-own && python build.py --results results-own --out public-own
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model.evaluate import synthetic_set
from model.own import OwnResults
from model.simulator import Simulator

STARS = (("red-giant", 4300.0, 1.8), ("subgiant", 5000.0, 3.2), ("dwarf", 5600.0, 4.4))


def main() -> None:
    """Train, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="results folder to write")
    parser.add_argument("--spectra", type=int, default=8000, help="training spectra (default: 8000)")
    parser.add_argument("--test", type=int, default=2000, help="test spectra (default: 2000)")
    args = parser.parse_args()

    simulator = Simulator.of("pfs-mr")
    training = simulator.batch(args.spectra, 0, "sklearn example")
    test = synthetic_set(simulator, "test", "Synthetic test set", args.test, None, 0.5)

    regressor = make_pipeline(PCA(40, random_state=0), StandardScaler(), BayesianRidge())
    model = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    began = time.perf_counter()
    model.fit(training.flux.numpy(), training.labels[:, 1].numpy())
    trained = time.perf_counter()
    predicted = model.predict(test.flux.numpy())
    per_spectrum = 1000 * (time.perf_counter() - trained) / args.test

    config = {"spectra": args.spectra, "test": args.test, "components": 40}
    own = OwnResults("sklearn-example", "Bayesian ridge on principal components", simulator, config=config)
    text = "Bayesian ridge regression on 40 principal components of the flux"
    own.add_model("bayesian-ridge", "Bayesian ridge", text, 81, args.spectra, trained - began, per_spectrum)
    own.add_model("mean", "Mean", "the mean log g of the training spectra", 1, args.spectra, 0.0, family="mean")
    mean = np.full(args.test, float(training.labels[:, 1].mean()))
    own.add_set(test, {"bayesian-ridge": predicted, "mean": mean})
    for name, teff, logg in STARS:
        own.add_star(name, name.replace("-", " ").capitalize(), teff, logg, mh=0.0)
    own.write(args.out)


if __name__ == "__main__":
    main()
