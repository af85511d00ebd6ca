"""The environment, numbers as markup, static figures, tokens."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError

from site_builder import design
from site_builder.equations import EQUATIONS
from site_builder.figures.labels import spread_labels
from site_builder.figures.plate import png
from site_builder.figures.series import density, running
from site_builder.figures.svg import decimate, draw_figure
from site_builder.markup import format_number, interval, join, mathml, number
from site_builder.publish import Site
from site_builder.render import Sources, environment
from site_builder.results import Measured, Quantity, Results, difference, ratio, resolve
from tests.factory import make_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results.load(make_results(tmp_path_factory.mktemp("results"), n_stars=60, n_pixels=64))


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (0.91234, 3, False, "0.912"),
        (-0.5, 2, False, "\u22120.50"),
        (0.5, 2, True, "+0.50"),
        (-0.0001, 2, True, "0.00"),
        (1234567, None, False, "1\u2009234\u2009567"),
        (0.00012, None, False, "0.00012"),
        (3.0, None, False, "3"),
        ("cosine", None, False, "cosine"),
    ],
)
def test_format_number(value: Any, digits: int | None, sign: bool, text: str) -> None:
    assert format_number(value, digits, sign) == text


def test_number_says_where_it_is_from() -> None:
    html = str(number(Quantity(0.91234, ("runs/a/metrics.test.json#/rows/0/r2/value",)), 2, "dex"))
    assert 'data-src="data/results/runs/a/metrics.test.json#/rows/0/r2/value"' in html
    assert ">0.91</span>" in html
    assert "dex" in html


def test_number_escapes() -> None:
    assert "<script>" not in str(number(Quantity("<script>", ("a.json#/b",))))


def test_quantities_remember_their_sources(results: Results) -> None:
    row = results.main.row("test", "specvit-test")
    assert row is not None
    r2, mae = row.measured("r2").value, row.measured("mae").value
    assert r2.value == row.row.r2.value
    gap = difference(r2, mae)
    assert gap.value == pytest.approx(row.row.r2.value - row.row.mae.value)
    assert gap.sources == r2.sources + mae.sources
    assert ratio(r2, mae).op == "ratio"
    assert resolve({"a/b": [1, 2]}, "/a~1b/1") == 2
    with pytest.raises(KeyError):
        results.quantity("interpolation.json", "/axes")
    with pytest.raises(KeyError):
        results.quantity("interpolation.json", "/nothing")


def test_intervals_compare() -> None:
    def measured(lo: float, value: float, hi: float) -> Measured:
        return Measured(*(Quantity(v, ("x.json#/",)) for v in (value, lo, hi)))

    low, high, wide = measured(0.1, 0.2, 0.3), measured(0.4, 0.5, 0.6), measured(0.2, 0.35, 0.5)
    assert high.above(low)
    assert low.below(high)
    assert not wide.above(low)
    assert "[0.10, 0.30]" in re.sub("<[^>]*>", "", str(interval(low, 2)))


def test_environment_is_strict_and_escapes() -> None:
    env = environment()
    assert env.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        env.from_string("{{ missing }}").render()


def test_source_marks_share_cards(results: Results) -> None:
    sources = Sources(results)
    first = sources.mark("interpolation.json")
    assert sources.mark("interpolation.json") == first
    both = sources.mark("runs/specvit-test-pfs-mr/run.json", "runs/specvit-test-lamost/run.json")
    assert str(both).count("<button") == 2
    assert len({card.id for card in sources.all}) == len(sources.all) == 3
    with pytest.raises(ValueError, match="at least one"):
        sources.mark()


def test_join() -> None:
    assert join([]) == ""
    assert join(["a"]) == "a"
    assert join(["a", "b", "<c>"]) == "a, b and &lt;c&gt;"


def test_static_figure_has_no_inline_style_and_follows_the_theme() -> None:
    site = Site()

    def draw(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        ax.plot([0, 1], [1, 0], color=design.paint("specvit"), alpha=0.5)
        ax.fill_between([0, 1], [0, 0], [1, 1], color=design.paint("mlp"), alpha=0.1)
        ax.set_title("a < b", fontweight="bold")

    figure = draw_figure(site, "test", "Title <of> it", draw, margins=(40, 10, 30, 40))
    for markup in (figure.wide, figure.narrow):
        text = str(markup)
        ET.fromstring(text.replace("&lt;", "&#60;"))
        assert "style=" not in text
        assert "<style" not in text
        assert "#fe01" not in text
        assert "var(--specvit)" in text
        assert "Title &lt;of&gt; it" in text
    file = site.files["data/figures/test.svg"].decode()
    assert design.LIGHT["specvit"] in file
    assert "var(--" not in file
    ids = re.findall(r'\bid="([^"]+)"', str(figure.wide) + str(figure.narrow))
    assert len(set(ids)) == len(ids)


def test_decimate_keeps_extremes() -> None:
    x = np.arange(10_000.0)
    y = np.sin(x)
    y[1234] = 9.0
    y[5000:5100] = np.nan
    a, b = decimate(x, y, 200)
    assert len(a) <= 400
    assert np.nanmax(b) == 9.0
    assert list(a) == sorted(a)


def test_density_counts_everything() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.uniform(1, 5, 500), rng.uniform(0.5, 5.5, 500)
    d = density(true, predicted, 1, 5, 10)
    assert d.counts.sum() + d.outside == 500
    assert d.levels[0][0] == 1
    assert d.levels[-1][1] >= d.counts.max()


def test_running_percentiles() -> None:
    rng = np.random.default_rng(0)
    label, residual = rng.uniform(0, 1, 4000), rng.normal(0, 1, 4000)
    r = running(label, residual)
    assert len(r.x) == 14
    assert all(lo < m < hi for lo, m, hi in zip(r.lo, r.median, r.hi, strict=True))
    assert running(np.array([0.0, 1.0]), np.array([0.0, 0.0])).x == []


def test_labels_are_spread() -> None:
    placed = spread_labels([0.5, 0.51, 0.9, 0.505], 0.05)
    assert min(np.diff(sorted(placed))) > 0.049
    assert np.argsort(placed).tolist() == np.argsort([0.5, 0.51, 0.9, 0.505]).tolist()


@pytest.mark.parametrize("name", sorted(EQUATIONS))
def test_equations_are_mathml(name: str) -> None:
    text = str(mathml(EQUATIONS[name]))
    assert text.startswith("<math")
    assert "\\" not in text
    ET.fromstring(text)


def test_png() -> None:
    data = png(np.zeros((2, 3, 3), np.uint8))
    assert data.startswith(b"\x89PNG")
    assert data == png(np.zeros((2, 3, 3), np.uint8))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG contrast of two colours."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT = (
    "ink",
    "ink-2",
    "ink-3",
    "accent",
    "link",
    "specvit",
    "published",
    "bayes",
    "crlb",
    "mlp",
    "lightgbm",
    "ridge",
    "cnn",
    "template",
    "mean",
    "giant",
    "subgiant",
    "dwarf",
    "ok",
    "warn",
)


@pytest.mark.parametrize("theme", [design.LIGHT, design.DARK], ids=["light", "dark"])
def test_contrast(theme: dict[str, str]) -> None:
    assert set(design.LIGHT) == set(design.DARK)
    for name in TEXT:
        assert contrast(theme[name], theme["paper"]) >= 4.5, name
    for name in ("ink", "ink-2", "link"):
        assert contrast(theme[name], theme["paper-2"]) >= 4.5, name
        assert contrast(theme[name], theme["accent-soft"]) >= 4.5, name
    for name in ("rule-strong", "focus", "sky"):
        assert contrast(theme[name], theme["paper"]) >= 3, name


def test_css_has_every_token() -> None:
    css = design.css()
    for name in design.LIGHT:
        assert css.count(f"--{name}:") == 4  # light, dark by the system, dark by choice, on paper
    assert len(design.stand_ins()) == len(design.LIGHT)


def test_fonts_come_with_licences() -> None:
    fonts = Path(__file__).resolve().parent.parent / "static" / "fonts"
    assert sum(p.stat().st_size for p in fonts.glob("*.woff2")) <= 80_000
    assert {p.name for p in fonts.glob("OFL-*.txt")} == {"OFL-Spectral.txt", "OFL-Plex-Sans.txt"}
