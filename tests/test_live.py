"""The network in the browser: the same answers as ``predict``, from any file; no other host; failures in a sentence."""

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from axe_playwright_python.sync_playwright import Axe

from model.predict import Answer, Predictor, choose_weights
from model.resample import vacuum_from_air
from model.simulated import write_simulated
from model.surveys import lamost, pack
from model.surveys.formats import read_rows
from model.surveys.tables import TableSpectrum
from site_builder import i18n
from site_builder.contract import BadInput
from site_builder.pages import PAGES, index, snr, try_it
from site_builder.publish import Site, write_site
from site_builder.render import render_page
from site_builder.results import Results
from site_builder.site_files import publish_results
from tests.site_fixture import build_site, serve, until
from tests.survey_files import write_desi_coadd
from tests.survey_files_more import write_apstar, write_lamost, write_sdss
from tests.test_languages import english

RESULTS = Path(__file__).parent.parent / "results"
OBSERVED = pytest.mark.skipif(
    not lamost.available(), reason="the observed spectra are not redistributed; see data/README.md"
)
LIMIT = 0.01  # dex


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page as published, below a sub-path of a plain static server."""
    folder = tmp_path_factory.mktemp("server")
    build_site(RESULTS, folder / "SpecViT", [try_it, snr])
    with serve(folder) as url:
        yield url + "SpecViT/"


class Live:
    """The page with its network loaded, and how to ask it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.bad: list[str] = []
        page.on("pageerror", lambda e: self.bad.append(f"error {e}"))
        page.on("console", lambda m: m.type in ("error", "warning") and self.bad.append(f"{m.type} {m.text}"))

    def load(self, address: str, anchor: str = "") -> "Live":
        self.page.goto(f"{address}try.html{anchor}")
        self.page.mouse.move(2, 2)
        self.page.get_by_role("button", name="Load the network").click()
        self.page.wait_for_selector("#try-result:not([hidden])", timeout=60_000)
        self.settle()
        return self

    def settle(self) -> None:
        self.page.wait_for_selector("#try-body[aria-busy=false]", state="attached", timeout=30_000)

    def said(self) -> dict[str, Any]:
        """log g and sigma as saved, and every sentence that is shown."""
        shown = {name: self.page.inner_text(f"#try-{name}") for name in ("error", "verdict") if self.visible(name)}
        if not self.visible("result"):
            return {"logg": None, "sentence": shown.get("error", "")}
        with self.page.expect_download() as download:
            self.page.click("#try-save")
        saved: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
        return saved | {"sentence": shown.get("verdict", "")}

    def visible(self, name: str) -> bool:
        return bool(self.page.is_visible(f"#try-{name}"))

    def give(self, path: Path, row: int = 0, air: bool | None = None, rv: float | None = None) -> dict[str, Any]:
        """What is said about a file; questions are answered as given (vacuum where none is)."""
        self.page.set_input_files("#try-file", path)
        self.settle()
        if self.visible("error") and "One question first" in self.page.inner_text("#try-error"):
            self.page.check(f"input[name=air][value={'air' if air else 'vacuum'}]")
            self.settle()
        if row:
            self.page.select_option("#try-row", str(row))
            self.settle()
        if rv is not None:
            self.page.fill("#try-rv", str(rv))
            self.settle()
        return self.said()


@pytest.fixture(scope="module")
def live(browser: Any, address: str) -> Iterator[Live]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield Live(context.new_page()).load(address)
    context.close()


@pytest.fixture(scope="module")
def predict() -> Callable[..., Answer]:
    loaded: dict[Path, Predictor] = {}

    def one(spectrum: TableSpectrum, air: bool | None = None, rv: float | None = None) -> Answer:
        weights = choose_weights("auto", spectrum)
        return loaded.setdefault(weights, Predictor(weights)).answer(spectrum, air, rv)

    return one


def compare(said: dict[str, Any], expected: Answer) -> None:
    """Both answer alike, or both refuse."""
    if expected.logg is None or expected.sigma is None:
        assert said["logg"] is None, expected.note
        assert said["sentence"]
        return
    assert said["logg"] == pytest.approx(expected.logg, abs=LIMIT), said["sentence"]
    assert said["sigma"] == pytest.approx(expected.sigma, abs=LIMIT)
    assert said["snr"] == pytest.approx(expected.snr, rel=1e-3)
    assert said["coverage"] == pytest.approx(expected.coverage, abs=1e-3)
    assert said["misfit"] == pytest.approx(expected.misfit, abs=2e-3)


# Files


def table(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with fits.open(path) as hdus:
        data = hdus["SPECTRA"].data
        return np.array(hdus["WAVE"].data), data["flux"].astype(float), data["ivar"].astype(float)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One synthetic file of every format."""
    folder = tmp_path_factory.mktemp("formats")
    paths = {}
    for name in ("pfs-mr", "lamost"):
        paths[name] = folder / f"{name}.fits"
        write_simulated(paths[name], name, 3, 4)
    wave, flux, ivar = (a if a.ndim == 1 else a[1] for a in table(paths["pfs-mr"]))
    long = Table({"wave": wave, "flux": 3e-17 * flux, "ivar": ivar / 9e-34})
    paths["csv"] = folder / "falling.csv"
    long[::-1].write(paths["csv"])
    paths["ecsv"] = folder / "nanometres.ecsv"
    nanometres = Table({"wavelength": wave / 10, "flux": flux, "error": ivar**-0.5})
    nanometres["wavelength"].unit = "nm"
    nanometres.write(paths["ecsv"])
    paths["fits-columns"] = folder / "columns.fits"
    nanometres.write(paths["fits-columns"])
    paths["gz"] = folder / "rows.fits.gz"
    Table({"wave": [wave] * 2, "flux": [flux, flux + 0.02], "ivar": [ivar] * 2}).write(paths["gz"])
    paths["gaps"] = folder / "gaps.csv"
    holes = np.where((wave > 7500) & (wave < 7600), 0, ivar)
    Table({"loglam": np.log10(wave), "flux": np.where(holes > 0, flux, np.nan), "ivar": holes}).write(paths["gaps"])
    paths["sdss"] = write_sdss(folder / "spec-0266-51602-0031.fits")
    paths["lamost-new"] = write_lamost(folder / "new.fits", new=True)
    paths["lamost-old"] = write_lamost(folder / "old.fits", new=False)
    paths["apogee"] = write_apstar(folder / "apstar.fits")
    paths["desi"] = folder / "coadd-main-dark-1.fits"
    write_desi_coadd(paths["desi"], [39_627_000_000_000_001, 39_627_000_000_000_007], 3)
    return paths


TABLES = ["pfs-mr", "lamost", "csv", "ecsv", "fits-columns", "gz", "gaps"]
FORMATS = [*TABLES, "sdss", "lamost-new", "lamost-old", "apogee", "desi"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_answered_as_on_the_command_line(
    name: str, live: Live, files: dict[str, Path], predict: Callable[..., Answer]
) -> None:
    rows = read_rows(files[name])
    for i in {0, len(rows) - 1}:
        compare(live.give(files[name], i), predict(rows[i]))
    assert live.bad == []


def test_air_and_velocity_are_taken_out(live: Live, tmp_path: Path, predict: Callable[..., Answer]) -> None:
    write_simulated(tmp_path / "a.fits", "lamost", 1, 5)
    wave, flux, ivar = table(tmp_path / "a.fits")
    fine = np.linspace(wave[0] - 30, wave[-1] + 30, 4000)
    air = (2 * fine - vacuum_from_air(fine)) * (1 + 120 / 299_792.458)
    path = tmp_path / "moving.csv"
    Table({"wave": air, "flux": np.interp(fine, wave, flux[0]), "ivar": np.full(4000, ivar[0].mean())}).write(path)
    (row,) = read_rows(path)
    expected = predict(row, True, 120)
    assert expected.logg is not None
    compare(live.give(path, air=True, rv=120), expected)
    assert live.page.inner_text("#try-air-note") == "The file does not say."


def test_units_are_asked_for_where_the_file_has_none(live: Live, tmp_path: Path) -> None:
    write_simulated(tmp_path / "a.fits", "pfs-mr", 1, 6)
    wave, flux, ivar = (np.atleast_2d(a)[0] for a in table(tmp_path / "a.fits"))
    Table({"wave": wave / 10, "flux": flux, "ivar": ivar}).write(tmp_path / "nm.csv")
    said = live.give(tmp_path / "nm.csv")
    assert said["logg"] is not None
    assert live.page.input_value("#try-unit") == "nm"
    assert "does not say" in live.page.inner_text("#try-unit-note")
    live.page.select_option("#try-unit", "Angstrom")
    live.settle()
    assert "covers nothing of" in live.said()["sentence"]


# The data pack


@OBSERVED
@pytest.mark.parametrize("name", ["desi_coadd-4-80613-thru20210324", "desi_coadd-special-dark-27247"])
def test_real_desi_files(name: str, live: Live, predict: Callable[..., Answer]) -> None:
    path = lamost.observed_folder() / f"{name}.fits"
    expected = predict(read_rows(path)[0])
    assert expected.logg is not None
    compare(live.give(path), expected)


@OBSERVED
def test_the_real_white_dwarf_is_refused_by_both(live: Live, predict: Callable[..., Answer]) -> None:
    path = lamost.observed_folder() / "sdss_spec-0266-51602-0031.fits"
    assert "is bluer than every star of the model's range" in predict(read_rows(path)[0]).note
    said = live.give(path)
    assert said["logg"] is None
    assert said["sentence"].startswith("Outside the model\u2019s range")


@OBSERVED
def test_real_stars_of_lamost_and_stelib(live: Live, tmp_path: Path, predict: Callable[..., Answer]) -> None:
    """Three of each set, among them a giant; DR10 as FITS, DR1 as CSV, STELIB (air wavelengths) as ECSV."""
    dr10, _ = lamost.read_dr10()
    dr1, stelib = pack.read_lamost_dr1(), pack.read_stelib()
    covers = np.flatnonzero(((stelib.ivar > 0) & (stelib.wave > 7090) & (stelib.wave < 8860)).sum(1) > 1700)
    answered = 0
    for spectra, kind, chosen in (
        (dr10, "fits", (0, 700, 1500)),
        (dr1, "csv", (2, 40, 90)),
        (stelib, "ecsv", covers[::30]),
    ):
        for i in chosen:
            path = tmp_path / f"{kind}-{i}.{kind}"
            good = spectra.ivar[i] > 0
            inside = (spectra.wave > 6900) & (spectra.wave < 9050)
            columns = {"wave": spectra.wave, "flux": np.where(good, spectra.flux[i], 0), "ivar": spectra.ivar[i]}
            Table({k: np.asarray(v, float)[inside] for k, v in columns.items()}).write(path)
            rv = round(float(spectra.z[i]) * 299_792.458, 2)
            expected = predict(read_rows(path)[0], False, rv)
            answered += expected.logg is not None
            compare(live.give(path, rv=rv), expected)
    assert answered >= 7


# Bad files


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def huge(content: bytes) -> bytes:
    """A FITS file whose table announces four billion rows."""
    at = content.index(b"NAXIS2  ", content.index(b"BINTABLE"))
    return content[:at] + b"NAXIS2  =           4000000000".ljust(80) + content[at + 80 :]


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("notes.txt", lambda _: b"dear diary\nnothing today\nnor tomorrow\n", "column names|name its columns|missing"),
        ("picture.png", lambda _: b"\x89PNG\r\n\x1a\n\0\0\0\0", "in no format that this page reads"),
        ("empty.fits", lambda _: b"", "The file is empty"),
        ("other.fits", lambda _: b"x" * 9000, "is no FITS file"),
        ("cut.fits", lambda content: content[: len(content) // 2], "is cut short"),
        ("huge.fits", huge, "is cut short"),
        ("cut.fits.gz", lambda _: b"\x1f\x8b\x08\0\0\0", "cannot be unpacked"),
        ("words.csv", lambda _: b"wave,flux,ivar\n7100,one,1\n7101,two,1\n", "holds no finite number"),
        ("ragged.csv", lambda _: b"wave,flux,ivar\n7100,1,1\n7101,1\n", "has 2 entries, but 3 columns"),
        ("few.csv", lambda _: b"wave,flux\n7100,1\n7101,1\n", "column ivar is missing"),
        ("up.csv", lambda _: b"wave,flux,ivar\n7100,1,1\n7102,1,1\n7101,1,1\n", "do not rise"),
        ("blue.csv", lambda _: b"wave,flux,ivar\n4100,1,1\n4102,1,1\n4103,1,1\n", "covers nothing of"),
    ],
)
def test_bad_files_get_one_sentence(
    name: str, make: Callable[[bytes], bytes], sentence: str, live: Live, files: dict[str, Path], tmp_path: Path
) -> None:
    import re

    said = live.give(write_bytes(tmp_path / name, make(files["pfs-mr"].read_bytes())))
    assert said["logg"] is None
    assert re.search(sentence, said["sentence"]), said
    assert "\n" not in said["sentence"].strip()
    assert not re.search(r"Error|undefined|NaN| at ", said["sentence"])
    assert live.bad == []


READ = """async ([url, files]) => {
  const { readFile } = await import(url + 'read.js');
  const { Refusal } = await import(url + 'refusal.js');
  const said = [];
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    const began = performance.now();
    let outcome = 'read';
    try {
      const source = await readFile(bytes, name);
      for (let row = 0; row < Math.min(source.rows.length, 2); row++) source.take(row, null);
    } catch (error) {
      outcome = error instanceof Refusal ? 'refused' : `threw ${error.stack}`;
    }
    said.push([outcome, performance.now() - began]);
  }
  return said;
}"""


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The file with bytes changed, removed, repeated, or header numbers made absurd."""
    out = bytearray(content)
    match rng.randrange(5):
        case 0:
            for _ in range(rng.randrange(1, 40)):
                out[rng.randrange(len(out))] = rng.randrange(256)
        case 1:
            del out[rng.randrange(len(out)) :]
        case 2:  # in the headers, where it hurts most
            for _ in range(rng.randrange(1, 8)):
                block = 2880 * rng.randrange(len(out) // 2880)
                out[block + rng.randrange(2880)] = rng.choice(b"0123456789-'=TFXE ")
        case 3:
            at = rng.randrange(len(out))
            out[at:at] = out[rng.randrange(len(out)) :][: rng.randrange(1, 4000)]
        case _:
            cards = [
                i for i in range(0, len(out) - 80, 80) if out[i : i + 5] in (b"NAXIS", b"TFORM", b"PCOUN", b"TFIEL")
            ]
            at = rng.choice(cards)
            value = rng.choice([b"-1", b"99999999999", b"1.5", b"'999999999E'", b"'PB(5)'", b"T", b"0", b"'0E'"])
            out[at + 10 : at + 30] = value.rjust(20)
    return bytes(out)


def test_hostile_files_are_read_or_refused(live: Live, address: str, files: dict[str, Path]) -> None:
    """Several hundred mutated files: none may end in anything but a spectrum or a sentence, nor take long."""
    rng = random.Random(20)
    wave, flux, ivar = (np.atleast_2d(a)[0][::16] for a in table(files["pfs-mr"]))
    small = files["csv"].parent / "small.fits"
    Table({"wave": [wave] * 2, "flux": [flux] * 2, "ivar": [ivar] * 2}).write(small, overwrite=True)
    text = files["csv"].parent / "small.csv"
    Table({"wave": wave, "flux": flux, "ivar": ivar}).write(text, overwrite=True)
    sources = [(small, 150), (files["lamost-new"], 60), (files["lamost-old"], 40), (files["sdss"], 60), (text, 60)]
    cases = [(p.name, mutate(p.read_bytes(), rng)) for p, n in sources if p != text for _ in range(n)]
    for _ in range(60):
        broken = bytearray(text.read_bytes())
        for _ in range(rng.randrange(1, 30)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        cases.append((text.name, bytes(broken)))
    encoded = [(name, base64.b64encode(content).decode()) for name, content in cases]
    folder = live.page.evaluate("() => JSON.parse(document.getElementById('try-data').textContent).live.worker")
    outcomes = live.page.evaluate(READ, [address + folder.removesuffix("worker.js"), encoded])
    assert [o for o, _ in outcomes if o not in ("read", "refused")] == []
    assert {"read", "refused"} == {o for o, _ in outcomes}
    assert max(ms for _, ms in outcomes) < 3000


# Loading


def test_nothing_is_asked_of_other_hosts_and_the_network_is_kept(browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    requests: list[str] = []
    context.on("request", lambda r: requests.append(r.url))
    page.goto(address + "try.html")
    page.wait_for_load_state("networkidle")
    assert not [r for r in requests if r.endswith((".onnx", ".wasm.gz", ".mjs"))], "loaded before it was asked for"
    Live(page).load(address)
    assert sum(r.endswith(".onnx") for r in requests) == 2
    assert all(r.startswith((address, "blob:", "data:")) for r in requests)
    requests.clear()
    page.reload()
    page.wait_for_selector("#try-result:not([hidden])", timeout=60_000)  # starts by itself
    assert not [r for r in requests if r.endswith((".onnx", ".wasm.gz"))]
    context.close()


def test_once_loaded_it_answers_without_a_connection(
    browser: Any, address: str, files: dict[str, Path], predict: Callable[..., Answer]
) -> None:
    context = browser.new_context(accept_downloads=True)
    live = Live(context.new_page()).load(address)
    context.set_offline(True)
    compare(live.give(files["csv"]), predict(read_rows(files["csv"])[0]))
    context.close()


@pytest.mark.parametrize("what", ["missing", "broken", "changed"])
def test_what_cannot_be_loaded_is_said_and_tried_again(what: str, browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    failing = True

    def route(route: Any) -> None:
        if not failing:
            route.continue_()
        elif what == "missing":
            route.fulfill(status=404)
        elif what == "broken":
            route.abort()
        else:
            size = next(n["bytes"] for n in networks if route.request.url.endswith(n["url"]))
            route.fulfill(body=b"x" * size)

    page.goto(address + "try.html")
    networks = page.evaluate("() => JSON.parse(document.getElementById('try-data').textContent).live.networks")
    context.route("**/*.onnx", route)
    page.get_by_role("button", name="Load the network").click()
    page.wait_for_selector("#try-loader .problem:not([hidden])", timeout=60_000)
    text = page.inner_text("#try-loader .problem")
    assert {"missing": "answered 404", "broken": "connection", "changed": "came damaged"}[what] in text
    failing = False
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#try-result:not([hidden])", timeout=60_000)
    context.close()


# The page


def test_the_latest_magnitude_wins(live: Live, address: str) -> None:
    live.page.select_option("#try-star", index=0)
    live.settle()
    slide = """(steps) => {
      const slider = document.getElementById('try-magnitude');
      for (const step of steps) { slider.value = step; slider.dispatchEvent(new Event('input', { bubbles: true })); }
    }"""
    live.page.evaluate(slide, [20 + i / 10 for i in range(31)])
    live.settle()
    faint = live.said()
    assert live.page.inner_text("#try-magnitude-out") == "23.0"
    live.page.evaluate(slide, [20])
    live.settle()
    bright = live.said()
    assert faint["snr"] < 3 < bright["snr"]
    assert bright["sigma"] < faint["sigma"]
    shares = bright["attention"]["rollout"]
    assert sum(shares) == pytest.approx(1, abs=1e-4)


def test_examples_are_answered_as_they_were_exported(live: Live) -> None:
    """At the magnitudes and with the noise of the exported ladders, and for the observed stars."""
    data = live.page.evaluate("() => JSON.parse(document.getElementById('try-data').textContent)")
    for entry in (data["stars"][0], data["stars"][-1]):
        star = json.loads((RESULTS / entry["url"].removeprefix("data/results/")).read_text())
        live.page.select_option("#try-star", entry["key"])
        live.settle()
        if not entry["noisy"]:
            assert live.said()["logg"] == pytest.approx(star["predicted_logg"], abs=0.02)  # fluxes have four decimals
            continue
        ladder = star["ladder"]
        k = len(ladder["magnitudes"]) // 3
        link = f"#v1&star={entry['key']}&mag={ladder['magnitudes'][k]}&seed={ladder['seeds'][1]}"
        live.page.evaluate("(link) => { location.hash = link; }", link)
        magnitude = f"{ladder['magnitudes'][k]:.1f}"
        until(live.page, lambda there=magnitude: live.page.inner_text("#try-magnitude-out") == there)
        live.settle()
        said = live.said()
        assert said["logg"] == pytest.approx(ladder["logg"][1][k], abs=LIMIT)
        assert said["sigma"] == pytest.approx(ladder["sigma"][1][k], abs=LIMIT)


def test_the_explorer_answers_live_once_asked(browser: Any, address: str) -> None:
    """Before that the exported answers serve; afterwards, with the network kept, moving the slider is enough."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    bad: list[str] = []
    page.on("pageerror", lambda e: bad.append(str(e)))
    page.on("console", lambda m: m.type in ("error", "warning") and bad.append(m.text))
    page.goto(address + "snr.html#v1&mag=21.37")
    page.wait_for_selector("#snr-spectrum canvas")
    exported = page.inner_text("#snr-out-logg")
    page.get_by_role("button", name="Let the network answer here").click()
    page.wait_for_selector("#snr-live:not(:empty)", timeout=60_000)
    assert page.inner_text("#snr-magnitude-out") == "21.37"  # the link's, between two exported ones
    slide = """(place) => {
      const slider = document.getElementById('snr-magnitude');
      slider.value = place;
      slider.dispatchEvent(new Event('input', { bubbles: true }));
    }"""
    ladder = json.loads((RESULTS / first_star(page)).read_text())["ladder"]

    def answered(place: float) -> bool:
        """The magnitude of that place of the slider is written, and its answer."""
        magnitude = np.interp(place, range(len(ladder["magnitudes"])), ladder["magnitudes"])
        written = page.inner_text("#snr-magnitude-out")
        told = str(page.get_attribute("#snr-magnitude", "aria-valuetext"))
        there = told.startswith(f"magnitude {written},") and told.endswith("computed here")
        return there and float(written) == pytest.approx(magnitude, abs=0.006)

    middle = page.evaluate("() => JSON.parse(document.getElementById('snr-data').textContent).default_index")
    page.evaluate(slide, middle)
    until(page, lambda: answered(middle))
    here = page.inner_text("#snr-out-logg")
    said = [float(v) for v in here.split(" \u00b1 ")]
    assert said == pytest.approx([ladder["logg"][0][middle], ladder["sigma"][0][middle]], abs=LIMIT)
    for place in (middle + 0.1 * k for k in range(30)):
        page.evaluate(slide, place)
    until(page, lambda: answered(place))
    assert page.inner_text("#snr-out-logg") not in (exported, here)
    until(page, lambda: "Computed in this browser" in page.inner_text("#snr-live"))
    page.goto("about:blank")
    page.goto(address + "snr.html")
    page.wait_for_selector("#snr-spectrum canvas")
    page.evaluate(slide, 2)
    page.wait_for_selector("#snr-live:not(:empty)", timeout=60_000)
    assert bad == []
    context.close()


def test_home_answers_live_once_asked(browser: Any, tmp_path: Path) -> None:
    """Exported answers first; the network's own, between their magnitudes, once it is loaded."""
    loaded, site = Results.load(RESULTS), Site()
    publish_results(loaded, site)
    context = index.context(loaded, site) | {"json_ld": None}
    site.make_all()
    site.publish("index.html", render_page(index.PAGE, PAGES, loaded, site, context))
    write_site(tmp_path / "SpecViT", site.files)
    with serve(tmp_path) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        bad: list[str] = []
        page.on("pageerror", lambda e: bad.append(str(e)))
        page.goto(url + "SpecViT/index.html")
        page.wait_for_selector("#home-spectrum canvas")
        exported = page.inner_text("#home-logg")
        page.locator("#home-loader button").click()
        page.wait_for_selector("#home-live:not([hidden])", timeout=60_000)
        page.wait_for_timeout(300)  # and the network does not change it
        assert page.inner_text("#home-logg") == exported
        page.locator("#home-magnitude").focus()
        page.keyboard.press("ArrowRight")
        star = json.loads((RESULTS / context["fading"]["star"].path).read_text())["ladder"]
        step = star["magnitudes"][1] - star["magnitudes"][0]
        magnitude = star["magnitudes"][context["fading"]["index"]] + 0.1 * step
        until(page, lambda: float(page.inner_text("#home-magnitude-out")) == pytest.approx(magnitude, abs=0.006))
        assert "plus or minus" in str(page.get_attribute("#home-magnitude", "aria-valuetext"))
        assert bad == []
        page.close()


def first_star(page: Any) -> str:
    """Path of the explorer's star within the results."""
    url: str = page.evaluate("() => JSON.parse(document.getElementById('snr-data').textContent).stars[0].url")
    return url.removeprefix("data/results/")


def test_refusals_are_in_the_language_of_the_page(browser: Any, tmp_path: Path) -> None:
    """They come from a worker, which knows English alone; the page has the translations of all that it can say."""
    with i18n.speaking(i18n.CHINESE):
        build_site(RESULTS, tmp_path / "SpecViT", [try_it])
    modules = ("fits", "observe", "read", "text", "worker")
    places = {f"static/js/live/{name}.js" for name in modules}
    texts = {text for text, where in i18n.catalogue("zh").places.items() if where & places}
    assert len(texts) > 50
    files = {
        "none.csv": "a;b\n",
        "column.csv": "nm,flux\n" + "".join(f"{800 + i},1\n" for i in range(50)),
        "short.csv": "wave,flux\n" + "".join(f"{8400 + i},{1 + i % 7}\n" for i in range(50)),
    }
    context = browser.new_context()
    with serve(tmp_path) as url:
        page = context.new_page()
        bad: list[str] = []
        page.on("pageerror", lambda e: bad.append(str(e)))
        page.goto(f"{url}SpecViT/zh/try.html")
        assert texts <= set(json.loads(page.inner_text("#messages")))
        page.mouse.move(2, 2)
        page.locator("#try-loader button").click()
        page.wait_for_selector("#try-result:not([hidden])", timeout=60_000)
        for name, content in files.items():
            (tmp_path / name).write_text(content)
            page.set_input_files("#try-file", tmp_path / name)
            page.wait_for_selector("#try-error:not([hidden])", timeout=30_000)
            page.wait_for_selector("#try-body[aria-busy=false]", state="attached", timeout=30_000)
            said = page.inner_text("#try-error")
            assert re.search("[\u4e00-\u9fff]", said), said
            assert english(said) == [], said
    assert bad == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_answer_is_accessible(scheme: str, live: Live, files: dict[str, Path]) -> None:
    live.page.emulate_media(color_scheme=scheme)
    live.give(files["gz"])
    report = Axe().run(live.page, options={"resultTypes": ["violations"]})
    assert [(v["id"], [n["html"][:120] for n in v["nodes"][:2]]) for v in report.response["violations"]] == []
    live.page.set_viewport_size({"width": 390, "height": 800})
    assert live.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    live.page.set_viewport_size({"width": 1280, "height": 900})
    live.page.focus("#try-spectrum .chart-surface")
    live.page.keyboard.press("ArrowRight")
    assert "attention" in live.page.inner_text("#try-spectrum .chart-reading")


def test_without_javascript_the_page_gives_the_command(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "try.html")
    assert page.get_by_text("python -m model predict FILE").is_visible()
    assert "the command below gives the same answers" in page.locator("main").inner_text()
    assert not page.is_visible("#try-loader")
    assert not page.is_visible("#try-file")
    context.close()


def test_a_file_that_is_no_spectrum_is_refused_by_both(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_rows(write_bytes(tmp_path / "cut.fits", files["pfs-mr"].read_bytes()[:50_000]))
