"""Studies and stress tests at a tiny size: every row is there, is resumed, and means what it says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.baselines.ridge import COMPONENTS, PRODUCTS, Ridge
from model.calibration import calibrate
from model.config import RunConfig, run_config
from model.evaluate import CURVE_MAGNITUDES, curve_set, pit_rows, run_models, slices
from model.pipeline import Pipeline, smaller
from model.simulator import Simulator, generator
from model.stress import conditions, stress
from model.studies import RawInput, Study
from model.train import fit_scaler
from model.vit import SpecViT, VitConfig

CUT = 400


@pytest.fixture(scope="module")
def pfs() -> Simulator:
    return Simulator.of("pfs-mr")


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return replace(smaller(run_config("specvit-nano", "pfs-mr"), CUT), bootstrap=20)


@pytest.fixture
def study(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr("model.studies.SIZES", (40_000, 400_000))
    monkeypatch.setattr("model.distill.LIBRARY", 1024)
    return Study(Pipeline(config, tmp_path), cut=CUT)


@pytest.mark.slow
def test_scaling_has_every_model_at_every_size_and_resumes(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("model.studies.CNN_SIZES", (40_000,))
    monkeypatch.setattr("model.baselines.boosting.ROUNDS", 20)
    study.scaling()
    rows = study.read("scaling")
    assert [(r["n_spectra"], r["model"]) for r in rows] == [
        (100, m) for m in ("cnn", "lightgbm", "mlp", "ridge", "specvit")
    ] + [(1000, m) for m in ("lightgbm", "mlp", "ridge", "specvit")]
    assert {r["model"] for r in rows} == set(study.recipes())
    assert len(capsys.readouterr().out.splitlines()) == 9
    before = {p: p.read_bytes() for p in (study.folder / "scaling").glob("*.json")}
    (study.folder / "scaling" / "0000100-ridge.json").unlink()
    study.scaling()
    assert capsys.readouterr().out.startswith("scaling 0000100-ridge: R2")
    after = {p: p.read_bytes() for p in (study.folder / "scaling").glob("*.json")}
    assert {k: json.loads(v)["r2"] for k, v in after.items()} == {k: json.loads(v)["r2"] for k, v in before.items()}
    assert list(study.folder.rglob("*.ckpt")) == []


def test_each_ablation_changes_one_choice(study: Study) -> None:
    variants = study.variants()
    bases = [v for v in variants if v[2]]
    assert len({v[0] for v in bases}) == len(bases) == len({v[0] for v in variants})
    _, _, _, vit, training, raw = bases[0]
    for group, value, is_base, own_vit, own_training, own_raw in variants:
        changed = [k for k in vars(vit) if getattr(vit, k) != getattr(own_vit, k)]
        changed += [k for k in vars(training) if getattr(training, k) != getattr(own_training, k)]
        changed += ["raw"] if own_raw != raw else []
        if is_base:
            assert changed == []
        else:  # a shared embedding has no start from components, and Huber here means the labels too
            assert 1 <= len(changed) <= (2 if group in ("Embedding", "Target") else 1), (group, value, changed)
    assert "64 pixels" in study.base_text()


@pytest.mark.slow
def test_ablations_run_and_share_their_base(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [v for v in study.variants() if v[0] in ("Embedding", "Input", "Positions", "Head reads")]
    monkeypatch.setattr(Study, "variants", lambda self: few)
    study.ablations()
    rows = study.read("ablations")
    assert [(r["group"], r["base"]) for r in rows] == [(v[0], v[2]) for v in few]
    shared = {json.dumps({k: v for k, v in r.items() if k not in ("group", "value")}) for r in rows if r["base"]}
    assert len(shared) == 1


def test_raw_input_starts_as_the_same_function(pfs: Simulator) -> None:
    shape = VitConfig(patch_size=256, width=16, depth=1, heads=2, embedding="per-position", embedding_init="pca")
    nets = []
    for kind in (SpecViT, RawInput):
        torch.manual_seed(0)
        net = kind(shape)
        net.start_from(fit_scaler(net, pfs, 0, 256))
        nets.append(net)
    flux = pfs.batch(4, 0, "raw").flux
    centred = [n.embedding(n.scaler.inputs(flux)) for n in nets]
    offset = nets[1].embedding(nets[1].scaler.inputs(nets[0].scaler.mean[None]))
    torch.testing.assert_close(centred[1] - offset, centred[0] - nets[0].embedding.bias, rtol=1e-2, atol=2e-2)


def test_stress_changes_what_it_says(pfs: Simulator, config: RunConfig, tmp_path: Path) -> None:
    blank = torch.full((4096,), 7.0)
    found = {label: flux for _, label, flux in conditions(pfs, 40, (20.5, 22.5), blank)}
    plain = found["as trained"]
    assert float((found["10% of the pixels lost, at random"] == 7).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert bool((found["blue half lost"][:, :2048] == 7).all())
    assert torch.equal(found["blue half lost"][:, 2048:], plain[:, 2048:])
    assert torch.equal(found["red half lost"][:, :2048], plain[:, :2048])
    changed = (found["1% of the pixels hit by cosmic rays"] != plain).float().mean()
    assert float(changed) == pytest.approx(0.01, abs=0.003)
    bright = (found["sky background 3 times as bright"] - plain).std()
    assert float(bright) > 0.2 * float(plain.std(0).mean())
    for title in ("resolution 2500 instead of 5000", "resolution 10000 instead of 5000"):
        # the same noise on lines of other depth
        assert 0 < float((found[title] - plain).abs().mean()) < 0.1
    torch.manual_seed(0)
    net = SpecViT(config.vit)
    fit_scaler(net, pfs, 0, 256)
    rows = stress(Pipeline(config, tmp_path), {"specvit": net}, {})
    assert [r.label for r in rows] == list(found)
    assert rows[0].r2.value == pytest.approx(0, abs=0.05)  # untrained: it answers the middle of the prior


def test_the_curve_set_stands_at_its_magnitudes(pfs: Simulator) -> None:
    e = curve_set(pfs, "snr-curve", "title", 8)
    assert e.info.n == 8 * len(CURVE_MAGNITUDES) == len(e.logg)
    assert e.levels is not None
    assert sorted(set(e.levels)) == CURVE_MAGNITUDES.tolist()
    bins = [(label, int(mask.sum())) for kind, label, _, _, mask in slices(e) if kind == "magnitude"]
    assert bins == [(f"{m:g}", 8) for m in CURVE_MAGNITUDES]
    assert torch.equal(curve_set(pfs, "snr-curve", "title", 8).flux, e.flux)


def test_intervals_hold_in_every_group_of_sigma(pfs: Simulator) -> None:
    """An untrained network with a wrong sigma is calibrated to right shares, also where the errors are uniform."""
    torch.manual_seed(0)
    net = SpecViT(VitConfig(patch_size=256, width=16, depth=1, heads=2, embedding="per-position"))
    fit_scaler(net, pfs, 0, 256)
    with torch.no_grad():
        net.head.weight.normal_(std=0.3)  # sigma depends on the spectrum
    calibrate(net, pfs, 6000)
    e = curve_set(pfs, "coverage", "title", 200)
    run_models(e, {"specvit": net}, {})
    error = np.abs(e.predicted["specvit"] - e.logg)
    assert (error <= e.sigma["specvit"]).mean() == pytest.approx(0.683, abs=0.04)
    assert (error <= e.half95["specvit"]).mean() == pytest.approx(0.95, abs=0.03)
    rows = pit_rows(e)
    assert rows[0].slice == "all"
    assert all(sum(r.counts) == r.n for r in rows)
    assert len(rows) == 1 + len(CURVE_MAGNITUDES)


def test_ridge_learns_products_and_is_loaded_as_saved(pfs: Simulator, tmp_path: Path) -> None:
    from model.simulator import fixed_set
    from model.vit import Network, Scaler

    holder = Network()
    holder.scaler = Scaler(4096)
    fit_scaler(holder, pfs, 0, 512)
    validation = fixed_set(pfs, 300, "validation", (20, 21))
    ridge = Ridge.fit(pfs, holder.scaler, validation, 1000, 0, distinct=200)
    assert ridge.n_parameters == COMPONENTS + PRODUCTS * (PRODUCTS + 1) // 2 + 1
    ridge.save(tmp_path / "ridge.npz")
    again = Ridge.load(tmp_path / "ridge.npz", holder.scaler)
    np.testing.assert_array_equal(again.predict(validation.flux), ridge.predict(validation.flux))


def test_a_pool_of_labels_is_the_same_every_time(pfs: Simulator) -> None:
    a = pfs.batch(500, 3, "train", 1, distinct=20)
    b = pfs.batch(500, 3, "train", 2, distinct=20)
    pools = [{tuple(row) for row in batch.labels.tolist()} for batch in (a, b)]
    assert len(pools[0] | pools[1]) == 20
    other = pfs.draw_distinct(500, 20, 4, generator(0, "x"))
    assert not {tuple(row) for row in other.tolist()} & pools[0]
