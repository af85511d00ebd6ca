"""The audit's verdict: what is beyond a budget is named, and the report says so. (What it measures is `make audit`.)"""

import datetime
import gzip
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from audit.__main__ import State, page_hashes
from audit.budgets import MOST, SCORES, WITH_READER, Measured, merge
from audit.measure import serving
from audit.report import Audit

GOOD = dict.fromkeys(SCORES, 100)
FAST = {"lcp": 1200.0, "tbt": 10.0, "cls": 0.0, "bytes": 120_000.0, "used": 300_000.0}


def measured(page: str = "snr", scheme: str = "light", **values: object) -> Measured:
    scores = GOOD | {k: v for k, v in values.items() if k in SCORES}
    speed = FAST | {k: v for k, v in values.items() if k in FAST}
    axe = values.get("axe", [])
    return Measured(page, "phone", scheme, scores, speed, axe, values.get("foreign", []))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"performance": 94}, "performance 94 < 95"),
        ({"accessibility": 99}, "accessibility 99 < 100"),
        ({"lcp": 1501.0}, "LCP 1501 ms > 1500"),
        ({"tbt": 201.0}, "TBT 201 ms > 200"),
        ({"cls": 0.021}, "CLS 0.021 > 0.02"),
        ({"bytes": 150_001.0}, "first view 150001 bytes"),
        ({"axe": ["color-contrast at p"]}, "axe: color-contrast at p"),
        ({"foreign": ["https://example.org/x"]}, "another host: https://example.org/x"),
        ({"page": "zh/results", "used": 550_001.0}, "with a reader 550001 bytes"),
    ],
)
def test_what_is_beyond_a_budget_is_named(values: dict[str, object], says: str) -> None:
    one = measured(**values)  # type: ignore[arg-type]
    assert len(one.broken()) == 1
    assert one.broken()[0].startswith(says)
    text = Audit(datetime.date(2026, 1, 2), {"Lighthouse": "1"}, [measured(), one]).markdown()
    assert "Not within budget" in text
    assert says in text


def test_within_budget() -> None:
    at_most = measured(**MOST)
    missing = measured("404", seo=60)  # a page that is not there is not to be found
    audit = Audit(datetime.date(2026, 1, 2), {"Lighthouse": "1"}, [at_most, measured(scheme="dark"), missing])
    assert audit.broken() == []
    assert "Every page is within every budget." in audit.markdown()
    assert audit.markdown().count("| snr |") == 1  # both themes on one row
    assert measured(used=9e9).broken() == []
    assert measured("results", bytes=540_000.0, used=540_000.0).broken() == []
    assert set(WITH_READER) == {"results", "spectra"}


def test_the_median_of_several_runs_counts_but_every_complaint() -> None:
    runs = [measured(lcp=v, axe=[f"rule {v}"]) for v in (1900.0, 1300.0, 1400.0)]
    merged = merge(runs)
    assert merged.values["lcp"] == 1400
    assert len(merged.axe) == 3


def test_the_site_is_served_as_pages_are(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>text</p>" * 50)
    (tmp_path / "b.woff2").write_bytes(b"font")
    with serving(tmp_path) as address:
        request = urllib.request.Request(address + "a.html", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(response.read()) == (tmp_path / "a.html").read_bytes()
        with urllib.request.urlopen(address + "b.woff2") as response:
            assert response.headers["Content-Encoding"] is None
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "missing.html")


def test_an_audit_that_was_cut_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    one, other = measured(), measured(scheme="dark", axe=["color-contrast at p"])
    state = State(path, {"snr": "a", "data": "a"})
    state.add(one)
    state.add(other)
    path.write_text(path.read_text() + '{"page": "data", "fo')  # what a kill leaves
    again = State(path, {"snr": "a", "data": "a"})
    again.add(replace(one, page="data"))
    assert len(State(path, {"snr": "a", "data": "a"}).kept) == 3
    del again.kept["data", "phone", "light"]
    assert again.kept == {("snr", "phone", "light"): one, ("snr", "phone", "dark"): other}
    assert State(path, {"snr": "b"}).kept == {}
    assert State(None, {"snr": "a"}).kept == {}
    again.add(replace(one, page="data", error="Lighthouse stopped"))
    assert len(State(path, {"snr": "a", "data": "a"}).kept) == 3  # as before: what failed is measured again
    again.done()  # a whole audit is not gone on with
    assert not path.exists()


def test_a_page_has_one_hash_wherever_it_is_served() -> None:
    def hashes(port: int, **files: str) -> dict[str, str]:
        address = f"http://127.0.0.1:{port}/SpecViT/"
        site = {name.replace("_", "."): f"<base href={address}>{text}".encode() for name, text in files.items()}
        return page_hashes(site, address)

    first = hashes(1, a_html="x", b_html="x", c_css="x")
    assert first == hashes(23, a_html="x", b_html="x", c_css="x")
    other = hashes(1, a_html="y", b_html="x", c_css="x")
    assert (first["a"] == other["a"], first["b"] == other["b"]) == (False, True)
    assert not set(first.values()) & set(hashes(1, a_html="x", b_html="x", c_css="y").values())
