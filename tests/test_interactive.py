"""The SNR, token, attention and spectra pages in Chromium: what a reader does, by mouse, by keyboard, by link.

That every page is quiet, accessible and fits a phone is tested for all of them in test_browser.py.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from site_builder.contract import write_file, write_index
from site_builder.contract.io import read_index
from site_builder.pages import PAGES, attention, snr, spectra, tokens
from site_builder.publish import Site
from site_builder.render import render_page
from site_builder.results import Results
from tests.factory import make_results
from tests.site_fixture import build_site, serve, until

MODULES = (snr, tokens, attention, spectra)
NAMES = tuple(module.PAGE.slug for module in MODULES)


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_pixels=4096)


@pytest.fixture(scope="module")
def results(results_dir: Path) -> Results:
    return Results.load(results_dir)


@pytest.fixture(scope="module")
def address(results_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(build_site(results_dir, tmp_path_factory.mktemp("site") / "public", MODULES)) as url:
        yield url


class Tab:
    """A page under watch: what it complained about is in ``bad``."""

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.bad: list[str] = []
        self.page.on("pageerror", lambda e: self.bad.append(f"error {e}"))
        self.page.on("console", lambda m: m.type in ("error", "warning") and self.bad.append(f"{m.type} {m.text}"))
        left = "net::ERR_ABORTED"  # leaving a page ends its requests; that is no failure of the site
        self.page.on("requestfailed", lambda r: r.failure != left and self.bad.append(f"failed {r.url}"))

    def open(self, url: str, ready: str) -> Any:
        """Go there and wait until ``ready`` (a selector) is to be seen."""
        self.page.goto("about:blank")  # a link that differs in its hash alone would load nothing
        self.page.goto(url)
        self.page.mouse.move(2, 2)  # somebody is there: scripts start
        self.page.wait_for_selector(ready, timeout=10_000)
        return self.page


READY = {
    "snr": "#snr-spectrum canvas",
    "tokens": "#tok-spectrum canvas",
    "attention": "#att-grid [aria-checked=true]",
    "spectra": "#spe-about:not(:empty)",
}


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    watched = Tab(context)
    yield watched
    assert watched.bad == []
    context.close()


def go(tab: Tab, address: str, name: str, link: str = "") -> Any:
    return tab.open(f"{address}{name}.html{link}", READY[name])


def text(page: Any, selector: str) -> str:
    return page.inner_text(selector).replace("\u2212", "-").replace("\u00a0", " ")


def settle(page: Any) -> None:
    """Let the next frames be drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def link_has(page: Any, *parts: str) -> None:
    """The address comes to hold these parts (it is written once things are calm)."""
    until(page, lambda: all(part in page.evaluate("() => location.hash") for part in parts))


def test_snr_slider_by_keyboard(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "snr")
    ladder = results.main.examples["giant-a"].ladder
    assert ladder is not None
    slider = page.locator("#snr-magnitude")
    slider.focus()
    page.keyboard.press("End")
    settle(page)
    last = len(ladder.magnitudes) - 1
    assert text(page, "#snr-out-logg") == f"{ladder.logg[0][last]:.2f} ± {ladder.sigma[0][last]:.2f}"
    assert f"{ladder.magnitudes[last]:.2f}" in slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert text(page, "#snr-out-logg").startswith(f"{ladder.logg[0][last - 1]:.2f}")
    link_has(page, f"mag={ladder.magnitudes[last - 1]:g}")


def test_snr_slider_by_mouse_and_plot(tab: Tab, address: str) -> None:
    page = go(tab, address, "snr")
    box = page.locator("#snr-magnitude").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    settle(page)
    assert text(page, "#snr-magnitude-out") == "23.00"
    page.locator("#snr-ladder svg.svgplot").scroll_into_view_if_needed()
    plot = page.locator("#snr-ladder svg.svgplot").bounding_box()
    page.mouse.click(plot["x"] + 60, plot["y"] + 60)
    settle(page)
    assert text(page, "#snr-magnitude-out") == "20.00"


def test_snr_read_out_is_the_noise_models(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "snr", "#v1&star=specvit-test-pfs-mr/dwarf-c&mag=22&seed=2")
    star, i = results.main.examples["dwarf-c"], results.instruments["pfs-mr"]
    unit = np.array(i.signal_e) * 10 ** (-0.4 * (22 - (i.magnitude_zero or 0)))
    flux = np.array(star.flux, dtype=float)
    sigma = np.sqrt((np.array(i.background_e2) + unit * flux) / i.n_exposures) / unit
    assert text(page, "#snr-out-snr") == f"{np.median(flux / sigma):.1f}"


def test_snr_new_noise_and_permalink(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "snr", "#v1&star=specvit-test-pfs-mr/subgiant-b&mag=21&seed=1")
    ladder = results.main.examples["subgiant-b"].ladder
    assert ladder is not None
    k = ladder.magnitudes.index(21.0)
    assert text(page, "#snr-out-logg").startswith(f"{ladder.logg[0][k]:.2f}")
    page.click("#snr-seed")
    settle(page)
    assert text(page, "#snr-out-logg").startswith(f"{ladder.logg[1][k]:.2f}")
    assert text(page, "#snr-seed-out") == "2 of 2"
    link_has(page, "#v1&star=specvit-test-pfs-mr/subgiant-b&mag=21&seed=2")
    page.evaluate("() => { location.hash = '#v1&star=specvit-test-pfs-mr/giant-a&mag=20&seed=1'; }")
    until(page, lambda: text(page, "#snr-magnitude-out") == "20.00")
    assert page.input_value("#snr-star") == "specvit-test-pfs-mr/giant-a"


def test_snr_limits_follow_star_magnitude_and_noise(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "snr", "#v1&star=specvit-test-pfs-mr/dwarf-c&mag=22&seed=2")
    ladder = results.main.examples["dwarf-c"].ladder
    assert ladder is not None
    assert ladder.limits is not None
    k = ladder.magnitudes.index(22.0)

    def shown(k: int) -> tuple[str, str]:
        assert ladder.limits is not None
        mean, sd = ladder.limits.mean[1][k], ladder.limits.sd[1][k]
        return f"{mean:.2f} ± {sd:.2f}", f"{ladder.limits.crlb3[k]:.2f}, {ladder.limits.crlb5[k]:.2f}"

    assert (text(page, "#snr-out-posterior"), text(page, "#snr-out-crlb")) == shown(k)
    assert "narrower than the bound" in text(page, "#snr-out-limits")
    dot = "() => Number(document.querySelector('#snr-answers .posterior-dot').getAttribute('cx'))"
    before = page.evaluate(dot)
    page.focus("#snr-magnitude")
    page.keyboard.press("End")
    settle(page)
    assert (text(page, "#snr-out-posterior"), text(page, "#snr-out-crlb")) == shown(len(ladder.magnitudes) - 1)
    assert page.evaluate(dot) != before
    assert "wider than the prior" in text(page, "#snr-out-limits")
    faint = next(b for b in results.main.limits["snr-curve"].bins if b.label == "23")
    assert text(page, "#snr-out-population") == f"R² {faint.r2.value:.3f}, RMSE {faint.rmse.value:.2f}"
    assert "exact posterior" in page.get_attribute("#snr-answers .svgplot", "aria-label")


def test_chart_cursor_by_keyboard(tab: Tab, address: str) -> None:
    page = go(tab, address, "snr")
    surface = page.locator("#snr-spectrum .chart-surface")
    surface.focus()
    for _ in range(3):
        page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    assert "Å: flux" in text(page, "#snr-spectrum .chart-reading")
    until(page, lambda: "Å: flux" in page.locator("#snr-spectrum [role=status]").text_content())
    before = text(page, "#snr-spectrum .chart-reading")
    page.keyboard.press("Shift+ArrowRight")
    assert text(page, "#snr-spectrum .chart-reading") != before
    page.click("#snr-spectrum >> [aria-label='Whole band']")


def test_tokens_by_slider_pointer_and_link(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "tokens", "#v1&star=specvit-test-pfs-mr/dwarf-c&by=norm&patch=3")
    attention = results.main.attention["dwarf-c"]
    settle(page)
    assert text(page, "#tok-out-index") == "3 of 16"
    assert text(page, "#tok-out-norm") == f"{attention.embedding_norm[2]:.2f}"
    assert page.input_value("#tok-color") == "norm"
    page.focus("#tok-patch")
    page.keyboard.press("ArrowRight")
    settle(page)
    assert text(page, "#tok-out-index") == "4 of 16"
    assert "patch 4 of 16" in page.get_attribute("#tok-patch", "aria-valuetext")
    link_has(page, "patch=4")
    page.evaluate("document.querySelector('#tok-spectrum').scrollIntoView({ block: 'center' })")
    box = page.locator("#tok-spectrum .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + 40)
    settle(page)
    assert text(page, "#tok-out-index") == "16 of 16"  # a preview
    page.mouse.move(box["x"] + 10, box["y"] - 300)
    settle(page)
    assert text(page, "#tok-out-index") == "4 of 16"  # and back to what was kept
    page.mouse.click(box["x"] + box["width"] * 0.03, box["y"] + 40)
    page.mouse.move(box["x"] + 10, box["y"] - 300)
    settle(page)
    assert text(page, "#tok-out-index") == "1 of 16"
    wave = results.instruments["pfs-mr"].wave
    assert text(page, "#tok-out-wave").startswith(f"{wave.start - wave.step / 2:.1f}")


def test_tokens_tinted_by_each_measure(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "tokens", "#v1&star=specvit-test-pfs-mr/dwarf-c&by=fisher&patch=3")
    given = results.main.attribution["dwarf-c"]
    settle(page)
    share = given.cuts[0].fisher[2]
    assert float(
        page.get_attribute("#tok-patch", "aria-valuetext").split("unknown ")[1].split(";")[0]
    ) == pytest.approx(share, rel=0.01)
    offered = page.eval_on_selector_all("#tok-color option", "nodes => nodes.map((n) => n.value)")
    assert {"fisher", "gradient", "occlusion", "fisher-fine", "occlusion-fine", "rollout", "norm"} <= set(offered)
    page.select_option("#tok-color", "occlusion-fine")
    link_has(page, "by=occlusion-fine")
    assert "dex" in text(page, "#tok-scale-hi")
    assert page.get_attribute("#tok-measures-json", "href").endswith("attribution/dwarf-c.json")
    page.select_option("#tok-star", "specvit-test-lamost/obs-giant-a")  # a run without measures
    until(page, lambda: "observed" in text(page, "#tok-caption"))
    assert page.input_value("#tok-color") == "rollout"
    assert page.locator("#tok-measures-json").is_hidden()


def test_attention_beside_physics_reads_every_measure_at_once(tab: Tab, address: str) -> None:
    page = go(tab, address, "attention", "#v1&star=specvit-test-pfs-mr/giant-a&head=1.1&by=gradient")
    assert page.input_value("#att-by") == "gradient"
    page.focus("#att-layer")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#att-by") == "attention"  # the slider is of attention
    page.focus("#att-spectrum .chart-surface")
    page.keyboard.press("ArrowRight")
    reading = text(page, ".strips-reading")
    assert [word in reading for word in ("attention", "rolled out", "gradient", "occlusion", "Fisher")] == [True] * 5
    page.check("#att-strips-fine")
    page.focus("#att-spectrum .chart-surface")
    page.keyboard.press("ArrowRight")
    assert "-pixel windows" in text(page, ".strips-reading")


def test_tour_by_keyboard_over_both_pages(tab: Tab, address: str) -> None:
    page = go(tab, address, "tokens")
    assert page.locator("#tour-1").is_hidden()
    page.focus("[data-tour-start]")
    page.keyboard.press("Enter")
    assert page.locator("#tour-1").is_visible()
    assert page.evaluate("document.activeElement.closest('li').id") == "tour-1"
    link_has(page, "tour=1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#tour [data-step]:visible").count() == 1
    link_has(page, "by=norm")
    page.keyboard.press("ArrowLeft")
    link_has(page, "tour=2")
    page.keyboard.press("Escape")
    assert page.locator("#tour [data-step]:visible").count() == 0
    until(page, lambda: "tour=" not in page.url)
    go(tab, address, "tokens", "#v1&tour=3")
    page.click("text=Next")
    page.wait_for_url("**/attention.html**")
    until(page, lambda: page.locator("#tour-4").is_visible())
    link_has(page, "tour=4")


def test_a_link_to_a_step_shows_its_view(tab: Tab, address: str) -> None:
    page = go(tab, address, "attention", "#v1&tour=8")
    assert page.locator("#tour-8").is_visible()
    assert page.input_value("#att-by") == "fisher"
    assert page.locator("#tour .tour-controls button:has-text('Next')").is_disabled()


def test_without_scripts_the_tour_is_a_list_and_the_measures_are_drawn(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        for name, steps in (("tokens", 3), ("attention", 5)):
            page.goto(f"{address}{name}.html")
            assert page.locator("#tour ol > li:visible").count() == steps
            assert page.locator("[data-tour-start]").is_hidden()
        for figure in ("#att-strips", "[id^=fig-attention-deletion]"):
            assert page.locator(f"{figure} svg:visible").count() == 1
        assert page.locator("section[aria-labelledby=att-h-worth] table:visible").count() >= 3
    finally:
        context.close()


def test_tokens_other_run_and_seen_noise(tab: Tab, address: str) -> None:
    page = go(tab, address, "tokens")
    page.check("#tok-seen")
    link_has(page, "seen=1")
    page.select_option("#tok-star", "specvit-test-lamost/obs-giant-a")
    until(page, lambda: "observed" in text(page, "#tok-caption"))
    assert page.locator("#tok-seen-label").is_hidden()


def test_attention_layers_heads_and_cells(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "attention", "#v1&star=specvit-test-pfs-mr/giant-a&head=1.1")
    weights = np.array(results.main.attention["giant-a"].weights)
    page.focus("#att-layer")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#att-layer", "aria-valuetext") == "layer 1 (mean of heads)"
    page.focus("#att-grid [aria-checked=true]")
    head = "#att-grid [aria-checked=true]"
    page.keyboard.press("ArrowDown")
    until(page, lambda: page.get_attribute(head, "aria-label") == "layer 2, head 1")
    page.keyboard.press("ArrowRight")
    until(page, lambda: page.get_attribute(head, "aria-label") == "layer 2, head 2")
    link_has(page, "head=2.2", "layer=1")
    page.focus("#att-map .map-surface")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    reading = text(page, "#att-map .map-reading")
    query, key = (int(n) for n in re.findall(r"patch (\d+)", reading))
    assert (query, key) == (1, 2)
    shown = float(reading.rsplit(" ", 1)[1])
    assert shown == pytest.approx(weights[1, 1, 1, 2], rel=6e-3)
    until(page, lambda: "weight" in page.locator("#att-map [role=status]").text_content())
    low, high = (float(x) for x in re.findall(r"[01]\.\d{6}", text(page, "#att-sums")))
    assert abs(low - 1) < 1e-3
    assert abs(high - 1) < 1e-3


def test_attention_map_is_drawn_cell_by_cell(tab: Tab, address: str, results: Results) -> None:
    """The brightest cell of the canvas is the largest weight of the head."""
    page = go(tab, address, "attention", "#v1&star=specvit-test-pfs-mr/giant-a&head=2.3&scale=linear&own=1")
    weights = np.array(results.main.attention["giant-a"].weights)[1, 2]
    page.focus("#att-map .map-surface")
    values = page.evaluate(
        """(n) => {
          const canvas = document.querySelector('#att-map canvas');
          const { width, height } = canvas;
          const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
          const at = (i, size) => Math.floor((i + 0.5) * size / n);
          const red = (r, c) => data[4 * (at(r, height) * width + at(c, width))];
          return Array.from({ length: n * n }, (_, i) => red(Math.floor(i / n), i % n));
        }""",
        len(weights),
    )
    assert int(np.argmax(values)) == int(np.argmax(weights))


def test_attention_of_mean_pooling_without_noise(tab: Tab, address: str) -> None:
    page = go(tab, address, "attention", "#v1&star=specvit-test-lamost/obs-dwarf-c")
    assert page.locator("#att-seen-label").is_hidden()
    page.locator("#att-map canvas").scroll_into_view_if_needed()
    box = page.locator("#att-map canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 3)
    assert text(page, "#att-map .map-reading").startswith("From patch 1 ")
    assert "to patch 16 " in text(page, "#att-map .map-reading")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, np.ndarray]]:
    """A site with the attention of 257 tokens, and the weights behind it, (layers, heads, tokens, tokens)."""
    root = make_results(tmp_path_factory.mktemp("large"), n_pixels=512)
    results = Results.load(root)
    run = results.main
    logits = np.random.default_rng(4).normal(0, 1.5, (1, 2, 257, 257))
    weights = (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).round(7)
    changed: dict[str, Any] = {run.path: run.run.model_copy(update={"vit": run.run.vit.model_copy(update=LARGE)})}
    entries = {e.path: e for e in results.index.files if e.kind not in ("attribution", "faithfulness")}
    for name, exported in run.attention.items():
        even = {"rollout": [1 / 256] * 256, "embedding_norm": [2.0] * 256}
        update = {"n_tokens": 257, "weights": weights.tolist(), **even}
        changed[run.file(f"attention/{name}.json")] = exported.model_copy(update=update)
    entries |= {p: write_file(root, p, f) for p, f in changed.items()}
    write_index(root, results.index.model_copy(update={"files": list(entries.values())}))
    with serve(build_site(root, tmp_path_factory.mktemp("large-site") / "public", (tokens, attention))) as url:
        yield url, weights


LARGE = {"n_patches": 256, "patch_size": 2, "depth": 1, "heads": 2}


def test_large_maps_are_loaded_when_they_are_asked_for(tab: Tab, large: tuple[str, np.ndarray]) -> None:
    address, weights = large
    loaded: list[str] = []
    tab.page.on("request", lambda r: loaded.append(r.url.rsplit("/", 1)[-1]))
    page = go(tab, address, "attention", "#v1&head=1.1")
    assert [name for name in loaded if re.fullmatch(r"\d+-\d+\.json", name)] == ["0-0.json"]
    page.click("#att-grid [aria-label='layer 1, head 2']")
    until(page, lambda: "0-1.json" in loaded)
    until(page, lambda: text(page, "#att-head-name").endswith("head 2"))
    page.focus("#att-map .map-surface")
    page.keyboard.press("PageDown")
    page.keyboard.press("End")
    reading = text(page, "#att-map .map-reading")
    assert reading.startswith("From patch 256 ")
    mantissa, _, exponent = reading.rsplit(" ", 1)[1].partition("\u00d710")
    raised = exponent.translate(str.maketrans("\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076", "-0123456")) or "0"
    assert float(mantissa) * 10 ** int(raised) == pytest.approx(weights[0, 1, 256, 256], abs=1e-5, rel=0.05)


def test_tokens_of_256_patches(tab: Tab, large: tuple[str, np.ndarray]) -> None:
    page = go(tab, large[0], "tokens", "#v1&patch=256")
    settle(page)
    assert text(page, "#tok-out-index") == "256 of 256"
    assert text(page, "#tok-out-pixels") == "511-512 (2)".replace("-", "\u2013")


def window_of(page: Any) -> tuple[float, float]:
    lo, hi = page.evaluate(
        "() => { const r = Bokeh.documents[0].get_model_by_name('main').x_range; return [r.start, r.end]; }"
    )
    return lo, hi


def test_spectra_windows_lines_and_frames(tab: Tab, address: str, results: Results) -> None:
    page = go(tab, address, "spectra", "#v1&star=specvit-test-lamost/obs-giant-a")
    lo, hi = window_of(page)
    page.click("#spe-in")
    a, b = window_of(page)
    assert b - a == pytest.approx((hi - lo) / 2)
    page.click("#spe-right")
    assert window_of(page)[0] > a
    page.click("#spe-all")
    assert window_of(page) == pytest.approx((lo, hi))
    page.click("#spe-triplet")
    a, b = window_of(page)
    assert a < 8498 < 8665 < b
    names = "() => Bokeh.documents[0].get_model_by_name('data-lines').data.label"
    assert "Fe I 8689" not in page.evaluate(names)
    page.check("input[name=lines][value=fe1]")
    assert "Fe I 8689" in page.evaluate(names)
    first = "() => Bokeh.documents[0].get_model_by_name('data-spectrum').data.x[0]"
    rest = page.evaluate(first)
    page.check("input[name=frame][value=observed]")
    velocity = results.runs["specvit-test-lamost"].examples["obs-giant-a"].rv_kms or 0.0
    assert page.evaluate(first) / rest - 1 == pytest.approx(velocity / 299792.458, rel=1e-6)
    page.check("input[name=medium][value=air]")
    assert rest - page.evaluate(first) == pytest.approx(1.64, abs=0.03)  # 1.95 A of air less 0.3 A of velocity
    link_has(page, "frame=observed", "air=1", "fe1")


def test_spectra_smoothing_model_and_next(tab: Tab, address: str) -> None:
    page = go(
        tab,
        address,
        "spectra",
        "#v1&star=specvit-test-lamost/obs-giant-a&smooth=2&lines=ca2,telluric&from=8450&to=8700",
    )
    assert page.input_value("#spe-smooth") == "2"
    assert window_of(page) == pytest.approx((8450, 8700))
    assert page.evaluate("() => Bokeh.documents[0].get_model_by_name('data-bands').data.label.length") == 3
    data = "(k) => Bokeh.documents[0].get_model_by_name('data-spectrum').data[k].slice(0, 400)"
    flux, high = page.evaluate(data, "flux"), page.evaluate(data, "high")
    assert flux[0] is None or np.isnan(flux[0])  # a pixel without data stays without
    assert 0 < high[100] - flux[100] < 0.02  # smaller than the error of one pixel
    assert page.evaluate("() => Bokeh.documents[0].get_model_by_name('residual').visible")
    page.uncheck("#spe-model")
    assert not page.evaluate("() => Bokeh.documents[0].get_model_by_name('residual').visible")
    before = page.input_value("#spe-star")
    page.click("#spe-next")
    until(page, lambda: page.input_value("#spe-star") != before)
    page.focus("#inspector")
    page.keyboard.press("ArrowRight")
    assert "Å: flux" in text(page, "#spe-reading")
    page.click("[data-star='specvit-test-pfs-mr/dwarf-c']")
    until(page, lambda: text(page, "#spe-about").startswith("Synthetic dwarf"))
    assert page.is_disabled("#spe-model")


@pytest.mark.parametrize("name", NAMES)
def test_works_without_script(browser: Any, address: str, name: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    assert page.locator("h1").count() == 1
    assert page.locator("main svg[role=img], main svg.spark").first.is_visible()
    assert page.locator("form.controls:visible").count() == 0
    assert page.locator("table tbody tr").count() >= 3
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_file_is_told(browser: Any, address: str, name: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.route("**/data/**", lambda route: route.abort())
    page.goto(f"{address}{name}.html")
    page.wait_for_selector("[role=alert]:not([hidden])")
    assert "could not be loaded" in page.inner_text("[role=alert]:not([hidden])")
    assert errors == []
    context.close()


def test_results_without_examples(results_dir: Path, tmp_path: Path) -> None:
    """Pages say so in one sentence where there is nothing to show."""
    copy = tmp_path / "results"
    shutil.copytree(results_dir, copy)
    index = read_index(copy)
    kept = [f for f in index.files if f.kind not in ("example", "attention", "spectrum")]
    write_index(copy, index.model_copy(update={"files": kept}))
    empty, site = Results.load(copy), Site()
    for module in MODULES:
        html = render_page(module.PAGE, PAGES, empty, site, module.context(empty, site)).decode()
        assert "These results hold no" in html
        assert "application/json" not in html


def test_content_security_policies(results_dir: Path, address: str, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    for name in NAMES:
        page.goto(f"{address}{name}.html", wait_until="commit")
        policy = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
        assert re.search(r"script-src 'self' 'sha256-[\w+/=]+';", policy)
        assert ("style-src 'self';" in policy) == (name != "spectra")
    context.close()


def test_theme_change_repaints(browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(f"{address}spectra.html")
    page.wait_for_selector(READY["spectra"])
    color = "() => Bokeh.documents[0].get_model_by_name('flux').glyph.line_color"
    light = json.dumps(page.evaluate(color))
    page.emulate_media(color_scheme="dark")
    until(page, lambda: json.dumps(page.evaluate(color)) != light)
    context.close()
