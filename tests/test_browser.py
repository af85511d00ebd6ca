"""Every page in Chromium: no complaint, no foreign request, nothing for axe to find, usable by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from site_builder.pages import PAGES
from tests.factory import make_results
from tests.site_fixture import build_site, scroll_through, serve, until

FILES = [page.file for page in PAGES]
CHINESE = ["zh/" + file for file in FILES]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    results = make_results(tmp_path_factory.mktemp("results"), n_stars=300, n_pixels=512)
    with serve(build_site(results, tmp_path_factory.mktemp("site") / "public")) as url:
        yield url


def watch(page: Any, address: str) -> list[str]:
    """Collects what a page complains about."""
    bad: list[str] = []
    page.on("pageerror", lambda e: bad.append(f"error {e}"))
    page.on("console", lambda m: m.type in ("error", "warning") and bad.append(f"{m.type} {m.text}"))

    def failed(request: Any) -> None:
        # leaving a page ends its requests; that is no failure of the site
        if request.failure != "net::ERR_ABORTED":
            bad.append(f"failed {request.url}")

    page.on("requestfailed", failed)
    page.on("response", lambda r: r.status >= 400 and bad.append(f"{r.status} {r.url}"))
    page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or bad.append(f"foreign {r.url}"))
    return bad


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_quiet_and_accessible(browser: Any, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    chinese = CHINESE[scheme == "dark" :: 2]  # each in one of the themes
    for file in [*FILES, *chinese]:
        page = context.new_page()
        bad = watch(page, address)
        page.goto(address + file)
        scroll_through(page)
        report = Axe().run(page, options={"resultTypes": ["violations"]})
        for violation in report.response["violations"]:
            nodes = [n["html"][:160] for n in violation["nodes"][:3]]
            bad.append(f"axe {violation['id']}: {nodes}")
        if bad:
            found[file] = bad
        page.close()
    context.close()
    assert found == {}


def test_nothing_is_wider_than_a_small_phone(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 700})
    wide = {}
    page = context.new_page()
    for file in [*FILES, *CHINESE]:
        page.goto(address + file)
        scroll_through(page)
        excess = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            wide[file] = excess
    context.close()
    assert wide == {}


def test_targets_are_large_enough(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    small = {}
    page = context.new_page()
    for file in FILES:
        page.goto(address + file)
        page.wait_for_load_state("networkidle")
        # Links within sentences are exempt (WCAG 2.5.8).
        found = page.evaluate(
            """() => [...document.querySelectorAll('button, select, input, summary, nav a, .data-link, .contents a')]
                .filter((e) => e.checkVisibility({ visibilityProperty: true }))
                .map((e) => [e.outerHTML.slice(0, 90), (e.closest('label') ?? e).getBoundingClientRect()])
                .filter(([, r]) => r.width > 0 && (r.width < 24 || r.height < 24) && r.height > 1)
                .map(([html, r]) => `${html} ${r.width.toFixed(0)}x${r.height.toFixed(0)}`)"""
        )
        if found:
            small[file] = found[:4]
    context.close()
    assert small == {}


def test_everything_is_there_without_javascript(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address + "results.html")
    assert page.locator("[role=tabpanel]").count() >= 6
    for panel in page.locator("[role=tabpanel]").all():
        assert panel.is_visible()
    for figure in page.locator(".fig-svg.wide-only").all():
        assert figure.is_visible()
    assert not page.locator("[role=tablist]").is_visible()
    assert not page.locator("[data-theme-toggle]").is_visible()
    mark = page.locator(".source-mark").first
    card = page.locator("#" + str(mark.get_attribute("popovertarget")))
    assert not card.is_visible()
    mark.click()
    assert card.is_visible()
    assert "sha256" in card.inner_text()
    page.keyboard.press("Escape")
    assert not card.is_visible()
    context.close()


def test_tabs_by_keyboard(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    bad = watch(page, address)
    page.goto(address + "results.html")
    tabs = page.locator("[role=tab]")
    tabs.first.focus()

    def shown() -> list[str]:
        return [p.get_attribute("id") for p in page.locator("[role=tabpanel]").all() if p.is_visible()]

    order = [t.get_attribute("aria-controls") for t in tabs.all()]
    assert shown() == [order[0]]
    page.keyboard.press("ArrowRight")
    assert shown() == [order[1]]
    assert page.evaluate("() => document.activeElement.getAttribute('aria-controls')") == order[1]
    page.keyboard.press("End")
    assert shown() == [order[-1]]
    page.keyboard.press("ArrowRight")
    assert shown() == [order[0]]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert shown() == [order[-1]]
    assert page.url.endswith("#" + str(order[-1]))
    page.reload()
    assert shown() == [order[-1]]
    page.keyboard.press("Tab")
    assert bad == []
    page.close()


def test_plots_are_drawn_in_both_themes(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    bad = watch(page, address)
    page.goto(address + "results.html")
    assert page.locator(".js-plotly-plot").count() == 0  # light until the reader is there
    for tab in page.locator("[role=tab]").all():
        tab.click()
        panel = page.locator("#" + str(tab.get_attribute("aria-controls")))
        panel.locator("[data-plot]").first.scroll_into_view_if_needed()
        plot = panel.locator(".js-plotly-plot .main-svg").first
        plot.wait_for(state="visible", timeout=15_000)
        assert not panel.locator(".static").first.is_visible()
    page.locator("[role=tab]").first.click()
    ink = "() => document.querySelector('.js-plotly-plot .xtitle').style.fill"
    before = page.evaluate(ink)
    page.locator("[data-theme-toggle]").click()
    until(page, lambda: page.evaluate(ink) != before)
    assert bad == []
    page.close()


def test_one_sign_of_a_reader_draws_the_plots_in_sight(browser: Any, address: str) -> None:
    """The sign that brings the scripts is the only one that may come."""
    page = browser.new_page(viewport={"width": 1280, "height": 4000})
    page.goto(address + "results.html")
    page.keyboard.press("Shift")
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="visible")
    page.close()


def test_limits_are_chosen_by_keyboard_and_by_link(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    bad = watch(page, address)
    names = "() => [...document.querySelectorAll('#curve-stage .legendtext')].map((e) => e.textContent)"

    def shown(wanted: set[str]) -> None:
        page.locator("#curve-stage").scroll_into_view_if_needed()
        page.mouse.move(300, 300)
        page.mouse.move(310, 300)
        page.wait_for_selector("#curve-stage .js-plotly-plot .legendtext", timeout=15_000)
        for _ in range(100):
            found = {name for name in page.evaluate(names) if "limit" in name or "CRLB" in name}
            if found == wanted:
                return
            page.wait_for_timeout(50)
        raise AssertionError(found)

    page.goto(address + "results.html")
    shown({"Bayes limit", "CRLB, 5 labels"})
    page.focus("#curve-controls [value=crlb5]")
    page.keyboard.press("ArrowLeft")
    shown({"Bayes limit", "CRLB, 3 labels"})
    page.focus("#curve-controls [name=bayes]")
    page.keyboard.press("Space")
    shown({"CRLB, 3 labels"})
    assert page.url.endswith("#v1&tab=brightness&bayes=off&crlb=crlb3")
    page.click("#tab-cost")
    page.click("#tab-brightness")
    assert page.url.endswith("#v1&tab=brightness&bayes=off&crlb=crlb3")
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")  # a link that differs in its hash alone would load nothing
    page.goto(address + "results.html#brightness&crlb=off")  # as links were before they had a version
    shown({"Bayes limit"})
    assert page.is_checked("#curve-controls [name=crlb][value=off]")
    page.evaluate("() => { location.hash = '#v1&tab=calibration&pit=mlp'; }")
    assert page.is_checked("#pit-controls [value=mlp]")
    assert page.locator("#calibration").is_visible()
    assert bad == []
    page.close()


def test_theme_is_remembered(browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(address)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    toggle = page.locator("[data-theme-toggle]")
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.focus()
    page.keyboard.press("Enter")
    assert toggle.get_attribute("aria-pressed") == "true"
    dark = page.evaluate(ground)
    assert dark != light
    page.goto(address + "data.html")
    assert page.evaluate(ground) == dark
    context.close()


def test_the_other_language_shows_the_same_view(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    bad = watch(page, address)
    page.goto(address + "results.html?from=a#cost")
    page.get_by_role("link", name="中文").click()
    page.wait_for_url(address + "zh/results.html?from=a#cost")
    assert page.locator("#cost").is_visible()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.locator("[data-language]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(address + "results.html?from=a#cost")
    page.goto(address + "zh/tokens.html")
    page.wait_for_selector("#tok-out-index:not(:empty)")
    page.locator("#tok-patch").press("Home")
    until(page, lambda: "patch=1" in page.url)  # the state reaches the address after things have calmed down
    view = page.url.partition("#")[2]
    page.get_by_role("link", name="English").click()
    page.wait_for_url(f"{address}tokens.html#{view}")
    page.wait_for_selector("#tok-out-index:not(:empty)")
    assert bad == []
    page.close()


def test_menu_on_a_phone(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    menu = page.locator("#menu")
    assert not menu.is_visible()
    page.get_by_role("button", name="Menu").click()
    assert menu.is_visible()
    menu.get_by_role("link", name="Deep dive").click()
    assert page.url.endswith("deep-dive.html")
    page.close()


def test_skip_link(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.close()


def test_copy_bibtex(browser: Any, address: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address + "data.html")
    page.get_by_role("button", name="Copy BibTeX").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert "@software{specvit" in page.evaluate("() => navigator.clipboard.readText()")
    context.close()


def test_the_site_works_below_a_path(browser: Any, tmp_path: Path) -> None:
    results = make_results(tmp_path / "results", n_stars=100, n_pixels=128)
    build_site(results, tmp_path / "host" / "specvit")
    with serve(tmp_path / "host") as url:
        page = browser.new_page()
        bad = watch(page, url)
        page.goto(url + "specvit/")
        page.get_by_role("link", name="Results", exact=True).first.click()
        page.wait_for_load_state("networkidle")
        assert page.url == url + "specvit/results.html"
        assert bad == []
        page.close()
