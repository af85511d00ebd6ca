"""What every reader can obtain: by keyboard alone, without scripts, on paper, in colours of their own, by a link."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from site_builder.pages import PAGES
from tests.factory import make_results
from tests.site_fixture import build_site, scroll_through, serve, until

PAGES_OF_BOTH = [folder + page.slug for folder in ("", "zh/") for page in PAGES]
# What a keyboard reads on each page with charts: a place, keys, and what the live region then says.
MESSAGES = {
    "index": ("#home-spectrum [role=application]", "flux"),
    "snr": ("#snr-spectrum [role=application]", "flux"),
    "tokens": ("#tok-spectrum [role=application]", "patch"),
    "attention": ("#att-map [tabindex='0']", "weight"),
    "results": ("#curve-stage .js-plotly-plot", "R²"),
    "transfer": ("[data-plot] .js-plotly-plot", "log g|R²"),
    "spectra": ("#inspector", "flux"),
}

READY = {name: place for name, (place, _) in MESSAGES.items() if "plotly" not in place}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    results = make_results(tmp_path_factory.mktemp("results"), n_stars=300, n_pixels=512)
    with serve(build_site(results, tmp_path_factory.mktemp("site") / "public")) as url:
        yield url


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    bad: list[str] = []
    tab.on("pageerror", lambda e: bad.append(str(e)))
    tab.on("console", lambda m: m.type in ("error", "warning") and bad.append(m.text))
    yield tab
    assert bad == []
    context.close()


def there(page: Any, url: str, ready: str = "") -> None:
    """Open a page as somebody who is there, so that its scripts start."""
    page.goto("about:blank")
    page.goto(url)
    page.keyboard.press("Tab")
    if ready:
        page.locator(ready).first.wait_for(state="attached", timeout=20_000)


# By keyboard

TABBED = """() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  window.seen ??= new Set();
  if (!e || e === document.body) return window.seen.size > 0;
  if (window.seen.has(e)) return true;
  window.seen.add(e);
  return false;
}"""
MISSED = """() => [...document.querySelectorAll(
    '[role=application], [role=tab][aria-selected=true], .table-scroll, main :is(summary, button, select, input)')]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0)
  .filter((e) => !window.seen.has(e))
  .filter((e) => !(e.type === 'radio' && !e.checked))
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("name", [page.slug for page in PAGES])
def test_tab_reaches_every_control_chart_and_table(name: str, page: Any, address: str) -> None:
    there(page, f"{address}{name}.html", READY.get(name, ""))
    scroll_through(page)
    page.evaluate("() => { document.activeElement.blur(); window.seen = new Set(); }")
    page.evaluate("document.querySelector('.skip').focus()")
    for _ in range(600):
        if page.evaluate(TABBED):
            break
        page.keyboard.press("Tab")
    assert page.evaluate(MISSED) == []


@pytest.mark.parametrize("folder", ["", "zh/"])
@pytest.mark.parametrize("name", MESSAGES)
def test_arrow_keys_read_out_the_message(name: str, folder: str, page: Any, address: str) -> None:
    place, says = MESSAGES[name]
    there(page, f"{address}{folder}{name}.html")
    stage = page.locator(re.sub(r" ?(\[role|\.js-|\[tabindex).*$", "", place)).first
    stage.scroll_into_view_if_needed()
    surface = page.locator(place).first
    surface.wait_for(timeout=20_000)
    surface.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    region = stage.locator("xpath=ancestor-or-self::figure[1]").locator("[role=status]").first
    until(page, lambda: bool((region.text_content() or "").strip()))
    said = region.text_content() or ""
    assert re.search(r"\d", said), said
    if not folder:
        assert re.search(says, said), said
    else:
        assert re.search(r"[\u4e00-\u9fff]|log g|R²", said), said


@pytest.mark.parametrize("name", MESSAGES)
def test_a_table_stands_behind_every_chart(name: str, page: Any, address: str) -> None:
    there(page, f"{address}{name}.html")
    scroll_through(page)
    plots = page.locator("[data-plot]:visible")
    if plots.count():
        plots.first.scroll_into_view_if_needed()  # such a chart is drawn where it is in sight
    charts = page.locator("[role=application]:visible")
    charts.first.wait_for()
    page.wait_for_timeout(500)  # others may still be drawn
    for chart in charts.all():
        given = chart.get_attribute("aria-details")
        details = page.locator(f"#{given}" if given else "main details:has(table)").first
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        page.wait_for_timeout(50)
        rows = details.locator("tbody tr")
        assert rows.count() >= 2, chart.get_attribute("aria-label")
        # what is out of sight is not laid out, so it has no inner text
        assert re.search(r"\d", rows.first.text_content() or "")


def test_results_by_keyboard_with_a_table_of_what_is_shown(page: Any, address: str) -> None:
    there(page, address + "results.html#brightness")
    page.locator("#curve-stage").scroll_into_view_if_needed()
    plot = page.locator("#curve-stage .js-plotly-plot")
    plot.wait_for(timeout=20_000)
    plot.focus()
    reading = page.locator("#curve-stage .chart-reading")
    page.keyboard.press("ArrowRight")
    first = reading.inner_text()
    page.keyboard.press("ArrowRight")
    assert reading.inner_text() != first
    page.keyboard.press("ArrowDown")
    other = reading.inner_text()
    assert other.split(";")[0] != first.split(";")[0]
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # stays on the last point
    assert reading.inner_text().split(";")[0] == other.split(";")[0]
    table = page.locator("#curve-stage + details")
    table.locator("summary").press("Enter")
    table.locator("tbody th", has_text="Bayes limit").first.wait_for()  # made when it is opened
    page.locator("#curve-controls [name=bayes]").press("Space")
    page.wait_for_function("() => !document.querySelector('#curve-stage + details').innerText.includes('Bayes limit')")


# Without scripts


@pytest.mark.parametrize("name", PAGES_OF_BOTH)
def test_without_scripts_every_figure_is_drawn_or_a_table(name: str, browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    assert page.locator("h1").is_visible()
    assert page.locator("main .controls:visible, main [data-share]:visible").count() == 0
    figures = page.locator("main figure:visible").all()
    for figure in figures:
        drawn = figure.locator(
            "svg[role=img]:visible, table:visible, img:not([alt='']):visible, .plate-rows li:visible"
        )
        assert drawn.count() >= 1, figure.get_attribute("id")
        title = drawn.first.locator("title")
        if name.startswith("zh/") and title.count():
            assert re.search(r"[\u4e00-\u9fff]", title.first.text_content() or ""), figure.get_attribute("id")
    if name.removeprefix("zh/") in MESSAGES:
        assert figures
        assert page.locator("main table").count() >= 1
    context.close()


# Motion, colours, paper


def test_nothing_moves_for_who_asked_for_less_motion(page: Any, address: str) -> None:
    for name in ("index", "snr", "results"):
        there(page, f"{address}{name}.html")
        moving = """() => [...document.querySelectorAll('*')]
            .flatMap((e) => ['', '::before', '::after'].map((p) => getComputedStyle(e, p || null)))
            .filter((s) => s.transitionDuration.split(',').some((d) => parseFloat(d) > 0.01)
                || s.animationName !== 'none' || s.scrollBehavior === 'smooth').length"""
        assert page.evaluate(moving) == 0
        assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_tell_states_apart(scheme: str, browser: Any, address: str) -> None:
    context = browser.new_context(forced_colors="active", color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script("localStorage.setItem('specvit-theme', 'light')")  # is not followed here
    there(page, address + "results.html")
    assert page.evaluate("document.documentElement.dataset.theme ?? ''") == ""
    line = "(e) => getComputedStyle(e).borderBottomColor"
    on, off = page.locator("[role=tab][aria-selected=true]"), page.locator("[role=tab][aria-selected=false]").first
    assert on.evaluate(line) != off.evaluate(line)
    back = "(e) => getComputedStyle(e).backgroundColor"
    checked, other = (
        page.locator(f"#curve-controls .choice input{s} + span").first for s in (":checked", ":not(:checked)")
    )
    assert checked.evaluate(back) != other.evaluate(back)
    keys = page.locator(".model-mark .line").evaluate_all(
        "(all) => new Set(all.map((e) => getComputedStyle(e).stroke)).size"
    )
    assert keys >= 3
    context.close()


@pytest.mark.parametrize("name", ["results", "snr"])
def test_paper_is_light_and_holds_everything(name: str, browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="dark", viewport={"width": 1000, "height": 900})
    page = context.new_page()
    there(page, f"{address}{name}.html")
    scroll_through(page)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    light = """(e) => {
      const [r, g, b] = getComputedStyle(e).color.match(/[\\d.]+/g).map(Number);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""
    for tag in ("h1", "h2", "figcaption", "td"):
        assert page.locator(f"main {tag}").first.evaluate(light) < 140, tag
    for hidden in ("#menu", ".controls", ".tools", "[role=tablist]"):
        assert page.locator(f"{hidden}:visible").count() == 0, hidden
    assert page.locator("[role=tabpanel]:visible").count() == page.locator("[role=tabpanel]").count()
    context.close()


# Links


@pytest.mark.parametrize(
    ("link", "ready", "kept"),
    [
        (
            "snr.html#v1&mag=21&seed=1&from=8000.0&to=8400.0",
            "#snr-spectrum canvas",
            ["mag=21", "from=8000.0", "to=8400.0"],
        ),
        (
            "tokens.html#v1&patch=3&by=norm&from=8000.0&to=8400.0",
            "#tok-spectrum canvas",
            ["patch=3", "by=norm", "from=8000.0"],
        ),
        (
            "attention.html#v1&layer=1&head=2.2&scale=linear&to=8400.0&from=8000.0",
            "#att-spectrum canvas",
            ["layer=1", "head=2.2", "scale=linear", "to=8400.0"],
        ),
        (
            "spectra.html#v1&smooth=2&air=1&lines=ca2&line=ca-ii-8542",
            "#spe-stage.is-live",
            ["smooth=2", "air=1", "line=ca-ii-8542"],
        ),
        ("index.html#v1&mag=21", "#home-spectrum canvas", ["mag=21"]),
        (
            "results.html#v1&tab=brightness&crlb=crlb3&curve-stage=x:20.5:22",
            "#curve-stage .js-plotly-plot",
            ["crlb=crlb3", "curve-stage=x:20.5:22"],
        ),
    ],
)
def test_a_link_restores_the_view_in_both_languages(
    link: str, ready: str, kept: list[str], page: Any, address: str
) -> None:
    for folder in ("", "zh/"):
        there(page, address + folder + link)
        if "curve-stage" in ready:
            page.locator("#curve-stage").scroll_into_view_if_needed()
        page.locator(ready).first.wait_for(timeout=20_000)
        page.wait_for_timeout(400)  # the page could drop them only after it has read them
        assert all(part in page.evaluate("location.hash") for part in kept), page.url
        assert page.locator("#link-note:not([hidden])").count() == 0
    if "curve-stage" in ready:
        shown = "document.querySelector('#curve-stage .js-plotly-plot').layout.xaxis.range.map(Number).join()"
        page.wait_for_function(f"() => {shown} === '20.5,22'", timeout=20_000)
    if "from=" in link:
        other = page.locator("[data-language]")
        other.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/zh/" not in url)
        page.locator(ready).first.wait_for(timeout=20_000)
        page.wait_for_timeout(400)  # the page could drop them only after it has read them
        assert all(part in page.evaluate("location.hash") for part in kept), page.url


@pytest.mark.parametrize("name", [*MESSAGES])
@pytest.mark.parametrize(
    ("hash_", "says"),
    [
        ("#v0&star=x", "another version"),
        ("#v1&nonsense=1", "Part of this link"),
        ("#star=%E0%A4%A&mag", "damaged"),
    ],
)
def test_an_old_or_damaged_link_is_told_politely(name: str, hash_: str, says: str, page: Any, address: str) -> None:
    there(page, f"{address}{name}.html{hash_}")
    note = page.locator("#link-note[role=status]")
    note.wait_for(state="attached", timeout=20_000)
    until(page, lambda: says in note.inner_text())
    assert page.locator("h1").is_visible()


def test_lines_are_gone_to_in_turn(page: Any, address: str) -> None:
    there(page, address + "spectra.html", "#spe-stage.is-live")
    page.focus("#inspector")
    seen = []
    for _ in range(page.locator("#spe-line option").count()):
        page.keyboard.press("n")
        seen.append(page.input_value("#spe-line"))
    assert len(set(seen)) == len(seen) - 1  # after the last comes the first
    assert seen[-1] == seen[0]
    low, high = page.evaluate(
        "() => { const r = Bokeh.documents[0].get_model_by_name('main').x_range; return [r.start, r.end]; }"
    )
    assert 20 < high - low < 60
    page.click("#spe-line-previous")
    assert page.input_value("#spe-line") == seen[-2]
    until(page, lambda: f"line={seen[-2]}" in page.url)
    status = page.locator("#fig-spe [role=status]")
    until(page, lambda: bool(re.search(r"\d+ of \d+", status.text_content() or "")))


def test_what_a_reader_does_before_the_scripts_are_there_is_done(page: Any, address: str, tmp_path: Path) -> None:
    page.route("**/snr.js", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.goto(address + "snr.html")
    page.locator("#snr-seed").click()
    page.locator("#snr-spectrum canvas").wait_for(timeout=20_000)
    until(page, lambda: page.inner_text("#snr-seed-out").startswith("2"))
