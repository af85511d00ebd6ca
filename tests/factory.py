"""Small, valid results for tests: random numbers in the right shapes, obviously not measurements.

``make_results(root)`` writes a results folder through the contract: a main run on ``pfs-mr`` with every
kind of file, and a run on ``lamost`` with a synthetic and an observed set and none of the studies
(``tests/factory_studies.py``); with transfer experiments and loose spectra (``tests/factory_transfer.py``).
"""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from site_builder.contract import write_file, write_index
from site_builder.contract.schema import (
    AttentionFile,
    ContractFile,
    Curve,
    ExampleFile,
    HistoryFile,
    Index,
    InstrumentFile,
    InterpolationAxis,
    InterpolationFile,
    Interval,
    Ladder,
    LadderLimits,
    Machine,
    MetricRow,
    MetricsFile,
    ModelInfo,
    PredictionsFile,
    Prior,
    Provenance,
    RunFile,
    SetInfo,
    Training,
    VitShape,
    WaveAxis,
)
from tests import factory_attribution
from tests.factory_pairs import pairs
from tests.factory_studies import studies
from tests.factory_transfer import spectra, transfers

MODELS = (
    ("specvit-test", "specvit", 0.45),
    ("mlp", "mlp", 0.5),
    ("lightgbm", "lightgbm", 0.65),
    ("ridge", "ridge", 0.75),
    ("mean", "mean", 1.15),
)
MAIN_MODELS = (
    ("specvit-test", "specvit", 0.45),
    ("mlp", "mlp", 0.47),
    ("cnn", "cnn", 0.52),
    ("published", "published", 0.6),
    ("lightgbm", "lightgbm", 0.65),
    ("ridge", "ridge", 0.75),
    ("template", "template", 0.8),
    ("mean", "mean", 1.15),
)
TITLES = {
    "specvit": "SpecViT test",
    "published": "SpecViT, published recipe",
    "mlp": "MLP",
    "cnn": "1-D CNN",
    "lightgbm": "LightGBM",
    "ridge": "Ridge",
    "template": "Template fitting",
    "mean": "Mean",
}
NETWORKS = ("specvit", "published", "mlp", "cnn")
Models = tuple[tuple[str, str, float], ...]
CLASSES = ("giant", "subgiant", "dwarf")


def sha(text: str) -> str:
    """sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def provenance(run: str) -> Provenance:
    """A provenance block with made-up hashes."""
    return Provenance(
        run=run,
        command="python -m model run --preset specvit-test",
        commit=sha(run)[:40],
        dirty=False,
        config_sha256=sha(run + "config"),
        data_sha256={"test-grid.npz": sha("grid"), "test-noise.fits": sha("noise")},
        seed=7,
        created="2026-01-02T03:04:05Z",
        machine=Machine(cpu="Test processor", cores=2, memory_gb=8, gpu=None, system="Linux x86_64", python="3.11.7"),
        versions={"numpy": "2.0.0"},
    )


def star_class(logg: float) -> str:
    """Class by surface gravity."""
    return "giant" if logg < 2.5 else "subgiant" if logg < 3.5 else "dwarf"


def _interval(value: float, spread: float, top: float = np.inf) -> Interval:
    return Interval(value=round(value, 6), lo=round(value - spread, 6), hi=round(min(value + spread, top), 6))


def metric_row(
    model: str, part: dict[str, Any], mask: np.ndarray, slice_name: str, label: str, lo: float | None, hi: float | None
) -> MetricRow:
    """Metrics of one slice, by their definitions; the intervals are made up around them."""
    t, p = np.asarray(part["logg"])[mask], np.asarray(part["predicted"][model])[mask]
    d = p - t
    s = part["sigma"].get(model)
    s = None if s is None else np.asarray(s)[mask]
    half95 = part["half95"].get(model)
    half95 = (0 if s is None else 1.96 * s) if half95 is None else np.asarray(half95)[mask]
    w = 1 / np.sqrt(len(t))
    return MetricRow(
        model=model,
        slice=slice_name,  # type: ignore[arg-type]
        label=label,
        lo=lo,
        hi=hi,
        n=int(mask.sum()),
        median_snr=round(float(np.median(np.asarray(part["snr"])[mask])), 4),
        r2=_interval(float(1 - np.sum(d**2) / np.sum((t - t.mean()) ** 2)), 0.4 * w, 1.0),
        rmse=_interval(float(np.sqrt(np.mean(d**2))), 0.2 * w),
        mae=_interval(float(np.mean(np.abs(d))), 0.2 * w),
        bias=_interval(float(d.mean()), 0.5 * w),
        nmad=_interval(float(1.4826 * np.median(np.abs(d - np.median(d)))), 0.3 * w),
        coverage68=None if s is None else round(float(np.mean(np.abs(d) <= s)), 6),
        coverage95=None if s is None else round(float(np.mean(np.abs(d) <= half95)), 6),
    )


def _bins(values: np.ndarray, edges: np.ndarray) -> list[tuple[float, float, np.ndarray]]:
    out = []
    for i, (lo, hi) in enumerate(pairwise(edges)):
        last = i == len(edges) - 2
        out.append((float(lo), float(hi), (values >= lo) & ((values <= hi) if last else (values < hi))))
    return out


def curve_bins(magnitude: np.ndarray) -> list[tuple[str, float, float, np.ndarray]]:
    """The bins of the curve: one a magnitude, named by it."""
    steps = [20 + 0.25 * k for k in range(13)]
    return [(f"{m:g}", m - 0.125, m + 0.125, np.abs(magnitude - m) < 0.125) for m in steps]


def brightness_bins(part: dict[str, Any], curve: bool) -> list[tuple[str, float, float, np.ndarray]]:
    """(label, lo, hi, stars) of the bins of magnitude or SNR that hold enough stars."""
    if curve:
        return curve_bins(np.asarray(part["magnitude"]))
    key = np.asarray(part["snr"] if part["magnitude"] is None else part["magnitude"])
    edges = np.array([0, 15, 30, 60, 1000.0]) if part["magnitude"] is None else np.arange(19.75, 22.76, 0.75)
    return [(f"{lo:g}-{hi:g}", lo, hi, mask) for lo, hi, mask in _bins(key, edges) if mask.sum() > 2]


def metric_rows(part: dict[str, Any], curve: bool) -> list[MetricRow]:
    """All slices of all models."""
    logg = np.asarray(part["logg"])
    slice_name = "snr" if part["magnitude"] is None else "magnitude"
    everything = np.ones(len(logg), bool)
    rows = []
    for model in part["predicted"]:
        rows.append(metric_row(model, part, everything, "all", "all", None, None))
        for name in CLASSES:
            mask = np.array([star_class(g) == name for g in logg])
            rows.append(metric_row(model, part, mask, "class", name, None, None))
        for label, lo, hi, mask in brightness_bins(part, curve):
            rows.append(metric_row(model, part, mask, slice_name, label, lo, hi))
        for name, cuts in (("teff", np.arange(3750, 6001, 750)), ("mh", np.array([-2.5, -1.5, -0.5, 0.75]))):
            for lo, hi, mask in _bins(np.asarray(part[name]), cuts):
                if mask.sum() > 2:
                    rows.append(metric_row(model, part, mask, name, f"{lo:g}-{hi:g}", lo, hi))
    return rows


def star_set(
    rng: np.random.Generator, n: int, observed: bool, models: Models = MODELS, curve: bool = False
) -> dict[str, Any]:
    """Labels and predictions of a set; columns as lists, rounded to 4 decimals."""
    logg, teff, mh = rng.uniform(1, 5, n), rng.uniform(3750, 6000, n), rng.uniform(-2.5, 0.75, n)
    magnitude = None if observed else rng.uniform(19.75, 22.75, n)
    if curve:
        magnitude = 20 + 0.25 * (np.arange(n) % 13)
    snr = rng.uniform(5, 120, n) if magnitude is None else 21 * 10 ** (-0.36 * (magnitude - 20))
    scale = 0.4 + 12 / snr
    predicted, sigma, half95 = {}, {}, {}
    for name, family, spread in models:
        noise = rng.normal(0, 1, n) * spread * np.minimum(scale, 2.2) * 0.7
        shrink = np.clip(spread * scale * 0.3, 0, 1)
        value = (
            np.full(n, 3.0) if family == "mean" else logg + shrink * (3 - logg) + noise * (1 - shrink) + 0.1 * observed
        )
        predicted[name] = value.round(4).tolist()
        if family in NETWORKS:
            sigma[name] = (spread * np.minimum(scale, 2.2) * 0.8).round(4).tolist()
        if family == "specvit" and models is MAIN_MODELS:
            half95[name] = (spread * np.minimum(scale, 2.2) * 1.5).round(4).tolist()
    return {
        "id": [f"test-{i:05d}" for i in range(n)] if observed else None,
        "logg": logg.round(4).tolist(),
        "teff": teff.round(1).tolist(),
        "mh": mh.round(4).tolist(),
        "snr": snr.round(4).tolist(),
        "magnitude": None if observed or magnitude is None else magnitude.round(4).tolist(),
        "predicted": predicted,
        "sigma": sigma,
        "half95": half95,
    }


def flux_of(wave: np.ndarray, logg: float, mh: float) -> np.ndarray:
    """A smooth spectrum with the calcium triplet, deeper in giants; for tests only."""
    flux = 1.05 - 0.1 * (wave - wave[0]) / (wave[-1] - wave[0])
    depth = 0.75 - 0.09 * logg + 0.06 * mh
    for centre, width in ((8500.4, 9), (8544.4, 14), (8664.5, 12), (8185.5, 3), (8197.1, 4), (7667.0, 4), (7701.1, 4)):
        flux = flux * (1 - depth / (1 + ((wave - centre) / (0.35 * width)) ** 2))
    return flux


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def ladder_limits(rng: np.random.Generator, logg: float) -> LadderLimits:
    """A posterior for the ladder of ``_examples``: two seeds, four magnitudes."""
    sd = np.array([[0.18, 0.3, 0.55, 0.85]] * 2)
    mean = np.clip(logg + rng.normal(0, 0.2, (2, 4)), 1.2, 4.8)
    quantiles = mean[..., None] + sd[..., None] * np.array([-1.9, -1, 1, 1.9])
    return LadderLimits(
        mean=mean.round(4).tolist(),
        sd=sd.tolist(),
        quantiles=np.clip(quantiles, 1, 5).round(4).tolist(),
        crlb3=[0.1, 0.28, 0.7, 1.9],
        crlb5=[0.12, 0.33, 0.9, 2.6],
    )


def _examples(
    rng: np.random.Generator, run: str, instrument: InstrumentFile, vit: VitShape
) -> list[tuple[str, ContractFile]]:
    axis = instrument.wave
    grid = axis.start + axis.step * np.arange(axis.n)
    wave = grid if axis.scale == "linear" else 10**grid
    observed = instrument.magnitude_zero is None
    out: list[tuple[str, ContractFile]] = []
    for name, logg, teff, mh in (
        ("giant-a", 1.4, 4200.0, -0.4),
        ("subgiant-b", 3.1, 4900.0, -0.2),
        ("dwarf-c", 4.5, 5400.0, 0.1),
    ):
        flux = flux_of(wave, logg, mh)
        noisy = flux + rng.normal(0, 0.02, axis.n)
        seeds, magnitudes = [1, 2], [20.0, 21.0, 22.0, 23.0]
        ladder = Ladder(
            magnitudes=magnitudes,
            seeds=seeds,
            snr=[21.0, 9.5, 4.0, 1.6],
            logg=(logg + rng.normal(0, 0.3, (2, 4))).round(4).tolist(),
            sigma=[[0.2, 0.35, 0.6, 0.9]] * 2,
            limits=ladder_limits(rng, logg),
        )
        star = ExampleFile(
            provenance=provenance(run),
            id=name if not observed else f"obs-{name}",
            title=f"Test {star_class(logg)}",
            origin="observed" if observed else "synthetic",
            survey="LAMOST DR10" if observed else "synthetic",
            credit="made for tests",
            instrument=instrument.name,
            star_class=star_class(logg),  # type: ignore[arg-type]
            logg=logg,
            teff=teff,
            mh=mh,
            label_source="made for tests",
            rv_kms=12.5 if observed else None,
            snr=48.0 if observed else None,
            wave=axis,
            flux=[None, *noisy[1:].round(4).tolist()] if observed else flux.round(4).tolist(),
            sigma=[None, *[0.02] * (axis.n - 1)] if observed else None,
            model_flux=flux.round(4).tolist() if observed else None,
            predicted_logg=round(logg + 0.1, 4) if observed else None,
            predicted_sigma=0.2 if observed else None,
            ladder=None if observed else ladder,
        )
        out.append((f"runs/{run}/examples/{star.id}.json", star))
        n = vit.n_patches + (vit.pool == "cls")
        weights = _softmax(rng.normal(0, 1, (vit.depth, vit.heads, n, n))).round(5)
        rollout = _softmax(rng.normal(0, 1, vit.n_patches))
        attention = AttentionFile(
            provenance=provenance(run),
            id=star.id,
            magnitude=None if observed else 21.0,
            noise_seed=None if observed else 1,
            n_tokens=n,
            has_cls=vit.pool == "cls",
            weights=weights.tolist(),
            rollout=rollout.round(6).tolist(),
            embedding_norm=rng.uniform(1, 5, vit.n_patches).round(4).tolist(),
            predicted_logg=round(logg + 0.1, 4),
            predicted_sigma=0.3,
        )
        out.append((f"runs/{run}/attention/{star.id}.json", attention))
    return out


def _attribution(
    rng: np.random.Generator, run: str, instrument: InstrumentFile, vit: VitShape, part: dict[str, Any], files: Any
) -> list[tuple[str, ContractFile]]:
    """Where answers come from: a file a star with attention, and one for the run."""
    stamp = provenance(f"attention-{run}")
    stars = [f for path, f in files if isinstance(f, AttentionFile) and path.startswith(f"runs/{run}/")]
    out: list[tuple[str, ContractFile]] = [
        (f"runs/{run}/attribution/{star.id}.json", factory_attribution.attribution(rng, stamp, star, vit, 0.28))
        for star in stars
    ]
    n = min(factory_attribution.N, len(part["logg"]))
    truth, answer = np.asarray(part["logg"][:n]), np.asarray(next(iter(part["predicted"].values()))[:n])
    start = {"mae": float(np.abs(answer - truth).mean()), "r2": 1 - float(((answer - truth) ** 2).mean() / truth.var())}
    made = factory_attribution.faithfulness(rng, stamp, instrument, vit, n, start)
    return [*out, (f"runs/{run}/faithfulness.json", made)]


def _instrument(observed: bool, n_pixels: int) -> InstrumentFile:
    if observed:
        wave = WaveAxis(scale="log10", start=3.8513, step=0.0958 / n_pixels, n=n_pixels)
        return InstrumentFile(
            provenance=provenance("specvit-test-lamost"),
            name="lamost",
            title="LAMOST (test)",
            wave=wave,
            resolution=1800,
            resolution_note="for tests",
            magnitude_zero=None,
            n_exposures=None,
            exposure_s=None,
            signal_e=None,
            background_e2=None,
            sky_e=None,
            source="made for tests",
        )
    wave = WaveAxis(scale="linear", start=7100.0, step=1750.0 / n_pixels, n=n_pixels)
    sky = (200 + 1500 * (np.arange(n_pixels) % 37 == 0)).astype(float)
    return InstrumentFile(
        provenance=provenance("specvit-test-pfs-mr"),
        name="pfs-mr",
        title="PFS MR (test)",
        wave=wave,
        resolution=5000,
        resolution_note="for tests",
        magnitude_zero=22.5,
        n_exposures=12,
        exposure_s=900,
        signal_e=[60.0] * n_pixels,
        background_e2=(sky + 50).tolist(),
        sky_e=sky.tolist(),
        source="made for tests",
    )


def _run_file(name: str, instrument: str, vit: VitShape, sets: list[SetInfo], observed: bool, names: Models) -> RunFile:
    training = Training(
        optimizer="AdamW",
        learning_rate=1e-3,
        schedule="cosine",
        warmup=512,
        weight_decay=0.05,
        batch_size=64,
        presentations=20480,
        loss="Gaussian negative log-likelihood",
        precision="float32",
        seconds=33.0,
    )
    models = [
        ModelInfo(
            name=model,
            title=TITLES[family],
            family=family,  # type: ignore[arg-type]
            description=f"a {family} for tests",
            n_parameters=10 ** (i + 2),
            n_spectra=20480,
            train_seconds=30.0 + i,
            inference_ms_1=0.5 + i,
            inference_ms_256=0.1 + i / 10,
            has_sigma=family in NETWORKS,
            training=training if family in NETWORKS else None,
        )
        for i, (model, family, _) in enumerate(names)
    ]
    prior = Prior(
        teff=(3750, 6000),
        logg=(1, 5),
        mh=(-2.5, 0.75),
        magnitude=None if observed else (19.75, 22.75),
        snr=(5, 120) if observed else None,
    )
    return RunFile(
        provenance=provenance(name),
        title=f"Test run on {instrument}",
        preset="specvit-test",
        instrument=instrument,
        prior=prior,
        vit=vit,
        sets=sets,
        models=models,
        config={"seed": 7, "batch_size": 64, "preset": "specvit-test"},
    )


def _history(run: str, models: Models) -> HistoryFile:
    steps = [1024 * 2**i for i in range(6)]
    r2 = [0.1, 0.3, 0.5, 0.6, 0.65, 0.67]
    curves = [
        Curve(
            model=model,
            presentations=steps,
            seconds=[float(s) / 700 for s in steps],
            learning_rate=[1e-3] * 6,
            train_loss=[1 - x for x in r2],
            val_loss=[1.02 - x for x in r2],
            val_r2=[round(x * (1.3 - spread * 0.6), 4) for x in r2],
            val_mae=[0.9 - x / 2 for x in r2],
        )
        for model, family, spread in models
        if family in NETWORKS
    ]
    return HistoryFile(provenance=provenance(run), val_n=200, curves=curves)


def _set_info(name: str, n: int) -> SetInfo:
    observed = name == "lamost-dr10"
    return SetInfo(
        name=name,
        title="Observed test stars" if observed else "Synthetic test set",
        origin="observed" if observed else "synthetic",
        survey="LAMOST DR10" if observed else "synthetic",
        n=n,
        description="random numbers for tests",
        label_source="made for tests",
        credit="made for tests",
        selection={"all": n + 20, "with labels": n + 5, "in range": n},
    )


def _arrays(part: dict[str, Any]) -> dict[str, Any]:
    """The columns of a set as arrays."""
    return {
        k: _arrays(v) if isinstance(v, dict) else np.asarray(v) if isinstance(v, list) else v for k, v in part.items()
    }


def make_large_results(root: Path, n_stars: int, n_spectra: int, n_pixels: int = 4096) -> Path:
    """Write results whose test set has many stars, and whose main run has many example spectra; return the folder."""
    make_results(root, n_stars=400, n_pixels=n_pixels, n_test=n_stars)
    index = json.loads((root / "index.json").read_text())
    examples = [e for e in index["files"] if e["kind"] == "example" and "pfs-mr" in e["path"]]
    for i in range(n_spectra - len(examples)):
        like = examples[i % len(examples)]
        name = f"many-{i:05d}"
        stem = Path(like["path"]).stem
        raw = (root / like["path"]).read_bytes().replace(f'"id":"{stem}"'.encode(), f'"id":"{name}"'.encode())
        path = like["path"].replace(stem, name)
        (root / path).write_bytes(raw)
        index["files"].append(like | {"path": path, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)})
    (root / "index.json").write_text(json.dumps(index))
    return root


def make_results(
    root: Path,
    n_stars: int = 400,
    n_pixels: int = 512,
    seed: int = 1,
    transfer: bool = True,
    n_test: int | None = None,
) -> Path:
    """Write a small results folder and return it.

    Args:
        root: folder that is written (made if need be).
        n_stars: stars in each evaluation set.
        n_pixels: pixels of each spectrum; a multiple of 16.
        seed: of every random number.
        transfer: with transfer experiments and loose spectra.
        n_test: stars in the test set of the main run, if not ``n_stars``.
    """
    rng = np.random.default_rng(seed)
    files: list[tuple[str, ContractFile]] = []
    axes = [InterpolationAxis(axis=a, n_nodes=8, median=0.0004, p99=0.004, worst=0.02) for a in ("teff", "logg", "mh")]  # type: ignore[arg-type]
    main = "specvit-test-pfs-mr"
    files.append(("interpolation.json", InterpolationFile(provenance=provenance(main), instrument="pfs-mr", axes=axes)))
    for observed, run, sets in (
        (False, main, ["test", "snr-curve"]),
        (True, "specvit-test-lamost", ["test", "lamost-dr10"]),
    ):
        instrument = _instrument(observed, n_pixels)
        files.append((f"instruments/{instrument.name}.json", instrument))
        vit = VitShape(
            n_pixels=n_pixels,
            patch_size=n_pixels // 16,
            n_patches=16,
            width=48,
            depth=2,
            heads=3,
            embedding="per-position",
            embedding_init="pca",
            pool="mean" if observed else "cls",
        )
        models = MODELS if observed else MAIN_MODELS
        sizes = {s: n_test if n_test and s == "test" and run == main else n_stars for s in sets}
        infos = [_set_info(s, sizes[s]) for s in sets]
        files.append((f"runs/{run}/run.json", _run_file(run, instrument.name, vit, infos, observed, models)))
        files.append((f"runs/{run}/history.json", _history(run, models)))
        parts = {}
        for name in sets:
            part = star_set(rng, sizes[name], name == "lamost-dr10", models, name == "snr-curve")
            part = _arrays(part) if n_test else part
            parts[name] = part
            files.append(
                (f"runs/{run}/predictions.{name}.json", PredictionsFile(provenance=provenance(run), set=name, **part))
            )
            rows = metric_rows(part, name == "snr-curve")
            files.append(
                (
                    f"runs/{run}/metrics.{name}.json",
                    MetricsFile(provenance=provenance(run), set=name, bootstrap=100, rows=rows),
                )
            )
        files.extend(_examples(rng, run, instrument, vit))
        if not observed:
            bins = {name: [(b[0], b[3]) for b in brightness_bins(p, name == "snr-curve")] for name, p in parts.items()}
            made = studies(rng, provenance(run), parts, bins.__getitem__)
            files.extend((f"runs/{run}/{path}", file) for path, file in made)
            files.extend(_attribution(np.random.default_rng(seed + 2), run, instrument, vit, parts["test"], files))
    if transfer:
        files += transfers(np.random.default_rng(seed + 1), provenance) + spectra(provenance("spectra"))
    files += pairs(list(files), provenance("pairs"))
    entries = [write_file(root, path, content) for path, content in files]
    write_index(root, Index(main_run=main, files=entries))
    return root


if __name__ == "__main__":
    import sys

    print(make_results(Path(sys.argv[1]), n_stars=int(sys.argv[2]) if len(sys.argv) > 2 else 400))
