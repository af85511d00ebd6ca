"""The browser's arithmetic against numpy: seeded noise, the noise model, smoothing, wavelengths, colours."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from site_builder import lines
from tests.site_fixture import serve

STATIC = Path(__file__).resolve().parent.parent / "static"
SEEDS = (0, 1, 3, 12345, 2**31 - 1, 2**31, 2**32 - 1)
N = 2048


@pytest.fixture(scope="module")
def call(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """``call(module, body, argument)`` runs JavaScript with the module's exports as ``m``."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "js").symlink_to(STATIC / "js")
    (folder / "index.html").write_text("<!doctype html><title>modules</title>")
    with serve(folder) as address:
        page = browser.new_page()
        page.goto(address)

        def run(module: str, body: str, argument: object = None) -> Any:
            return page.evaluate(
                f"async (a) => {{ const m = await import('/js/{module}.js'); return ({body}); }}", argument
            )

        yield run
        page.close()


def uniforms(seed: int, n: int) -> np.ndarray:
    """mulberry32 as its author wrote it, one draw after the other, in Python's own integers."""
    mask = 0xFFFFFFFF
    out, state = [], seed & mask
    for _ in range(n):
        state = (state + 0x6D2B79F5) & mask
        t = ((state ^ (state >> 15)) * (state | 1)) & mask
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
        out.append((t ^ (t >> 14)) & mask)
    return np.array(out) / 2.0**32


def normals(seed: int, n: int) -> np.ndarray:
    u = uniforms(seed, 2 * n)
    return np.sqrt(-2 * np.log(1 - u[0::2])) * np.cos(2 * np.pi * u[1::2])


@pytest.mark.parametrize("seed", SEEDS)
def test_uniforms_agree_bit_for_bit(call: Any, seed: int) -> None:
    drawn = call("noise", f"Array.from({{length: {N}}}, (_, i) => m.uniform(a, i + 1))", seed)
    assert np.array_equal(drawn, uniforms(seed, N))


@pytest.mark.parametrize("seed", SEEDS)
def test_normals_agree(call: Any, seed: int) -> None:
    drawn = np.array(call("noise", f"Array.from(m.normals(a, {N}))", seed))
    assert np.allclose(drawn, normals(seed, N), rtol=0, atol=1e-12)  # logarithms and cosines differ in the last bits


def test_python_and_browser_share_the_noise(call: Any) -> None:
    """The model's own generator, which made the ladders, gives the same numbers."""
    noise = pytest.importorskip("model.noise")
    drawn = np.array(call("noise", "Array.from(m.normals(a, 4096))", 17))
    assert np.allclose(drawn, noise.normals(17, 4096), rtol=0, atol=1e-12)


def test_normals_are_normal() -> None:
    z = normals(5, 4096)
    assert abs(z.mean()) < 0.06
    assert abs(z.std() - 1) < 0.04


def test_sigma_and_snr(call: Any) -> None:
    rng = np.random.default_rng(2)
    flux, signal, background = rng.uniform(0.4, 1.2, 501), rng.uniform(500, 900, 501), rng.uniform(50, 5000, 501)
    instrument = {
        "magnitude_zero": 18.0,
        "n_exposures": 12,
        "signal_e": signal.tolist(),
        "background_e2": background.tolist(),
    }
    unit = signal * 10 ** (-0.4 * (21.25 - 18.0))
    sigma = np.sqrt(background + unit * flux) / np.sqrt(12) / unit
    body = "{ const s = m.sigmaFlux(a.i, a.f, 21.25); return [Array.from(s), m.snr(a.f, s)]; }"
    got, ratio = call("noise", f"(() => {body})()", {"i": instrument, "f": flux.tolist()})
    assert np.allclose(got, sigma, rtol=1e-12)
    assert ratio == pytest.approx(float(np.median(flux / sigma)), rel=1e-12)


@pytest.mark.parametrize("n", [4, 5])
def test_median(call: Any, n: int) -> None:
    values = [3.0, -1.0, 7.0, 2.0, 2.5][:n]
    assert call("noise", "m.median(Float64Array.from(a))", values) == float(np.median(values))


def smoothed(flux: np.ndarray, sigma: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(len(flux))
    kernel = np.exp(-0.5 * ((i[:, None] - i) / width) ** 2) * (np.abs(i[:, None] - i) <= np.ceil(4 * width))
    good = np.isfinite(flux)
    weight = kernel[:, good] / sigma[good] ** 2
    total = weight.sum(1)
    out = weight @ flux[good] / total
    error = np.sqrt((kernel[:, good] * weight).sum(1)) / total
    out[~good] = error[~good] = np.nan
    return out, error


def test_smoothing_is_weighted_by_inverse_variance(call: Any) -> None:
    rng = np.random.default_rng(3)
    flux, sigma = rng.normal(1, 0.2, 120), rng.uniform(0.05, 0.5, 120)
    flux[[0, 50, 51]] = np.nan
    listed = [None if np.isnan(f) else float(f) for f in flux]
    got = call("spectrum", "m.smooth(a.f, a.s, 2.5)", {"f": listed, "s": sigma.tolist()})
    want = smoothed(flux, sigma, 2.5)
    for key, values in zip(("flux", "sigma"), want, strict=True):
        assert np.allclose(np.array(got[key], dtype=float), values, equal_nan=True, rtol=1e-10)


def test_no_smoothing_changes_nothing(call: Any) -> None:
    got = call("spectrum", "m.smooth(a, null, 0)", [1.0, 0.5, 0.75])
    assert got["flux"] == [1.0, 0.5, 0.75]
    assert got["sigma"] is None


@pytest.mark.parametrize("wave", [5000.0, 7100.0, 8544.4, 9000.0])
def test_air_and_vacuum_agree_with_python(call: Any, wave: float) -> None:
    assert call("spectrum", "m.toAir(a)", wave) == pytest.approx(lines.to_air(wave), abs=1e-9)
    assert call("spectrum", "m.toVacuum(m.toAir(a))", wave) == pytest.approx(wave, abs=1e-7)
    how = {"w": wave, "how": {"observed": True, "air": True}}
    assert call("spectrum", "m.rest(m.shown(a.w, a.how, -57.5), a.how, -57.5)", how) == pytest.approx(wave, abs=1e-7)


def test_lines_in_air_and_vacuum() -> None:
    assert lines.to_vacuum(lines.to_air(8500.0)) == pytest.approx(8500.0, abs=1e-8)
    # Ca II 8542 in vacuum, and the size of the shift: 2.35 A.
    by_id = {line.id: line for line in lines.load()[1]}
    assert by_id["ca-ii-8542"].vacuum == pytest.approx(8544.438, abs=0.005)
    assert all(1.9 < line.vacuum - line.air < 2.5 for line in by_id.values())
    assert all(line.source for line in by_id.values())
    groups = {group.id for group in lines.load()[0]}
    assert {line.group for line in by_id.values()} == groups
    assert len(by_id) == len(lines.load()[1])


def test_permalinks_survive(call: Any) -> None:
    state = {"star": "run-a/star b", "mag": "21.5", "lines": "ca2,fe1"}
    link = call("permalink", "m.format(a)", state)
    assert link == "#v1&star=run-a/star%20b&mag=21.5&lines=ca2,fe1"
    assert call("permalink", "m.parse(a)", link) == state
    assert call("permalink", "m.parse(a)", "#v9&star=x") == {}


def test_colour_map_is_cividis(call: Any) -> None:
    import matplotlib as mpl

    want = np.rint(mpl.colormaps["cividis"](np.arange(256))[:, :3] * 255).astype(int)
    got = np.array(call("colormap", "Array.from(m.CIVIDIS)")).reshape(256, 3)
    assert np.array_equal(got, want)


def test_numbers_are_written_with_true_minus_signs(call: Any) -> None:
    write = partial(call, "format")
    assert write("m.fixed(a, 2)", -1.234) == "\u22121.23"
    assert write("m.signed(a, 1)", 0.04) == "+0.0"
    assert write("m.weight(a)", 0.0123456) == "0.0123"
    assert write("m.weight(a)", 3.2e-5) == "3.2\u00d710\u207b\u2075"


@pytest.mark.parametrize("library", ["uplot", "bokeh", "plotly", "onnxruntime"])
def test_vendored_files_are_the_published_ones(library: str) -> None:
    import hashlib

    folder = STATIC / "vendor" / library
    listed = re.findall(r"^sha256 ([0-9a-f]{64})  (\S+)$", (folder / "README.md").read_text(), re.M)
    assert listed
    for digest, name in listed:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (folder / "LICENSE").stat().st_size > 500


def test_bokehjs_is_of_the_version_that_writes_the_document() -> None:
    import bokeh

    readme = (STATIC / "vendor" / "bokeh" / "README.md").read_text()
    assert readme.startswith(f"BokehJS {bokeh.__version__},"), (
        "vendor BokehJS again from the package (see README.md there)"
    )


def test_inspector_document_is_the_same_at_every_build() -> None:
    from site_builder.figures.inspector import document

    first = document()
    assert document() == first
    assert '"p1"' in first
