"""From synthetic to real stars: splits, variations, resumable units, and a report that the builder accepts."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from survey_files import labels_of, write_desi_coadd, write_mwsall

from model import instruments
from model.baselines import mlp
from model.cli import main
from model.grid import load_optical
from model.ingest import run as ingest
from model.ingest import sources
from model.resample import to_instrument
from model.simulator import PRIORS, generator
from model.surveys import ObservedSpectra, lamost
from model.train import predict
from model.transfer import report, stars
from model.transfer.augment import Variation, Variations, VariedSimulator, sky_template
from model.transfer.bands import Band, bands
from model.transfer.experiment import (
    Experiment,
    TransferConfig,
    folds_of,
    interval_factors,
    smaller,
    stratified,
)
from model.transfer.fit import FitConfig, fit_baseline, fit_network
from model.transfer.stars import Stars
from model.vit import VitConfig
from site_builder.contract import BadInput
from site_builder.contract.transfer import TransferFile, TransferSet

ROOT = Path(__file__).resolve().parent.parent
observed = pytest.mark.skipif(
    not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md"
)
LOGG = np.concatenate([np.full(20, 2.0), np.full(30, 3.0), np.full(450, 4.4)])


def test_folds_are_disjoint_whole_and_hold_every_class() -> None:
    folds = folds_of(LOGG, 5, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(500))
    for rows in folds:
        assert len(rows) == 100
        assert [(LOGG[rows] < 2.5).sum(), ((LOGG[rows] >= 2.5) & (LOGG[rows] < 3.5)).sum()] == [4, 6]
    assert any((a != b).any() for a, b in zip(folds, folds_of(LOGG, 5, 1), strict=True))


@pytest.mark.parametrize("n", [3, 10, 100, 499, 500])
def test_few_stars_keep_every_class(n: int) -> None:
    rows = stratified(LOGG, np.arange(500), n, 0)
    assert len(rows) == len(set(rows.tolist())) == n
    assert (LOGG[rows] < 2.5).any()
    assert ((LOGG[rows] >= 2.5) & (LOGG[rows] < 3.5)).any()
    assert (LOGG[rows] > 3.5).sum() >= min(0.8 * n, n - 2)
    assert (stratified(LOGG, np.arange(500), n, 0) == rows).all()


def test_more_stars_are_more_steps() -> None:
    fit = FitConfig(steps=400, few_steps=150)
    assert [fit.steps_for(n) for n in (5, 10, 100, 1000, 5000)] == [150, 150, 275, 400, 400]


def test_conformal_factors_cover_new_stars() -> None:
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.05, 0.5, 8000)
    error = np.abs(rng.standard_t(3, 8000)) * sigma * 1.7
    narrow, wide = interval_factors(error[:4000], sigma[:4000])
    assert (error[4000:] <= narrow * sigma[4000:]).mean() == pytest.approx(0.683, abs=0.02)
    assert (error[4000:] <= wide * sigma[4000:]).mean() == pytest.approx(0.95, abs=0.012)


@pytest.fixture(scope="module")
def instrument() -> instruments.Instrument:
    return instruments.lamost()


def test_only_training_spectra_are_varied(instrument: instruments.Instrument) -> None:
    grid, prior = load_optical(), PRIORS["lamost"]
    varied = VariedSimulator(instrument, prior, grid, Variation(resolutions=(1500.0, 2200.0), depth=0.2, gap=100))
    plain = VariedSimulator(instrument, prior, grid, None)
    assert torch.equal(varied.batch(8, 0, "x", jitter=False).flux, plain.batch(8, 0, "x", jitter=False).flux)
    first, again = varied.batch(8, 0, "x").flux, varied.batch(8, 0, "x").flux
    assert torch.equal(first, again)
    assert not torch.equal(first, plain.batch(8, 0, "x").flux)


@pytest.mark.parametrize(
    "variation",
    [
        Variation(depth=0.2),
        Variation(discrepancy=0.05),
        Variation(sky=0.1),
        Variation(resolutions=(1400.0,)),
        Variation(velocity_kms=60.0),
        Variation(continuum=0.2),
    ],
    ids=lambda v: next(iter(v.words())),
)
def test_each_variation_changes_noise_free_spectra(variation: Variation, instrument: instruments.Instrument) -> None:
    """At S/N 10^5 what is left is the variation; the continuum that is divided out leaves the lines as they were."""
    prior = PRIORS["lamost"].model_copy(update={"snr": (1e5, 1.001e5)})
    quiet = replace(instrument, rv_jitter_kms=1e-6)
    simulator = VariedSimulator(quiet, prior, load_optical(), variation)
    if variation.velocity_kms:
        simulator = VariedSimulator(replace(instrument, rv_jitter_kms=10.0), prior, load_optical(), variation)
    g = generator(0, "same")
    labels = simulator.draw_labels(32, g)
    clean = instrument.normalise(simulator.clean(labels))
    flux = simulator.observe(labels, torch.full((32,), 1e5), g, jitter=True).flux
    changed = float((flux - clean).std())
    assert changed > 2e-3
    assert list(variation.words()) == [next(iter(variation.words()))]


def test_lost_pixels_and_noise_of_observed_spectra(instrument: instruments.Instrument) -> None:
    flux = torch.ones(64, 960)
    mean = torch.full((960,), 0.5)
    out = Variations(instrument, Variation(gap=100), mean).of_observed(flux, generator(0, "x"))
    lost = (out == 0.5).sum(1)
    assert lost.max() > 50
    assert lost.max() < 100
    assert ((out == 0.5) | (out == 1)).all()
    noisy = Variations(instrument, Variation(noise=0.02), mean).of_observed(flux, generator(0, "x"))
    assert 0.002 < float((noisy - 1).std()) < 0.02
    assert torch.equal(Variations(instrument, Variation(), mean).of_observed(flux, generator(0, "x")), flux)


def test_the_sky_template_has_its_lines_where_the_sky_has(instrument: instruments.Instrument) -> None:
    sky = sky_template(instrument.wave)
    assert np.abs(sky).max() == pytest.approx(1)
    # OH 8-3 P1(2), air 8399.2 A: among the strongest lines of the band (Osterbrock et al. 1996, PASP 108, 277)
    near = (instrument.wave > 8397) & (instrument.wave < 8406)
    assert sky[near].max() > 5 * np.median(np.abs(sky))


def test_repeated_spectra_measure_the_catalogue() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    truth = np.repeat(rng.uniform(3, 5, n // 2), 2)
    logg = truth + rng.normal(0, 0.1, n)
    nothing = np.zeros((n, 2))
    spectra = ObservedSpectra(
        np.arange(n).astype(str), np.array([1.0, 2.0]), nothing, nothing, np.zeros(n), logg, np.full(n, 5000.0),
        np.zeros(n),
    )  # fmt: skip
    at = np.repeat(np.arange(n // 2) * 0.01, 2)
    error, pairs = stars.repeat_error(spectra, {"ra": at, "dec": at})
    assert pairs == n // 2
    assert error == pytest.approx(0.1, abs=0.006)


def made_up_stars(instrument: instruments.Instrument, n: int, seed: int, role: str = "cross-validated") -> Stars:
    """Stars "observed": lines too weak by a fifth and a catalogue half a dex off: something to adapt to."""
    simulator = VariedSimulator(instrument, PRIORS["lamost"], load_optical(), None)
    batch = simulator.batch(n, seed, "made-up", jitter=False)
    flux = 1 + 0.8 * (batch.flux - 1)
    labels = batch.labels.double().numpy()
    valid = torch.ones_like(flux, dtype=torch.bool)
    valid[:, 100:120] = False
    info = TransferSet(
        name=f"made-up-{seed}", title="Made up", origin="emulated", survey="none", role=role, n=n,  # type: ignore[arg-type]
        description="d", label_source="l", credit="c", selection={"all": n}, label_error=0.1, label_error_source="s",
    )  # fmt: skip
    return Stars(
        info, [f"{seed}-{i}" for i in range(n)], flux, valid, labels[:, 1] + 0.5, np.full(n, np.nan), labels[:, 0],
        labels[:, 2], batch.snr.double().numpy(), labels[:, 0] < 5500,
    )  # fmt: skip


@pytest.fixture(scope="module")
def band() -> Band:
    real = bands()["lamost"]
    return replace(
        real,
        vit=VitConfig(n_pixels=960, patch_size=60, width=32, depth=1, heads=2, embedding="per-position",
                      embedding_init="pca"),
        synthetic=replace(real.synthetic, resolutions=(1800.0,)),
        cross_validated=lambda i: made_up_stars(i, 300, 1),
        independent=(lambda i: made_up_stars(i, 40, 2, "independent"),),
        files=(),
        sizes=(30,),
    )  # fmt: skip


CONFIG = smaller(TransferConfig(), 20)


@pytest.fixture(scope="module")
def experiment(band: Band, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Experiment]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = Experiment(band, CONFIG, tmp_path_factory.mktemp("transfer"))
    made.run()
    yield made
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_units_are_made_once(experiment: Experiment) -> None:
    units = sorted((experiment.folder / "units").glob("*.npz"))
    assert len(units) == len(list(experiment.units()))
    before = [p.stat().st_mtime_ns for p in units]
    units[3].unlink()
    experiment.run()
    after = [p.stat().st_mtime_ns for p in units]
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [3]


@pytest.mark.slow
def test_the_report_is_what_the_units_say(experiment: Experiment) -> None:
    made = report.Report(experiment)
    file = made.file()
    assert made.possible[0] == 1
    assert 5 < made.possible[1] < 5.6
    row = next(
        r for r in file.rows
        if (r.model, r.strategy, r.augmented, r.n_real, r.slice) == ("specvit", "two-stage", True, 240, "all")
        and r.set == "made-up-1"
    )  # fmt: skip
    unit = next(u for u in experiment.units() if u.name == "two-stage-specvit-varied-00240")
    answers = np.clip(experiment.read(unit)["cv"].round(4), *made.possible)
    d = answers - experiment.stars.logg
    assert row.n == 300
    assert row.sigma.value == pytest.approx(d.std(), abs=1e-4)
    assert row.bias.value == pytest.approx(d.mean(), abs=1e-4)
    assert row.sigma.lo < row.sigma.value < row.sigma.hi
    assert {r.label for r in file.rows if r.slice == "subset"} == {"subset"}
    assert row.coverage68 == pytest.approx(0.68, abs=0.08)
    independent = next(r for r in file.rows if r.set == "made-up-2" and r.strategy == "two-stage")
    assert independent.n == 40
    own = next(s for s in file.stars if s.set == "made-up-1")
    assert own.answers[0].predicted[:3] == [round(float(v), 4) for v in np.clip(
        experiment.read(next(iter(experiment.units())))["cv"].round(4), *made.possible)[:3]]  # fmt: skip


@pytest.mark.slow
def test_training_on_stars_mends_what_synthetic_spectra_got_wrong(experiment: Experiment) -> None:
    """A network that saw 240 such stars is nearer to the other 60 than before it saw them."""
    net = experiment.pretrained("mlp", True)
    held_out = experiment.folds[0]
    rows = experiment.training_rows(held_out, experiment.full)
    flux, logg = experiment.inputs(experiment.stars, net), torch.from_numpy(experiment.stars.logg).float()

    def error() -> float:
        return float((predict(net, flux[held_out])[0] - logg[held_out]).abs().mean())

    before = error()
    fit = FitConfig(steps=200, few_steps=200, batch_size=32, warmup=10)
    fit_network(net, flux[rows], logg[rows], fit, 0, None)
    assert error() < 0.8 * before


def test_a_held_out_star_does_not_change_its_own_answer(band: Band, tmp_path: Path) -> None:
    """The label of a held-out star plays no part: training on the rows of another fold never reads it."""
    experiment = Experiment(band, CONFIG, tmp_path)
    for held_out in experiment.folds:
        rows = experiment.training_rows(held_out, experiment.full)
        assert not set(rows.tolist()) & set(held_out.tolist())
        few = experiment.training_rows(held_out, 30)
        assert set(few.tolist()) <= set(rows.tolist())
        assert len(few) == 30


def test_one_spectrum_of_no_signal_does_not_spoil_a_baseline() -> None:
    rng = np.random.default_rng(0)
    x, logg = rng.normal(size=(200, 30)), rng.uniform(1, 5, 200)
    x[:, 0] += logg
    wild = x.copy()
    wild[7] *= 1e4
    for name in ("ridge", "svr"):
        model: Any = fit_baseline(name, wild, logg, 0)
        error = model.predict(np.delete(x, 7, 0)) - np.delete(logg, 7)
        assert error.std() < 0.85 * logg.std(), name
    with pytest.raises(ValueError, match="no baseline wavelets"):
        fit_baseline("wavelets", x, logg, 0)


def test_fluxes_in_small_units_are_the_same_star(instrument: instruments.Instrument) -> None:
    wave = instrument.wave
    flux = 1 + 0.3 * np.sin(wave / 50)
    one = to_instrument(wave, flux, np.full(960, 1e4), 0.0, instrument)
    tiny = to_instrument(wave, flux * 1e-14, np.full(960, 1e32), 0.0, instrument)
    torch.testing.assert_close(one.flux, tiny.flux, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.sigma, tiny.sigma, atol=1e-5, rtol=1e-4)
    assert tiny.snr == pytest.approx(one.snr, rel=1e-4)


def test_fitting_lowers_the_error_and_is_reproducible(instrument: instruments.Instrument) -> None:
    some = made_up_stars(instrument, 200, 5)
    logg = torch.from_numpy(some.logg).float()
    states = []
    for _ in range(2):
        net = mlp.build(960, (64, 32), 0)
        net.scaler.label.copy_(torch.tensor([3.0, 1.0]))
        net.scaler.mean.fill_(1.0)
        net.scaler.sigma.fill_(0.1)
        fit_network(net, some.flux, logg, FitConfig(steps=120, few_steps=120, batch_size=32), 0, None)
        states.append(net.scaler.outputs(net(some.flux)[0])[0].detach())
    assert torch.equal(*states)
    assert float((states[0] - logg).square().mean()) < 0.8 * float(logg.var())


def test_a_folder_without_results_is_refused(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"index\.json"):
        report.write([experiment], tmp_path)
    assert not list(tmp_path.iterdir())


@observed
@pytest.mark.parametrize("name", ["lamost", "h-band", "apogee-window"])
def test_real_stars_have_valid_labels_and_nobody_is_in_two_sets(name: str) -> None:
    chosen = bands()[name]
    instrument = chosen.instrument()
    sets = [make(instrument) for make in (chosen.cross_validated, *chosen.independent)]
    for one in sets:
        assert one.info.n == len(one) == list(one.info.selection.values())[-1]
        assert np.isfinite(one.logg).all()
        assert ((one.logg > -1.5) & (one.logg < 6)).all()
        assert np.isfinite(one.flux.numpy()).all()
        assert len(set(one.id)) == len(one.id)
        assert one.valid.any(1).all()
    names = [set(one.id) for one in sets]
    assert all(not (a & b) for i, a in enumerate(names) for b in names[:i])


@pytest.mark.slow
def test_desi_shards_are_stars_of_an_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From coadd files and a catalogue through ingest to a transfer file: what a DESI user does."""
    ids = np.arange(1, 81)
    labels = labels_of(80, 3)
    write_mwsall(tmp_path / "mwsall.fits", ids, labels)
    for k in range(2):
        write_desi_coadd(tmp_path / "coadds" / f"coadd-main-bright-{k}.fits", ids[40 * k : 40 * k + 40], k)
    shards, out = tmp_path / "shards", tmp_path / "results"
    source = sources.get("desi")
    ingest.ingest(
        sources.find([tmp_path / "coadds"], source), source, ingest.Options(shards, tmp_path / "mwsall.fits", 1)
    )
    shutil.copytree(ROOT / "results", out)
    arguments = ["transfer", "desi", "--shards", str(shards), "--out", str(out), "--runs", str(tmp_path / "runs")]
    assert main([*arguments, "--scale-down", "1000", "--threads", "1"]) == 0, capsys.readouterr().err
    file = TransferFile.model_validate_json((out / "transfer" / "desi.json").read_bytes())
    assert file.sets[0].selection["spectra in the shards"] == 80
    assert file.sets[0].n >= 60
    position = dict(zip(ids.tolist(), range(80), strict=True))
    for name, logg in zip(file.stars[0].id, file.stars[0].logg, strict=True):
        assert logg == pytest.approx(labels["logg"][position[int(name)]], abs=1e-3)
    assert (out / "instruments" / "desi.json").exists()
    assert main(["transfer", "desi"]) == 2
    assert "--shards" in capsys.readouterr().err


@observed
def test_library_labels_agree_as_libraries_do() -> None:
    error, source = stars.library_error()
    assert 0.05 < error < 0.4
    assert "17 stars" in source
