"""Where answers come from: the measures by their definitions, on small networks and spectra."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from model import checkpoint, cli, explain
from model.attribution import (
    by_window,
    fisher_pixels,
    gradient_pixels,
    journey,
    look,
    noise_of,
    occlude,
    replaced,
)
from model.examples import synthetic_stars
from model.faithfulness import Measures, captured, correlations, deletion, displacements, head_tests, measure
from model.limits import Abundances, crlb
from model.posterior import Compressed, sobol_labels
from model.simulator import Simulator, fixed_set
from model.train import fit_scaler, predict
from model.vit import Network, Scaler, SpecViT, VitConfig, rollout
from site_builder import checks
from site_builder.checks.attribution import corrected
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.io import read_index
from site_builder.contract.schema import Index
from site_builder.results import Results
from tests.factory import make_results

SMALL = VitConfig(patch_size=256, width=24, depth=2, heads=2, embedding="per-position")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Many small products: a second thread only waits, and for long where other processes want the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator.of("pfs-mr")


@pytest.fixture(scope="module")
def net(simulator: Simulator) -> SpecViT:
    """An untrained network with a head that reads something."""
    torch.manual_seed(0)
    made = SpecViT(SMALL)
    fit_scaler(made, simulator, 0, 64)
    torch.nn.init.normal_(made.head.weight, std=0.05)
    return made.eval()


LABELS = torch.tensor([[4300.0, 1.6, -0.3], [5200.0, 4.4, 0.0], [4800.0, 3.0, -1.2]])
LEVEL = torch.tensor([20.0, 21.0, 21.5])


def test_fisher_information_per_pixel_adds_up_to_the_bound(simulator: Simulator) -> None:
    efficient, plain = fisher_pixels(simulator, LABELS, LEVEL)
    three, _ = crlb(simulator, Abundances(simulator), LABELS, LEVEL)
    np.testing.assert_allclose(efficient.sum(1).numpy() ** -0.5, three, rtol=1e-4)
    assert (efficient >= 0).all()
    assert (plain.sum(1) > efficient.sum(1)).all()
    np.testing.assert_allclose(by_window(efficient, 16).sum(1), efficient.sum(1))


def test_gradient_of_an_efficient_estimator_is_the_fisher_information(simulator: Simulator) -> None:
    """A linear estimator with the efficient weights: its shares of variance are those of the information."""
    efficient, _ = fisher_pixels(simulator, LABELS[:1], LEVEL[:1])
    sigma = noise_of(simulator, LABELS[:1], LEVEL[:1])

    class Linear(Network):
        def __init__(self) -> None:
            super().__init__()
            self.scaler = Scaler(4096)

        def forward(self, x: torch.Tensor, explicit: bool = False) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            answer = (x * efficient.sqrt().float() / sigma / efficient.sum().float()).sum(1)
            return torch.stack([answer, answer], 1), {}

    found = gradient_pixels(Linear(), torch.ones(1, 4096), sigma)
    np.testing.assert_allclose(found / found.sum(), efficient / efficient.sum(), rtol=1e-3, atol=1e-9)
    assert float(found.sum()) == pytest.approx(1 / float(efficient.sum()), rel=1e-3)  # its variance reaches the bound


def test_gradient_is_the_derivative(net: SpecViT, simulator: Simulator) -> None:
    flux = fixed_set(simulator, 2, "test").flux
    found = gradient_pixels(net, flux, torch.ones_like(flux))
    pixel, step = int(found[0].argmax()), 1e-2
    moved = flux.clone()
    moved[0, pixel] += step
    slope = (predict(net, moved)[0] - predict(net, flux)[0])[0] / step
    assert float(found[0, pixel].sqrt()) == pytest.approx(abs(float(slope)), rel=0.05)


def test_occlusion_is_what_replacing_by_hand_gives(net: SpecViT, simulator: Simulator) -> None:
    flux = fixed_set(simulator, 3, "test").flux
    found = occlude(net, flux, 256)
    by_hand = flux.clone()
    by_hand[:, 512:768] = net.scaler.mean[512:768]
    change = (predict(net, by_hand)[0] - predict(net, flux)[0]).abs()
    np.testing.assert_allclose(found.change[:, 2], change, atol=1e-5)
    rows = (look(net, by_hand).rows - look(net, flux).rows).abs().sum(-1) / 2
    np.testing.assert_allclose(found.moved[..., 2], rows, atol=1e-5)
    assert found.moved.shape == (3, 2, 2, 16)
    everything = torch.ones(3, 16, dtype=torch.bool)
    np.testing.assert_allclose(replaced(net, flux, everything), net.scaler.mean.expand(3, -1))


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_rows_rollout_and_journey(pool: str, simulator: Simulator) -> None:
    torch.manual_seed(1)
    made = SpecViT(replace(SMALL, pool=pool)).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(made.head.weight, std=0.05)
    flux = fixed_set(simulator, 2, "test").flux
    seen = look(made, flux)
    _, activations = made(flux[:1], explicit=True)
    layers = [activations[f"attention{i}"][0] for i in range(2)]
    np.testing.assert_allclose(seen.rollout[0], rollout(layers, pool == "cls").detach(), atol=1e-6)
    np.testing.assert_allclose(seen.rollout.sum(1), 1, rtol=1e-5)
    way = journey(made, flux[0])
    assert float(way.reading[-1]) == pytest.approx(float(predict(made, flux[:1])[0]), abs=1e-4)
    assert way.token_norm.shape == (3, 17 if pool == "cls" else 16)
    assert way.change.shape == (2, 17 if pool == "cls" else 16)


def _measures(values: dict[str, np.ndarray], size: int = 256) -> Measures:
    n, windows = next(iter(values.values())).shape
    return Measures(size, values, np.ones((n, 1, 1, windows)), np.ones((n, 1, 1, windows)))  # type: ignore[arg-type]


def test_correlations_are_spearmans_and_the_null_is_centred() -> None:
    rng = np.random.default_rng(0)
    a = rng.random((40, 16))
    values = {"gradient": a, "occlusion": a + rng.random((40, 16)), "fisher": rng.random((40, 16))}
    found = {(c.first, c.second): c for c in correlations(_measures(values), 200)}
    c = found["gradient", "occlusion"]
    assert c.rho.value == pytest.approx(
        np.mean([spearmanr(x, y).statistic for x, y in zip(a, values["occlusion"], strict=True)]), abs=1e-5
    )
    assert c.p < 0.001
    assert found["gradient", "fisher"].p > 0.001
    assert c.null_lo < 0 < c.null_hi


def test_null_of_few_windows_permutes_and_of_many_shifts() -> None:
    few, many = displacements(16), displacements(256)
    assert few.shape == (10_000, 16)
    assert many.shape == (256, 256)
    for places in (few, many):
        np.testing.assert_array_equal(places[0], np.arange(places.shape[1]))
        np.testing.assert_array_equal(np.sort(places, 1), np.broadcast_to(np.arange(places.shape[1]), places.shape))


def test_the_fisher_information_captures_most_of_itself() -> None:
    truth = np.random.default_rng(0).dirichlet(np.full(16, 0.5), 30)
    found = {c.measure: c for c in captured(_measures({"fisher": truth, "gradient": truth[:, ::-1]}), 100)}
    assert found["fisher"].share.value == pytest.approx(np.sort(truth, 1)[:, -4:].sum(1).mean(), abs=1e-5)
    assert found["gradient"].share.value < found["fisher"].share.value


def test_deleting_what_occlusion_ranks_first_costs_most(net: SpecViT, simulator: Simulator) -> None:
    batch = fixed_set(simulator, 40, "test")
    answer = predict(net, batch.flux)[0].double().numpy()
    (m,) = measure(net, simulator, batch.labels, batch.level, [batch.flux], [256])
    assert list(m.values) == ["attention", "last-layer", "rollout", "gradient", "occlusion", "fisher", "fisher-plain"]
    curves, areas = deletion(net, batch.flux, answer, m, 50)  # its own answers as the truth: error starts at 0
    by_order = {(c.order, c.measure): c for c in curves}
    for curve in curves:
        assert curve.mae[0].value == pytest.approx(0, abs=1e-5)
        assert curve.mae[-1].value == pytest.approx(by_order["random", None].mae[-1].value, abs=1e-4)
    most, least = by_order["most", "occlusion"], by_order["least", "occlusion"]
    assert most.mae[1].value > by_order["random", None].mae[1].value > least.mae[1].value
    area = next(a for a in areas if a.measure == "occlusion")
    assert area.between.value == pytest.approx(area.most.value + area.least.value, abs=1e-5)
    assert area.most.lo > 0


def test_a_head_on_a_line_is_found_and_one_on_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    profiles = rng.gamma(5.0, 1.0, (60, 2, 4, 256))
    profiles[:, 1, 2, 40:44] *= 8
    profiles /= profiles.sum(-1, keepdims=True)
    places = {"this": [40, 41, 42, 43], "that": [100, 101]}
    tests = head_tests("response", profiles, profiles.mean((1, 2)), places, 100)
    assert {(t.layer, t.head, t.lines) for t in tests if t.p <= 1 / 256 + 1e-6} == {(1, 2, "this")}
    # one test of 16 at the smallest p there is: 16 / 256 is not enough, and the test says so
    assert min(t.q for t in tests) == pytest.approx(16 / 256, abs=1e-4)
    assert not any(t.specialises for t in tests)
    alone = head_tests("response", profiles[:, 1:, 2:3], profiles.mean((1, 2)), {"this": places["this"]}, 100)
    assert [t.specialises for t in alone] == [True]
    np.testing.assert_allclose([t.q for t in tests], corrected([t.p for t in tests]), atol=1e-6)


def test_lines_lie_in_their_patches_and_windows(simulator: Simulator) -> None:
    edges = simulator.instrument.edges
    found = {x.id: x for x in explain.line_sets(edges, 256, 16)}
    assert set(found) == {"ca-ii", "na-i", "k-i", "mg-i", "fe-i", "ti-i", "tio"}
    for group in found.values():
        for wave in group.vacuum:
            assert any(edges[256 * p] <= wave < edges[256 * (p + 1)] for p in group.patches)
            assert any(edges[16 * w] <= wave < edges[16 * (w + 1)] for w in group.windows)
    assert {x.id for x in explain.line_sets(edges[edges > 8300], 256, 16)} < set(found), "others lie outside"


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator, net: SpecViT) -> tuple[Path, Path]:
    """A results folder whose predictions and example are those of a small network, and a folder with its weights."""
    root = make_results(tmp_path_factory.mktemp("tiny") / "results", n_stars=60, n_pixels=4096, transfer=False)
    run = "specvit-test-pfs-mr"
    loaded = Results.load(root)
    one = loaded.main
    batch = fixed_set(simulator, 60, "test", (20.5, 22.5))
    table = one.predictions["test"]
    answers = dict(table.predicted) | {one.specvit.name: predict(net, batch.flux)[0].double().numpy().round(6)}
    tools = (Compressed(simulator, sobol_labels(simulator, 512, 0)), Abundances(simulator))
    star = synthetic_stars(simulator, net, 1, 1, one.run.provenance, tools)[0]
    shape = one.run.vit.model_copy(update={"width": 24, "heads": 2})
    entries = [e for e in read_index(root).files if not e.path.startswith(f"runs/{run}/")]
    for path, file in {
        "run.json": one.run.model_copy(update={"vit": shape}),
        "predictions.test.json": table.model_copy(
            update={"predicted": answers, "logg": batch.labels[:, 1].double().numpy().round(6)}
        ),
        "examples/red-giant.json": star.example,
        "attention/red-giant.json": star.attention,
    }.items():
        entries.append(write_file(root, f"runs/{run}/{path}", file))
    write_index(root, Index(main_run=run, files=entries))
    weights = tmp_path_factory.mktemp("weights")
    checkpoint.save_weights(weights / f"{run}.safetensors", net, {})
    return root, weights


def test_the_command_adds_files_that_hold_together(
    tiny_run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "results"
    shutil.copytree(tiny_run[0], root)
    options = ["attention", "--out", str(root), "--weights", str(tiny_run[1]), "--stars", "24", "--draws", "1"]
    options += ["--threads", "1"]
    assert cli.main(options) == 0
    assert "2 files added" in capsys.readouterr().out
    results = Results.load(root)
    for check in (checks.check_attribution, checks.check_faithfulness, checks.check_paths, checks.check_names):
        check(results)
    worth, star = results.main.faithfulness, results.main.attribution["red-giant"]
    assert worth is not None
    assert (worth.n, worth.draws) == (24, 1)
    assert [cut.size for cut in star.cuts] == [256, 16]
    assert worth.provenance.run == "attention-specvit-test-pfs-mr"
    assert "specvit-test-pfs-mr.safetensors" in worth.provenance.data_sha256
    untouched = {e.path: e.sha256 for e in read_index(tiny_run[0]).files}
    assert untouched.items() <= {e.path: e.sha256 for e in read_index(root).files}.items()


def test_what_cannot_be_used_is_refused(
    tiny_run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, weights = tiny_run
    before = (root / "index.json").read_bytes()
    other = tmp_path / "weights"
    torch.manual_seed(9)
    another = SpecViT(SMALL)
    torch.nn.init.normal_(another.head.weight, std=0.5)
    checkpoint.save_weights(other / "specvit-test-pfs-mr.safetensors", another, {})
    for options, sentence in (
        (["--weights", str(other)], "--weights"),
        (["--weights", str(weights), "--run", "nobody"], "--run"),
        (["--weights", str(tmp_path)], "is not there"),
        (["--weights", str(weights), "--run", "specvit-test-lamost"], "prior.magnitude"),
        (["--stars", "3"], "--stars"),
    ):
        assert cli.main(["attention", "--out", str(root), *options]) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
    assert (root / "index.json").read_bytes() == before
    assert json.loads(before)["main_run"] == "specvit-test-pfs-mr"
    without = tmp_path / "without"
    shutil.copytree(root, without)
    index = read_index(root)
    kept = [e for e in index.files if not e.path.endswith("predictions.test.json")]
    write_index(without, index.model_copy(update={"files": kept}))
    options = ["--weights", str(weights), "--stars", "24", "--draws", "1"]
    assert cli.main(["attention", "--out", str(without), *options]) == 2
    assert "it lists no runs/specvit-test-pfs-mr/predictions.test.json" in capsys.readouterr().err


def test_weights_of_another_shape_are_refused(tiny_run: tuple[Path, Path]) -> None:
    with pytest.raises(BadInput):
        explain.write(tiny_run[0], None, tiny_run[0], explain.ExplainConfig(stars=24, draws=1))
