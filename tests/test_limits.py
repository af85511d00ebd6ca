"""The information limit: posterior, Cramer-Rao bound, teacher and template fit against independent calculations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import kstest

from model import cli
from model.baselines.template import Template
from model.distill import LEVELS, Teacher
from model.limits import Abundances, crlb, grid_integral, limit_bin, prior_sd
from model.metrics import paired_gap, r2
from model.posterior import Compressed, Exact, Posterior, marginal, posterior, prior_box, sobol_labels
from model.simulator import Batch, Simulator, generator


@pytest.fixture(scope="module")
def pfs() -> Simulator:
    return Simulator.of("pfs-mr")


@pytest.fixture(scope="module")
def likelihood(pfs: Simulator) -> Compressed:
    return Compressed(pfs, sobol_labels(pfs, 8192, 0))


@pytest.fixture(scope="module")
def abundances(pfs: Simulator) -> Abundances:
    return Abundances(pfs)


def spectra(simulator: Simulator, n: int, magnitude: float, stream: str = "limit-tests") -> Batch:
    g = generator(0, f"{stream}/{magnitude:g}")
    labels = simulator.draw_labels(n, g)
    return simulator.observe(labels, torch.full((n,), magnitude), g)


def test_the_amplitude_integral_is_the_integral() -> None:
    rng = np.random.default_rng(0)
    pixels = 400
    m = 1 + 0.1 * rng.standard_normal(pixels)
    v = 0.3 * (1 + rng.random(pixels))
    y = (m + np.sqrt(v) * rng.standard_normal(pixels)) / 1.07

    def integrand(log_s: float) -> float:
        s = np.exp(log_s)
        return float(pixels * log_s - 0.5 * np.sum((s * y - m) ** 2 / v) - 0.5 * np.log(v).sum())

    sums = [np.sum(x) for x in (y * y / v, y * m / v, m * m / v, np.log(v))]
    found = float(marginal(*(torch.tensor(x, dtype=torch.float64) for x in sums), pixels))
    peak = max(integrand(x) for x in np.linspace(-0.5, 0.5, 2001))
    area, _ = quad(lambda x: np.exp(integrand(x) - peak), -0.8, 0.8, points=[0.0, 0.07], limit=200)
    assert found + 0.5 * np.log(2 * np.pi) == pytest.approx(peak + np.log(area), abs=2e-3)


def test_sobol_points_fill_the_prior_from_the_start(pfs: Simulator) -> None:
    labels = sobol_labels(pfs, 512, 0)
    lo, hi = prior_box(pfs)
    for i in range(3):
        assert kstest(((labels[:, i] - lo[i]) / (hi[i] - lo[i])).numpy(), "uniform").statistic < 0.01


def test_compressed_and_exact_likelihood_agree(pfs: Simulator, likelihood: Compressed) -> None:
    batch = spectra(pfs, 24, 21.0)
    labels = likelihood.labels[:2048]
    exact = Exact(pfs, 21.0)(batch.flux, labels)
    fast = likelihood.of_library(likelihood.see(batch.flux, batch.level), 2048).double()
    p = exact.softmax(1)
    difference = exact - fast
    difference -= (p * difference).sum(1, keepdim=True)
    assert float((p * difference.square()).sum(1).mean().sqrt()) < 0.06
    assert float(((fast.softmax(1) - p) @ labels[:, 1]).abs().max()) < 0.03


def test_drawn_labels_have_the_likelihood_of_the_library(pfs: Simulator, likelihood: Compressed) -> None:
    batch = spectra(pfs, 2, 20.5)
    seen = likelihood.see(batch.flux, batch.level)
    library = likelihood.of_library(seen, 300)
    for i in range(2):
        drawn = likelihood.of_coefficients(seen[i : i + 1], likelihood.coefficients(likelihood.labels[:300]))[0]
        near = library[i] > library[i].max() - 50
        assert float((drawn - library[i])[near].abs().max()) < 0.3


def test_the_posterior_is_the_grid_integral(pfs: Simulator, likelihood: Compressed) -> None:
    batch = spectra(pfs, 12, 22.75)  # wide enough for a grid that a test can afford
    found = posterior(likelihood, batch.flux, batch.level)
    mean, sd = grid_integral(pfs, batch.flux, 22.75, 32)
    assert np.abs((found.mean - mean) / sd).max() < 0.25
    np.testing.assert_allclose(found.sd, sd, rtol=0.15)
    rms = np.sqrt(np.mean(((found.mean - mean) / sd) ** 2))
    assert rms < 3 * np.sqrt(np.mean((found.error / sd) ** 2))


def test_the_posterior_is_calibrated_and_sampled_enough(pfs: Simulator, likelihood: Compressed) -> None:
    batch = spectra(pfs, 400, 20.25)
    truth = batch.labels[:, 1].numpy()
    found = posterior(likelihood, batch.flux, batch.level, truth)
    square = (found.mean - truth) ** 2
    assert abs((found.sd**2).mean() / square.mean() - 1) < 3 * square.std() / square.mean() / 20
    assert kstest(found.pit, "uniform").pvalue > 1e-3
    assert np.percentile(found.ess, 1) >= 50
    inside = (truth > found.quantiles[:, 0]) & (truth < found.quantiles[:, 3])
    assert inside.mean() == pytest.approx(0.95, abs=0.04)
    again = posterior(likelihood, batch.flux[:20], batch.level[:20], truth[:20])
    np.testing.assert_allclose(again.mean, found.mean[:20], atol=1e-3)  # sums of float32 depend on the batch
    parts = Posterior.join([found.take(np.arange(5)), found.take(np.arange(5, 9))])
    np.testing.assert_array_equal(parts.mean, found.mean[:9])


def test_crlb_is_the_inverse_of_a_numerical_fisher_matrix(pfs: Simulator, abundances: Abundances) -> None:
    labels = torch.tensor([[4800.0, 2.4, -0.3]])
    level = torch.tensor([21.0])
    flux = pfs.grid.spectra(labels)
    sigma = pfs.instrument.noise.sigma(flux, level)[0].double()
    rows = []
    for i, step in enumerate((5.0, 0.01, 0.01)):
        shift = torch.zeros(1, 3)
        shift[0, i] = step
        rows.append((pfs.grid.spectra(labels + shift) - pfs.grid.spectra(labels - shift))[0].double() / (2 * step))
    rows = torch.stack([*rows, flux[0].double()]) / sigma
    # Schur complement by hand: information on log g that Teff, [M/H] and the amplitude do not explain
    own, rest = rows[1], rows[[0, 2, 3]]
    explained = rest.T @ torch.linalg.lstsq(rest.T, own[:, None]).solution
    expected = float((own - explained[:, 0]).square().sum()) ** -0.5
    three, five = crlb(pfs, abundances, labels, level)
    assert three[0] == pytest.approx(expected, rel=1e-3)
    assert five[0] > three[0]


def test_crlb_at_the_design_settings(pfs: Simulator, abundances: Abundances) -> None:
    """R2 from the median CRLB, 3 labels, per magnitude, as an independent prototype had it."""
    for magnitude, expected in ((20.0, 0.986), (21.0, 0.924), (22.0, 0.583)):
        batch = spectra(pfs, 1500, magnitude)
        three, _ = crlb(pfs, abundances, batch.labels, batch.level)
        assert 1 - (np.median(three) / prior_sd(pfs)) ** 2 == pytest.approx(expected, abs=0.03)


def test_the_limit_at_the_design_settings(pfs: Simulator, likelihood: Compressed) -> None:
    """R2 of the Bayes limit as an independent prototype had it (1200 spectra: good to about 0.015)."""
    for magnitude, expected in ((20.5, 0.905), (22.0, 0.58)):
        batch = spectra(pfs, 600, magnitude)
        truth = batch.labels[:, 1].numpy()
        found = posterior(likelihood, batch.flux, batch.level, truth)
        assert 1 - np.mean((found.mean - truth) ** 2) / prior_sd(pfs) ** 2 == pytest.approx(expected, abs=0.05)


def test_a_bin_of_limits_adds_up(pfs: Simulator, likelihood: Compressed, abundances: Abundances) -> None:
    from model.limits import Limits

    batch = spectra(pfs, 60, 21.5)
    limits = Limits.of(pfs, batch, likelihood, abundances)
    truth = batch.labels[:, 1].double().numpy().round(4)
    row = limit_bin(
        limits, "magnitude", "21.5", np.ones(60, bool), truth, batch.snr.numpy(), prior_sd(pfs), resamples=50
    )
    assert row.r2.value == pytest.approx(r2(truth, limits.posterior.mean.round(4)), abs=1e-6)
    assert 0 < row.r2_se < 0.01
    assert row.crlb[0].r2_lo <= row.crlb[0].r2 <= row.crlb[0].r2_hi
    assert row.crlb[1].sigma >= row.crlb[0].sigma


def test_the_teacher_is_the_posterior(pfs: Simulator, likelihood: Compressed) -> None:
    teacher = Teacher(pfs, 4096)
    k = 2 * LEVELS // 3
    batch = spectra(pfs, 100, float(teacher.magnitudes[k]))
    mean, variance = teacher.posterior(batch.flux, k)
    found = posterior(likelihood, batch.flux, batch.level)
    assert np.abs(mean.numpy() - found.mean).mean() < 0.05
    assert float(variance.mean()) == pytest.approx(float((found.sd**2).mean()), rel=0.05)
    flux, mean, variance = teacher.examples(20, generator(0, "t"))
    assert flux.shape == (20, 4096)
    assert mean.shape == variance.shape == (20,)


def test_template_fit_finds_labels_of_bright_stars_between_library_points(
    pfs: Simulator, abundances: Abundances
) -> None:
    template = Template(pfs, 2048)
    g = generator(0, "template")
    lo, hi = prior_box(pfs)
    labels = (lo + (hi - lo) * (0.1 + 0.8 * torch.rand(40, 3, generator=g))).float()
    batch = pfs.observe(labels, torch.full((40,), 18.0), g)
    error = np.abs(template.predict(batch.flux, batch.level) - labels[:, 1].numpy())
    three, _ = crlb(pfs, abundances, labels, batch.level)
    assert np.median(error / three) < 1.5  # as good as the bound lets an unbiased estimator be
    assert "2048" in template.description


def test_paired_gap_is_tighter_than_the_intervals() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(1, 5, 500)
    first = truth + rng.normal(0, 0.5, 500)
    second = first + 0.1
    value, lo, hi = paired_gap(truth, first, second, 300)
    assert value == pytest.approx(r2(truth, first) - r2(truth, second))
    assert lo < value < hi
    assert hi - lo < 0.06


def test_the_table_of_limits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.limits.EXACT_LIBRARY", 2048)
    monkeypatch.setattr("model.limits.EXACT_STARS", 40)
    monkeypatch.setattr("model.limits.GRID_STARS", 8)
    monkeypatch.setattr("model.limits.GRID_POINTS", 24)
    monkeypatch.setattr("model.limits.LIBRARY", 8192)
    assert cli.main(["limits", "--spectra", "40", "--magnitudes", "21", "22.5", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["magnitude", "SNR"]
    assert [line.split()[0] for line in lines[2:4]] == ["21", "22.5"]
    bayes = [float(line.split()[4]) for line in lines[2:4]]
    assert 1 > bayes[0] > bayes[1] > 0
    assert sum(line.startswith(("holds:", "FAILS:")) for line in lines) == 5
    assert cli.main(["limits", "--spectra", "3"]) == 2
    assert "--spectra 3 is too few" in capsys.readouterr().err


def test_configurations_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from model.config import from_file, run_config

    published = from_file(Path("configs/published.toml"), "pfs-mr")
    assert published.run_id == "published-pfs-mr"
    assert published.command == "python -m model run --config configs/published.toml"
    t = published.training
    assert (t.loss, t.huber_delta, t.learning_rate, t.batch_size) == ("huber", 0.5, 3e-4, 256)
    assert t.presentations == 50 * t.distinct == 50 * 50_000
    assert published.vit.embedding == "shared"
    assert run_config("specvit-ti", "pfs-mr").published == t
    for text, sentence in (
        ("preset = ", "cannot be read as TOML"),
        ('preset = "specvit-ti"\n[vit]\nwidht = 3', "field vit.widht is not known"),
        ('preset = "specvit-ti"\n[trainig]\nseed = 3', "field trainig is not known"),
        ('preset = "x"', "--preset: x is not known"),
    ):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        assert cli.main(["train", "--config", str(path)]) == 2
        err = capsys.readouterr().err
        assert sentence in err
        assert err.count("\n") == 1
