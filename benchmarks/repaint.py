"""Time from a slider's event to the end of the frame that shows it, and of the network in the browser.

Median and 95th percentile for each page with a slider (the aim: 16 ms, one frame at 60 Hz). Needs what ``make test``
installs.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, Section, main
from playwright.sync_api import sync_playwright

from tests.site_fixture import build_site, serve

SLIDERS = {"snr": "#snr-magnitude", "tokens": "#tok-patch", "attention": "#att-layer"}
READY = {"snr": "#snr-spectrum canvas", "tokens": "#tok-spectrum canvas", "attention": "#att-grid [aria-checked=true]"}


def repaint_times(page: Any, slider: str, steps: int) -> list[float]:
    """Milliseconds of the main thread's own time, from a slider's event to the end of the frame that shows it.

    Time of the thread and not of the clock, so that other work on the machine does not count.
    """
    step = """([selector, i]) => new Promise((done) => {
      const slider = document.querySelector(selector);
      slider.value = Number(slider.min) + (i % (Number(slider.max) - Number(slider.min) + 1));
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      requestAnimationFrame(() => requestAnimationFrame(done));
    })"""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    times = []
    for i in range(steps):
        before = spent()
        page.evaluate(step, [slider, i])
        times.append(spent() - before)
    return times


def infer_times(page: Any, steps: int) -> list[float]:
    """Milliseconds from a question to the network's worker to its answer, by the clock, one thread."""
    ask = """async (steps) => {
      const page = JSON.parse(document.getElementById('snr-data').textContent);
      const { LiveModel } = await import(new URL('model.js', new URL(page.live.worker, location)));
      const model = new LiveModel(page.live);
      await model.load(() => {});
      const network = page.live.networks[0];
      const times = [];
      for (let i = 0; i < steps; i++) {
        const flux = Float64Array.from({ length: network.wave.n }, () => 1 + 0.1 * Math.random());
        const began = performance.now();
        await model.infer(network.name, flux);
        times.push(performance.now() - began);
      }
      return times;
    }"""
    return list(page.evaluate(ask, steps))


def measure() -> Section:
    """Build, serve on this machine, measure."""
    section = Section(
        "Repainting",
        "Milliseconds of the page's main thread from a slider's event to the end of the frame that shows it, Chromium; "
        "a frame at 60 Hz has 16 ms.",
        ["page", "median", "95th percentile"],
        note="With the network answering, the time is that of two frames where the answer comes after the first: the "
        "spectrum's, and the answer's.",
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = build_site(ROOT / "results", Path(folder) / "site")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"))
        with serve(site) as address:
            for name, slider in SLIDERS.items():
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(f"{address}{name}.html")
                page.mouse.move(2, 2)  # somebody is there: scripts start
                page.wait_for_selector(READY[name])
                repaint_times(page, slider, 10)  # compiled by now
                times = repaint_times(page, slider, 60)
                section.rows.append(_row(name, times))
                if name == "snr":
                    page.get_by_role("button", name="Let the network answer here").click()
                    page.wait_for_selector("#snr-live:not(:empty)", timeout=60_000)
                    repaint_times(page, slider, 10)
                    section.rows.append(_row("snr, the network answering", repaint_times(page, slider, 60)))
                    infer = _row("the network in the browser, off that thread (clock)", infer_times(page, 60))
        browser.close()
    section.rows.append(infer)
    return section


def _row(name: str, times: list[float]) -> list[str]:
    return [name, f"{np.median(times):.1f}", f"{np.percentile(times, 95):.1f}"]


if __name__ == "__main__":
    main(measure)
