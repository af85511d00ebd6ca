"""What pages need to run the published networks in the browser: addresses, sizes, hashes, limits of use."""

import hashlib
import re
from typing import Any

from site_builder.publish import STATIC, Site
from site_builder.results import PUBLISHED_BELOW, Results, RunResults

FOLDER = "vendor/onnxruntime/"
RUNTIME = FOLDER + "ort-wasm-simd-threaded.wasm.gz"
SCRIPT = FOLDER + "ort.wasm.bundle.min.mjs"
WORKER = "js/live/worker.js"


def networks(results: Results) -> dict[str, RunResults]:
    """The run whose network answers for each instrument: the first that has one, the main run before all."""
    found: dict[str, RunResults] = {}
    for run in results.runs.values():
        if run.network is not None:
            found.setdefault(run.run.instrument, run)
    return found


def browser_data(results: Results, site: Site, only: str | None = None) -> dict[str, Any] | None:
    """What ``static/js/live/model.js`` is made with; None where the results hold no network.

    Args:
        only: the one instrument that a page needs; None: all.
    """
    chosen = {k: run for k, run in networks(results).items() if only in (None, k)}
    if not chosen:
        return None
    content = site.assets[RUNTIME]
    return {
        "worker": site.asset(WORKER),
        "runtime": {
            "url": site.asset(RUNTIME),
            "script": site.asset(SCRIPT),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "networks": [_network(results, name, run) for name, run in chosen.items()],
    }


def _network(results: Results, name: str, run: RunResults) -> dict[str, Any]:
    file, instrument = run.network, results.instruments[name]
    assert file is not None
    return {
        "name": name,
        "title": instrument.title,
        "url": f"{PUBLISHED_BELOW}runs/{run.name}/{file.file}",
        "record": PUBLISHED_BELOW + run.file("network.json"),
        "bytes": file.bytes,
        "sha256": file.sha256,
        "wave": instrument.wave.model_dump(),
        "masked": [list(band) for band in instrument.masked],
        "patch_size": run.run.shape.patch_size,
        "prior": {"logg": list(file.prior.logg), "snr": list(file.prior.snr) if file.prior.snr else None},
        "min_coverage": file.min_coverage,
        "judged_from": file.judged_from,
        "max_excess": file.max_excess,
        "min_slope": file.min_slope,
    }


def runtime_version() -> str:
    """Version of ONNX Runtime Web, as the vendored library's note has it."""
    found = re.match(r"ONNX Runtime Web (\S+),", (STATIC / FOLDER / "README.md").read_text())
    assert found
    return found[1]
