"""SpecViT, the training loop, checkpoints, metrics."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import checkpoint
from model.baselines import cnn
from model.baselines.mlp import MLP
from model.baselines.ridge import Ridge
from model.config import run_config
from model.metrics import NAMES, bootstrap, coverage, metrics, r2
from model.simulator import Batch, Simulator, fixed_set
from model.train import TrainConfig, Trainer, fit_scaler, predict, rate
from model.vit import PRESETS, SpecViT, VitConfig, rollout
from site_builder.contract import BadInput

SMALL = VitConfig(
    n_pixels=960, patch_size=60, width=24, depth=2, heads=3, embedding="per-position", embedding_init="pca"
)
RECIPE = TrainConfig(
    presentations=6 * 64, batch_size=64, learning_rate=1e-3, log_every=128, checkpoint_every=64, calibration=500
)


@pytest.fixture(scope="module")
def lamost() -> Simulator:
    return Simulator.of("lamost")


@pytest.fixture(scope="module")
def validation(lamost: Simulator) -> Batch:
    return fixed_set(lamost, 200, "validation")


@pytest.mark.parametrize("embedding", ["shared", "per-position"])
@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_both_attention_paths_agree_and_rows_sum_to_one(embedding: str, pool: str) -> None:
    torch.manual_seed(1)
    config = VitConfig(n_pixels=256, patch_size=16, width=48, depth=3, heads=4, embedding=embedding, pool=pool)
    net = SpecViT(config).eval()
    for p in net.parameters():  # far from the tame initial weights, so that a wrong scale would show
        torch.nn.init.normal_(p, std=0.3)
    flux = torch.randn(5, 256)
    with torch.no_grad():
        fused, plain = net(flux)
        explicit, activations = net(flux, explicit=True)
    torch.testing.assert_close(fused, explicit, rtol=1e-4, atol=1e-4)
    tokens = 16 + (pool == "cls")
    assert "attention0" not in plain
    for i in range(3):
        weights = activations[f"attention{i}"]
        assert weights.shape == (5, 4, tokens, tokens)
        torch.testing.assert_close(weights.sum(-1), torch.ones(5, 4, tokens))
        assert (weights >= 0).all()
    assert activations["embedding"].shape == (5, 16, 48)
    assert activations["pooled"].shape == (5, 48)
    share = rollout([activations[f"attention{i}"][0] for i in range(3)], pool == "cls")
    assert share.shape == (16,)
    assert share.sum().item() == pytest.approx(1, abs=1e-5)


def test_the_published_shape() -> None:
    net = SpecViT(PRESETS["specvit-s"])
    c = net.config
    assert (c.n_patches, c.patch_size, c.width, c.depth, c.heads) == (256, 16, 384, 6, 6)
    with torch.no_grad():
        raw, activations = net(torch.randn(2, 4096))
    assert raw.shape == (2, 2)
    assert activations["layer4"].shape == (2, 257, 384)
    assert activations["layer5"].shape == (2, 1, 384)  # only CLS passes the last layer


@pytest.mark.parametrize("depth", [1, 3])
def test_tokens_that_nobody_reads_change_nothing(depth: int) -> None:
    """Passing only CLS through the last layer gives the prediction and the gradients of passing all tokens."""
    torch.manual_seed(0)
    net = SpecViT(VitConfig(n_pixels=128, patch_size=16, width=12, depth=depth, heads=3)).double()
    torch.nn.init.normal_(net.head.weight)
    flux = torch.randn(4, 128, dtype=torch.float64)
    results = []
    for explicit in (False, True):
        net.zero_grad()
        raw, activations = net(flux, explicit)
        raw.square().sum().backward()
        results.append([raw.detach(), activations["pooled"].detach(), *(p.grad for p in net.parameters())])
        assert activations[f"layer{depth - 1}"].shape == (4, 9 if explicit else 1, 12)
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)


def test_shared_embedding_is_a_convolution() -> None:
    net = SpecViT(VitConfig(n_pixels=128, patch_size=16, width=12, depth=1, heads=3))
    flux = torch.randn(3, 128)
    weight = net.embedding.weight[0].T[:, None]
    expected = torch.nn.functional.conv1d(flux[:, None], weight, net.embedding.bias[0], stride=16).transpose(1, 2)
    torch.testing.assert_close(net.embedding(flux), expected, rtol=1e-4, atol=1e-5)


def test_component_start_passes_signal_and_stops_noise(lamost: Simulator) -> None:
    """Tokens of a fresh network separate clean spectra better than a random start does."""

    def signal_to_noise(init: str) -> float:
        torch.manual_seed(0)
        net = SpecViT(replace(SMALL, embedding_init=init))
        clean = fit_scaler(net, lamost, 0)
        net.start_from(clean)
        with torch.no_grad():
            tokens = net.embedding(clean * lamost.instrument.used)
            noise = net.embedding(torch.randn_like(clean)) - net.embedding(torch.zeros_like(clean))
        return float(tokens.var(0).sum() / noise.var(0).sum())

    assert signal_to_noise("pca") > 3 * signal_to_noise("random")


@pytest.mark.parametrize(("field", "value"), [("patch_size", 100), ("heads", 5), ("embedding_init", "pca")])
def test_impossible_shapes_are_refused(field: str, value: object) -> None:
    with pytest.raises(BadInput, match=f"field {field}"):
        VitConfig(**{field: value})


def _train(folder: Path, lamost: Simulator, validation: Batch, steps: int | None = None) -> Trainer:
    torch.manual_seed(3)
    trainer = Trainer(SpecViT(SMALL), lamost, RECIPE, validation, folder, "specvit")
    if steps is not None:  # stop in the middle, as a kill after a checkpoint does
        trainer.config = replace(RECIPE)
        for _ in range(steps):
            if trainer.step == 0:
                trainer.net.start_from(fit_scaler(trainer.net, lamost, RECIPE.seed))
            trainer.train_step()
        trainer.save()
        return trainer
    trainer.run()
    return trainer


def test_resuming_is_exact(tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    whole = _train(tmp_path / "whole", lamost, validation)
    _train(tmp_path / "parts", lamost, validation, steps=3)
    torch.manual_seed(99)  # the state of global generators must not matter
    resumed = Trainer(SpecViT(SMALL), lamost, RECIPE, validation, tmp_path / "parts", "specvit")
    resumed.run()
    assert resumed.step == whole.step == 6
    for (name, a), b in zip(whole.net.state_dict().items(), resumed.net.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    last, other = whole.history[-1], resumed.history[-1]
    own = {"seconds", "train_loss", "gflops", "mfu"}
    assert {k: v for k, v in last.items() if k not in own} == {k: v for k, v in other.items() if k not in own}
    assert len((tmp_path / "whole" / "specvit.jsonl").read_text().splitlines()) == len(whole.history)


def test_a_finished_run_is_loaded_not_repeated(tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    first = _train(tmp_path, lamost, validation)
    again = Trainer(SpecViT(SMALL), lamost, RECIPE, validation, tmp_path, "specvit")
    again.run()
    assert again.seconds == first.seconds
    assert torch.equal(first.net.head.weight, again.net.head.weight)


def test_training_learns(tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    """A minute network on easy spectra beats the mean and Ridge-like guessing: R2 well above 0."""
    config = replace(
        RECIPE,
        presentations=60 * 128,
        batch_size=128,
        learning_rate=3e-3,
        loss="mse",
        log_every=10**6,
        calibration=4000,
    )
    torch.manual_seed(0)
    trainer = Trainer(SpecViT(SMALL), lamost, config, validation, tmp_path, "specvit")
    trainer.run()
    assert trainer.history[-1]["val_r2"] > 0.3
    fresh = lamost.batch(2000, 5, "coverage")
    logg, sigma = predict(trainer.net, fresh.flux)
    error = (fresh.labels[:, 1] - logg).abs()
    assert float((error <= sigma).float().mean()) == pytest.approx(0.683, abs=0.04)
    assert float((error <= trainer.net.scaler.half95(sigma)).float().mean()) == pytest.approx(0.95, abs=0.02)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    _train(tmp_path, lamost, validation, steps=1)
    other = Trainer(SpecViT(replace(SMALL, width=36)), lamost, RECIPE, validation, tmp_path, "specvit")
    with pytest.raises(BadInput, match=r"specvit\.ckpt: field \S+ is .* but this architecture needs"):
        other.run()
    recipe = replace(RECIPE, learning_rate=5e-4)
    with pytest.raises(BadInput, match=r"field config\.learning_rate is 0\.001 but this run has 0\.0005"):
        Trainer(SpecViT(SMALL), lamost, recipe, validation, tmp_path, "specvit").run()


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    path = _train(tmp_path, lamost, validation, steps=1).path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match="no readable checkpoint"):
        Trainer(SpecViT(SMALL), lamost, RECIPE, validation, tmp_path, "specvit").run()


def test_weights_round_trip_and_damage(tmp_path: Path) -> None:
    net = SpecViT(SMALL)
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, net, {"instrument": "lamost"})
    loaded, description = checkpoint.load_weights(path)
    assert description["instrument"] == "lamost"
    assert loaded.config == SMALL
    for name, value in net.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    sidecar = path.with_suffix(".json")
    described = sidecar.read_text()
    for broken in (described[:-9], "{}", described.replace('"pool"', '"pond"')):
        sidecar.write_text(broken)
        with pytest.raises(BadInput, match=r"w\.json: field vit cannot be read .*; restore it"):
            checkpoint.load_weights(path)
    sidecar.write_text(described)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BadInput, match="damaged"):
        checkpoint.load_weights(path)
    path.unlink()
    with pytest.raises(BadInput, match="is not there"):
        checkpoint.load_weights(path)


def test_schedule_warms_up_and_falls_to_zero() -> None:
    config = TrainConfig(presentations=256_000, learning_rate=1e-3, warmup=25_600)
    rates = [rate(step, config) for step in range(config.steps)]
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) in (99, 100)
    assert rates[-1] < 1e-8
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))


def test_a_cool_down_leaves_the_cosine_and_falls_straight() -> None:
    whole = TrainConfig(presentations=256_000, learning_rate=1e-3, warmup=25_600)
    config = replace(whole, cooldown_from=128_000, cooldown=25_600)
    leave, end = 128_000 // config.batch_size, (128_000 + 25_600) // config.batch_size
    assert config.steps == end
    rates = [rate(step, config) for step in range(end)]
    assert rates[: leave + 1] == [rate(step, whole) for step in range(leave + 1)]
    falls = [a - b for a, b in itertools.pairwise([*rates[leave:], 0.0])]
    np.testing.assert_allclose(falls, rates[leave] / (end - leave))


def test_mlp_and_ridge(lamost: Simulator, validation: Batch) -> None:
    net = MLP(960, (32, 16))
    fit_scaler(net, lamost, 0)
    raw, activations = net(validation.flux)
    assert raw.shape == (200, 2)
    assert list(activations) == ["pooled"]
    ridge = Ridge.fit(lamost, net.scaler, validation, 3000, 0)
    predicted = ridge.predict(validation.flux)
    x = ridge.features(net.scaler.inputs(validation.flux), ridge.components).double().numpy()
    np.testing.assert_allclose(predicted, x @ ridge.coefficients + ridge.intercept, atol=1e-3)
    assert r2(validation.labels[:, 1].numpy(), predicted) > 0.4


def test_cnn_is_starnet() -> None:
    """The published layers, applied in the plainest way, give what the fast form gives."""
    net = cnn.build(64, seed=4)
    torch.nn.init.normal_(net.head.weight)
    for p in (net.convolution1.bias, net.convolution2.bias, net.dense1.bias):
        torch.nn.init.normal_(p)
    flux = torch.randn(40, 64)  # more than one chunk
    x = flux[:, None]
    for layer in (net.convolution1, net.convolution2):
        x = torch.nn.functional.pad(x, (3, 4))
        x = torch.nn.functional.conv1d(x, layer.weight[:, :, 0], layer.bias).relu()
    x = torch.nn.functional.max_pool1d(x, 4).transpose(1, 2).flatten(1)
    for dense in (net.dense1, net.dense2):
        x = dense(x).relu()
    raw, activations = net(flux)
    torch.testing.assert_close(raw, net.head(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(activations["pooled"], x, rtol=1e-4, atol=1e-4)
    assert [tuple(p.shape) for p in net.parameters() if p.dim() > 1] == [
        (4, 1, 1, 8),
        (16, 4, 1, 8),
        (256, 256),
        (128, 256),
        (2, 128),
    ]
    same, other = cnn.build(64, seed=4), cnn.build(64, seed=5)
    assert torch.equal(same.dense1.weight, net.dense1.weight)
    assert not torch.equal(other.dense1.weight, net.dense1.weight)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cnn_learns(precision: str, tmp_path: Path, lamost: Simulator, validation: Batch) -> None:
    config = replace(
        RECIPE, presentations=60 * 64, loss="mse", learning_rate=2e-3, log_every=10**6, precision=precision
    )
    trainer = Trainer(cnn.build(960, seed=0), lamost, config, validation, tmp_path, "cnn")
    trainer.run()
    assert trainer.history[-1]["val_r2"] > 0.2


def test_metrics_against_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, 500)
    predicted = truth + rng.normal(0.1, 0.3, 500)
    values = dict(zip(NAMES, metrics(truth, predicted), strict=True))
    assert values["r2"] == pytest.approx(r2_score(truth, predicted))
    assert values["rmse"] == pytest.approx(root_mean_squared_error(truth, predicted))
    assert values["mae"] == pytest.approx(mean_absolute_error(truth, predicted))
    assert values["bias"] == pytest.approx((predicted - truth).mean())
    assert values["nmad"] == pytest.approx(0.3, rel=0.15)
    table = bootstrap(truth, predicted, 300)
    assert (table[1] < table[0]).all()
    assert (table[0] < table[2]).all()
    # the standard error of a mean of 500 errors of 0.3 is 0.0134: the interval is four of them wide
    width = table[2, NAMES.index("bias")] - table[1, NAMES.index("bias")]
    assert width == pytest.approx(4 * 0.3 / 500**0.5, rel=0.2)


def test_coverage_of_a_perfect_sigma() -> None:
    rng = np.random.default_rng(1)
    truth, sigma = np.zeros(100_000), np.full(100_000, 0.5)
    c68, c95 = coverage(truth, rng.normal(0, 0.5, 100_000), sigma, 1.959964 * sigma)
    assert c68 == pytest.approx(0.683, abs=0.005)
    assert c95 == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize(("preset", "instrument"), [("specvit-x", "pfs-mr"), ("specvit-ti", "hubble")])
def test_unknown_names_are_refused(preset: str, instrument: str) -> None:
    with pytest.raises(BadInput, match="is not known; choose"):
        run_config(preset, instrument)
