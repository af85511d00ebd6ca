"""The simulator against physics, published numbers and independent codes."""

import re
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from model import data, instruments, noise
from model.grid import AXES, SpectralGrid, from_npz_arrays, from_plain_arrays, load_optical
from model.interpolation import leave_one_out
from model.resample import fill, resample, slope, vacuum_from_air
from model.simulator import PRIORS, Simulator, fixed_set, generator
from site_builder.contract import BadInput
from site_builder.contract.schema import Prior


@pytest.fixture(scope="module")
def grid() -> SpectralGrid:
    return load_optical()


@pytest.fixture(scope="module")
def pfs(grid: SpectralGrid) -> Simulator:
    return Simulator(instruments.pfs_mr(), PRIORS["pfs-mr"], grid)


@pytest.fixture(scope="module")
def lamost(grid: SpectralGrid) -> Simulator:
    return Simulator(instruments.lamost(), PRIORS["lamost"], grid)


def test_a_spectrum_at_a_node_is_the_node(grid: SpectralGrid) -> None:
    shape = [len(a.nodes) for a in grid.axes]
    for index in [(0, 0, 0), (3, 4, 2), (9, 8, 6), (5, 0, 6)]:
        labels = torch.tensor([[a.nodes[i] for a, i in zip(grid.axes, index, strict=True)]], dtype=torch.float64)
        node = grid.nodes[np.ravel_multi_index(index, shape)]
        torch.testing.assert_close(grid.spectra(labels)[0], node, rtol=1e-5, atol=1e-5)


def test_derivatives_agree_with_finite_differences(pfs: Simulator) -> None:
    labels = torch.tensor([[4810.0, 2.3, -0.4], [5333.0, 4.1, -1.6]], dtype=torch.float64)
    exact = pfs.grid.jacobian(labels)
    for i, step in enumerate((20.0, 0.05, 0.05)):
        shift = torch.zeros(3, dtype=torch.float64)
        shift[i] = step
        numeric = (pfs.grid.spectra(labels + shift) - pfs.grid.spectra(labels - shift)) / (2 * step)
        scale = exact[:, i].abs().max()
        assert (numeric - exact[:, i]).abs().max() < 0.01 * scale, AXES[i]


def test_weights_sum_to_one_and_their_derivatives_to_zero(grid: SpectralGrid) -> None:
    labels = torch.tensor([[5123.0, 3.3, -0.77]], dtype=torch.float64)
    assert float(grid.weights(labels).sum()) == pytest.approx(1, abs=1e-5)
    for name in AXES:
        assert float(grid.weights(labels, name).sum()) == pytest.approx(0, abs=1e-5)


def test_labels_outside_the_grid_are_refused(grid: SpectralGrid) -> None:
    with pytest.raises(ValueError, match="outside"):
        grid.spectra(torch.tensor([[3000.0, 3.0, 0.0]]))


def test_noise_agrees_with_the_exposure_time_calculator(pfs: Simulator) -> None:
    """The calculator's own SNR of a flat spectrum is in its file; ours is computed from its electrons."""
    etc = data.load("pfs_mr_noise_model.npz")
    flat = torch.ones(1, 4096)
    for magnitude in (18, 20, 22):
        sigma = pfs.instrument.noise.sigma(flat, torch.tensor([float(magnitude)]))[0]
        expected = etc[f"snr_mag{magnitude}"]
        ratio = (1 / sigma.numpy()) / expected
        assert np.abs(ratio - 1).max() < 0.02, (magnitude, ratio.min(), ratio.max())


@pytest.mark.parametrize("name", ["pfs", "lamost"])
def test_noise_variance_is_that_of_the_noise_model(name: str, request: pytest.FixtureRequest) -> None:
    simulator: Simulator = request.getfixturevalue(name)
    level = 21.5 if name == "pfs" else 40.0
    labels = torch.tensor([[5000.0, 3.0, -0.5]]).expand(1500, -1)
    raw = copy(simulator)
    raw.instrument = instruments.get(simulator.instrument.name)
    raw.instrument.normalise = lambda flux: flux  # type: ignore[method-assign]
    batch = raw.observe(labels, torch.full((1500,), level), generator(0, "variance"))
    clean = simulator.grid.spectra(labels[:1])
    expected = simulator.instrument.noise.sigma(clean, torch.tensor([level]))[0] ** 2
    ratio = batch.flux.var(0) / expected
    # the variance of 1500 draws scatters by 3.7 %; the mean over thousands of pixels by well under 1 %
    assert float(ratio.mean()) == pytest.approx(1, abs=0.01)
    assert float(ratio.std()) == pytest.approx((2 / 1499) ** 0.5, rel=0.15)
    assert float((batch.flux.mean(0) - clean[0]).abs().div(expected.sqrt()).max()) < 5 / 1500**0.5


def test_calcium_triplet_grows_as_gravity_falls_for_giants(pfs: Simulator) -> None:
    """Ca II 8542 is stronger in giants: the physics behind the whole project (e.g. Jones et al. 1984)."""
    logg = torch.tensor([1.0, 1.5, 2.0, 2.5, 3.0])
    labels = torch.stack([torch.full_like(logg, 4750.0), logg, torch.full_like(logg, -0.5)], 1)
    flux = pfs.clean(labels).numpy()
    wave = pfs.instrument.wave
    line = np.abs(wave - 8544.4) < 12
    continuum = np.percentile(flux[:, np.abs(wave - 8544.4) < 40], 90, axis=1)
    width = ((1 - flux[:, line] / continuum[:, None]) * np.gradient(wave)[line]).sum(1)
    assert (np.diff(width) < 0).all(), width
    assert 2 < width[-1] < width[0] < 12


def test_an_independent_emulator_agrees(pfs: Simulator, grid: SpectralGrid) -> None:
    """The Doppler package's Cannon model of other synthetic spectra, brought to our pixels (air to vacuum too)."""
    cannon = data.load("doppler_cannon_coolstars_subset.npz")
    instrument = pfs.instrument
    wave = vacuum_from_air(cannon["wave_air_opt"])
    keep = (wave > 7095) & (wave < 8868)
    matrix = instrument.lsf_matrix(wave[keep], 1e5)
    for teff, logg, mh in [(5000, 3.0, -0.5), (5500, 4.5, 0.0), (4800, 2.0, -1.0)]:
        x = (np.array([teff, logg, mh]) - cannon["fiducials"]) / cannon["scales"]
        vector = np.concatenate([[1], np.prod(x ** cannon["powers"], axis=1)])
        theirs = matrix @ (cannon["theta_opt"][keep] @ vector)
        ours = pfs.clean(torch.tensor([[float(teff), logg, mh]]))[0].numpy()
        inner = slice(40, -40)
        x_fit = np.linspace(-1, 1, 4096)[inner]
        ratio = (ours / theirs)[inner]
        ratio /= np.polynomial.Legendre.fit(x_fit, ratio, 5)(x_fit)  # theirs is divided by its continuum
        assert ratio.std() < 0.025, (teff, logg, mh, ratio.std())


def test_line_spread_function_has_the_stated_width() -> None:
    """A single narrow line comes out as a Gaussian of FWHM lambda / R."""
    instrument = instruments.pfs_mr()
    wave = np.exp(np.arange(np.log(7088), np.log(8866), 1 / 60_000))
    flux = np.zeros_like(wave)
    flux[np.searchsorted(wave, 8000.0)] = 1.0
    seen = instrument.lsf_matrix(wave, 1e9) @ flux
    centre = (seen * instrument.wave).sum() / seen.sum()
    sigma = np.sqrt((seen * (instrument.wave - centre) ** 2).sum() / seen.sum())
    pixel = instrument.wave_axis.step
    expected = np.sqrt((8000 / 5000 / instruments.FWHM) ** 2 + pixel**2 / 12)
    assert centre == pytest.approx(8000, abs=0.2)
    assert sigma == pytest.approx(expected, rel=0.02)


def test_interpolation_error_is_measured(pfs: Simulator) -> None:
    axes = {a.axis: a for a in leave_one_out(pfs.grid)}
    assert axes["teff"].n_nodes == 8 * 9 * 7
    assert axes["logg"].n_nodes == 10 * 7 * 7
    for axis in axes.values():
        assert 0 < axis.median < 0.002 < axis.worst < 0.3
        assert axis.median < axis.p99 <= axis.worst


def test_leave_one_out_is_exact_for_cubics() -> None:
    rng = np.random.default_rng(0)
    nodes = [np.array([0, 1, 2.5, 3, 4, 5.5]), np.linspace(1, 5, 6), np.array([-2, -1, -0.5, 0, 0.5, 1])]
    a, b, c = np.meshgrid(*nodes, indexing="ij")
    flux = np.stack([1 + 0.01 * (k * a**3 + b**2 * c - c**3) for k in rng.normal(size=5)], -1)
    for axis in leave_one_out(SpectralGrid.from_arrays(np.arange(5.0), flux, nodes)):
        assert axis.worst < 1e-5 * np.abs(flux).max()


def test_fixed_sets_are_fixed_and_streams_never_meet(pfs: Simulator) -> None:
    first, again = fixed_set(pfs, 300, "test"), fixed_set(pfs, 300, "test")
    assert torch.equal(first.flux, again.flux)
    other = fixed_set(pfs, 300, "validation")
    train = pfs.batch(300, 0, "train")
    for a, b in ((first, other), (first, train), (other, train)):
        assert not set(map(tuple, a.labels.tolist())) & set(map(tuple, b.labels.tolist()))
    narrow = fixed_set(pfs, 300, "test", (21.0, 21.5))
    assert 21.0 <= float(narrow.level.min()) <= float(narrow.level.max()) <= 21.5


def test_labels_fill_the_prior(pfs: Simulator) -> None:
    labels = pfs.draw_labels(20_000, generator(1, "prior"))
    for i, name in enumerate(AXES):
        lo, hi = getattr(pfs.prior, name)
        assert lo <= float(labels[:, i].min())
        assert float(labels[:, i].max()) <= hi
        assert float(labels[:, i].mean()) == pytest.approx((lo + hi) / 2, abs=0.02 * (hi - lo))


def test_a_prior_that_leaves_the_grid_is_refused(grid: SpectralGrid) -> None:
    prior = Prior(teff=(3000, 6000), logg=(1, 5), mh=(-2.5, 0.75), magnitude=(20, 23), snr=None)
    with pytest.raises(BadInput, match=r"field teff .* leaves the grid"):
        Simulator(instruments.pfs_mr(), prior, grid)


def test_shared_noise_is_unit_normal_and_reproducible() -> None:
    z = noise.normals(7, 200_000)
    assert abs(z.mean()) < 0.01
    assert z.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(z[:10], noise.normals(7, 10))
    assert not np.array_equal(noise.normals(8, 10), z[:10])


def test_resampling_keeps_flux_and_information() -> None:
    wave = np.linspace(7000, 9000, 4001)
    flux, ivar = 1 + 0.1 * np.sin(wave / 100), np.full(4001, 4.0)
    ivar[1000:1100] = 0
    edges = np.linspace(7100, 8900, 451)  # 4 A pixels from 0.5 A pixels
    f, i = resample(wave, flux, ivar, edges)
    centre = 0.5 * (edges[1:] + edges[:-1])
    good = i > 0
    np.testing.assert_allclose(f[good], 1 + 0.1 * np.sin(centre[good] / 100), atol=2e-3)
    assert np.median(i) == pytest.approx(4.0 * 8, rel=0.01)  # eight pixels in one: eight times the weight
    assert not good[(centre > 7505) & (centre < 7545)].any()
    assert np.isfinite(fill(f, good)).all()


def test_air_to_vacuum() -> None:
    """Ca II triplet, air and vacuum wavelengths of the NIST database."""
    np.testing.assert_allclose(
        vacuum_from_air(np.array([8498.02, 8542.09, 8662.14])), [8500.35, 8544.44, 8664.52], atol=0.02
    )


@pytest.mark.parametrize("changes", [{"flux": np.ones((4, 4, 3, 50))}, {"R": None}])
def test_a_damaged_grid_of_one_s_own_is_one_sentence(changes: dict[str, np.ndarray | None]) -> None:
    whole = {"wave_vac": np.linspace(7000, 9000, 50), "flux": np.ones((4, 4, 4, 50)), "R": np.float64(9000)}
    whole |= {name: np.arange(4.0) for name in AXES}
    assert from_plain_arrays(dict(whole), "grid.npz").resolution == 9000
    damaged = {k: v for k, v in (whole | changes).items() if v is not None}
    with pytest.raises(BadInput, match=rf"^grid\.npz: field {next(iter(changes))} .*; write the grid"):
        from_plain_arrays(damaged, "grid.npz")


@pytest.mark.parametrize("damage", ["missing", "shape", "empty"])
def test_a_damaged_grid_is_one_sentence(damage: str) -> None:
    arrays = {
        "wave_vac": np.linspace(7000, 9000, 50),
        "flux_u16": np.full((4, 4, 4, 50), 100, np.uint16),
        "flux_scale": np.float64(0.01),
        "cont_wave_vac": np.linspace(7000, 9000, 5),
        "continuum": np.ones((4, 4, 4, 5), np.float32),
        "valid": np.ones((4, 4, 4), bool),
        **{name: np.arange(4.0) for name in AXES},
    }
    assert from_npz_arrays(dict(arrays), "grid.npz").nodes.shape == (64, 50)
    if damage == "missing":
        del arrays["continuum"]
    elif damage == "shape":
        arrays["flux_u16"] = arrays["flux_u16"][:3]
    else:
        arrays["valid"][0, 0, 0] = False
    with pytest.raises(BadInput, match=r"^grid\.npz: field \w+ .*; \w+"):
        from_npz_arrays(arrays, "grid.npz")


def test_damaged_data_files_are_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    source = data.DATA / "pfs_mr_noise_model.npz"
    monkeypatch.setattr(data, "manifest", lambda: {"pfs_mr_noise_model.npz": {"sha256": data.sha256(source)}})
    monkeypatch.setattr(data, "DATA", tmp_path)
    with pytest.raises(BadInput, match="is not there"):
        data.load("pfs_mr_noise_model.npz")
    (tmp_path / "pfs_mr_noise_model.npz").write_bytes(source.read_bytes()[:-100])
    with pytest.raises(BadInput, match="sha256 is not the one in manifest"):
        data.load("pfs_mr_noise_model.npz")
    with pytest.raises(BadInput, match="damaged"):
        data.read_npz(tmp_path / "pfs_mr_noise_model.npz")


def test_a_manifest_without_an_entry_or_without_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"field files has no entry another\.npz; add it with its sha256"):
        data.load("another.npz")
    monkeypatch.setattr(data, "DATA", tmp_path)
    for content, said in (
        (None, "cannot be read (No such file or directory); restore it with git checkout data."),
        ("[]", "field files cannot be read; restore it with git checkout data."),
    ):
        if content is not None:
            (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(BadInput, match=re.escape(said)):
            data.manifest.__wrapped__()


def test_what_instruments_and_grids_do_not_have_is_refused(
    grid: SpectralGrid, pfs: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="--instrument: hubble is not known; choose one of pfs-mr, lamost"):
        instruments.get("hubble")
    inside = (grid.wave > 7200) & (grid.wave < 8800)
    with pytest.raises(BadInput, match=r"grid: field wave_vac \(720\d-8800 A\) does not cover pfs-mr"):
        pfs.instrument.lsf_matrix(grid.wave[inside])
    with pytest.raises(ValueError, match="derivative must be 0 or 1"):
        grid.axes[0].weights(torch.tensor([5000.0]), 2)
    arrays = data.load("pfs_mr_noise_model.npz")
    twice = arrays | {"sampling_factor": 2 * arrays["sampling_factor"]}
    monkeypatch.setattr(data, "load", lambda name: twice)
    with pytest.raises(BadInput, match="field sampling_factor is not 1"):
        instruments.pfs_mr()


def test_the_slope_of_a_spectrum_is_that_of_its_line() -> None:
    wave = np.linspace(7500, 8700, 200)
    rise, error = slope(wave, 2 * (1 + 0.3 * (wave - 8000) / 1000), np.ones(200))
    assert rise == pytest.approx(0.3)
    assert 0 < error < 1
    one_pixel = np.where(np.arange(200) == 7, 1.0, 0.0)
    for flux, ivar in ((np.ones(200), one_pixel), (np.ones(200), np.zeros(200)), (-np.ones(200), np.ones(200))):
        assert slope(wave, flux, ivar) == (0.0, np.inf)
