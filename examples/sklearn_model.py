"""Another model on these spectra: a regressor of scikit-learn, from training to a results folder.

python examples/sklearn_model.py --out results-own && python build.py --results results-own --out public-own
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge
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
    flux, logg = training.flux.numpy(), training.labels[:, 1].numpy()

    model = make_pipeline(StandardScaler(), Ridge(alpha=1e4))
    began = time.perf_counter()
    model.fit(flux, logg)
    trained = time.perf_counter()
    predicted = model.predict(test.flux.numpy())
    per_spectrum = 1000 * (time.perf_counter() - trained) / args.test

    config = {"spectra": args.spectra, "test": args.test, "alpha": 1e4}
    own = OwnResults("sklearn-example", "A model of scikit-learn on PFS-MR", simulator, config=config)
    text = "Ridge regression on pixels scaled to unit variance (scikit-learn)"
    own.add_model("ridge", "Scikit-learn ridge", text, flux.shape[1] + 1, args.spectra, trained - began, per_spectrum)
    own.add_model("mean", "Mean", "the mean log g of the training spectra", 1, args.spectra, 0.0, family="mean")
    own.add_set(test, {"ridge": predicted, "mean": np.full(args.test, logg.mean())})
    for name, teff, gravity in STARS:
        own.add_star(name, name.replace("-", " ").capitalize(), teff, gravity, mh=0.0)
    own.write(args.out)


if __name__ == "__main__":
    main()
