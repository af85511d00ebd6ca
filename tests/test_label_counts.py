"""Histograms of labels on the Data page: every star of every set is counted, and the prior is beside them."""

import numpy as np
import pytest

from site_builder.figures import label_counts
from site_builder.results import Results
from tests.factory import make_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results.load(make_results(tmp_path_factory.mktemp("results"), n_stars=90, n_pixels=64))


def test_every_star_is_counted_once(results: Results) -> None:
    for run in results.runs.values():
        for name, table in run.predictions.items():
            for label, _ in label_counts.LABELS:
                n, edges = label_counts.counts(run, name, label)
                assert n.sum() == len(table.logg)
                assert edges[0] <= np.min(getattr(table, label)) + 1e-3 * (edges[-1] - edges[0])
                lo, hi = getattr(run.run.prior, label)
                assert np.allclose(np.diff(edges), (hi - lo) / label_counts.BINS)
                assert np.isclose(edges, lo).any()


def test_labels_beyond_the_prior_get_bins_of_their_own() -> None:
    edges = label_counts.edges_of((1.0, 5.0), np.array([0.5, 2.0, 5.3]))
    assert edges[0] == pytest.approx(0.4)
    assert edges[-1] == pytest.approx(5.4)
    assert label_counts.edges_of((1.0, 5.0), np.array([1.0, 5.0])).tolist() == pytest.approx(np.linspace(1, 5, 21))
