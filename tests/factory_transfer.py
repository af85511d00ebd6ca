"""Made-up transfer experiments and loose spectra that pass the checks: random numbers, obviously no measurements.

``lamost-optical``: an observed cross-validated set, two independent ones, SpecViT and rivals. ``h-band``: emulated
giants, one independent set. ``make_results(..., transfer=True)`` adds them.
"""

from typing import Any

import numpy as np

from site_builder.contract.schema import ContractFile, Interval, Provenance, SpectrumFile, WaveAxis
from site_builder.contract.transfer import (
    TransferAnswer,
    TransferFile,
    TransferModel,
    TransferRow,
    TransferSet,
    TransferStars,
)

TITLES = {"specvit": "SpecViT test", "mlp": "MLP", "ridge": "Ridge", "svr": "Support vectors", "mean": "Mean"}
# scatter of the answers by strategy, at all real stars
SPREAD = {"synthetic": 0.6, "survey": 0.3, "two-stage": 0.22}
OF_MODEL = {"specvit": 1.0, "mlp": 1.04, "ridge": 1.5, "svr": 1.2, "mean": 0.0}


def interval(value: float, spread: float, top: float = np.inf) -> Interval:
    """A value with a made-up interval that holds it."""
    return Interval(value=round(value, 6), lo=round(value - spread, 6), hi=round(min(value + spread, top), 6))


def _row(key: dict[str, Any], name: str, label: tuple[str, str], answer: dict[str, Any], true: np.ndarray,
         mask: np.ndarray, repeats: int) -> TransferRow:  # fmt: skip
    t, p = true[mask], np.asarray(answer["predicted"])[mask]
    d, w = p - t, 0.6 / np.sqrt(mask.sum())
    inside = {}
    for field, half in (("coverage68", "sigma"), ("coverage95", "half95")):
        values = answer[half]
        inside[field] = None if values is None else round(float(np.mean(np.abs(d) <= np.asarray(values)[mask])), 6)
    return TransferRow(
        **key,
        set=name,
        slice=label[0],  # type: ignore[arg-type]
        label=label[1],
        n=int(mask.sum()),
        repeats=repeats,
        r2=interval(float(1 - np.sum(d**2) / np.sum((t - t.mean()) ** 2)), 0.5 * w, 1.0),
        mae=interval(float(np.mean(np.abs(d))), 0.1 * w),
        bias=interval(float(d.mean()), 0.3 * w),
        nmad=interval(float(1.4826 * np.median(np.abs(d - np.median(d)))), 0.2 * w),
        sigma=interval(float(d.std()), 0.2 * w),
        **inside,
    )


def _stars(rng: np.random.Generator, name: str, n: int, giants: bool) -> dict[str, Any]:
    logg = (
        rng.uniform(0.8, 2.4, n)
        if giants
        else np.concatenate([rng.uniform(1, 3.4, n // 3), rng.uniform(3.5, 5, n - n // 3)])
    )
    return {
        "set": name,
        "id": [f"{name}-{i:04d}" for i in range(n)],
        "logg": logg.round(4).tolist(),
        "logg_err": [None] * n,
        "teff": rng.uniform(4000, 6900, n).round(1).tolist(),
        "mh": rng.uniform(-1.5, 0.4, n).round(3).tolist(),
        "snr": rng.uniform(20, 150, n).round(2).tolist(),
        "subset": (rng.uniform(size=n) < 0.6).tolist(),
    }  # fmt: skip


def _answer(rng: np.random.Generator, key: dict[str, Any], logg: np.ndarray, family: str, most: int) -> dict[str, Any]:
    if family == "mean":
        return {"predicted": [round(float(logg.mean()), 4)] * len(logg), "sigma": None, "half95": None}
    few = 1.0 if key["strategy"] == "synthetic" else (most / key["n_real"]) ** 0.3
    spread = SPREAD[key["strategy"]] * OF_MODEL[family] * few * (0.97 if key["augmented"] else 1.0)
    offset = 0.25 if key["strategy"] == "synthetic" else 0.02
    predicted = (logg + offset + rng.normal(0, spread, len(logg))).round(4)
    has = family in ("specvit", "mlp")
    return {
        "predicted": predicted.tolist(),
        "sigma": [round(0.85 * spread, 4)] * len(logg) if has else None,
        "half95": [round(2.0 * spread, 4)] * len(logg) if has else None,
    }


def _keys(families: tuple[str, ...], sizes: tuple[int, ...], full_only: bool) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = []
    for family in families:
        for strategy in ("synthetic", "survey", "two-stage"):
            if strategy != "survey" and family not in ("specvit", "mlp"):
                continue
            for n in (0,) if strategy == "synthetic" else sizes[-1:] if full_only else sizes:
                both = family == "specvit" and n in (0, sizes[-1])
                keys += [
                    {"model": family, "strategy": strategy, "augmented": augmented, "n_real": n}
                    for augmented in ((False, True) if both else (True,))
                ]
    return keys


def _set(name: str, role: str, origin: str, survey: str, n: int, error: float | None) -> TransferSet:
    return TransferSet(
        name=name,
        title=f"Test {name}",
        origin=origin,  # type: ignore[arg-type]
        survey=survey,
        role=role,  # type: ignore[arg-type]
        n=n,
        description="random numbers for tests",
        label_source="made for tests",
        credit="made for tests",
        selection={"all": n + 12, "with labels": n + 4, "in range": n},
        label_error=error,
        label_error_source=None if error is None else "made for tests",
    )


def experiment(
    rng: np.random.Generator, stamp: Provenance, name: str, instrument: str, sets: list[TransferSet],
    families: tuple[str, ...] = ("specvit", "mlp", "ridge", "svr", "mean"), sizes: tuple[int, ...] = (30, 60, 120),
) -> TransferFile:  # fmt: skip
    """A transfer file whose rows follow from its answers."""
    rows: list[TransferRow] = []
    stars = []
    for info in sets:
        part = _stars(rng, info.name, info.n, info.origin == "emulated")
        logg, answers = np.asarray(part["logg"]), []
        for key in _keys(families, sizes, info.role == "independent"):
            answer = _answer(rng, key, logg, key["model"], sizes[-1])
            whole = key["n_real"] in (0, sizes[-1])
            slices = [("all", "all", np.ones(info.n, bool))]
            if whole:
                answers.append(TransferAnswer(**key, **answer))
                slices += [
                    ("class", c, (logg >= lo) & (logg < hi))
                    for c, lo, hi in (("giant", -9, 2.5), ("subgiant", 2.5, 3.5), ("dwarf", 3.5, 9))
                ]
                slices.append(("subset", "test stars of good signal", np.asarray(part["subset"])))
            rows += [
                _row(key, info.name, (s, label), answer, logg, mask, 1 if whole else 3)
                for s, label, mask in slices
                if mask.sum() > 3
            ]
        stars.append(TransferStars(**part, answers=answers))
    return TransferFile(
        provenance=stamp,
        name=name,
        title=f"Test experiment {name}",
        band="a band for tests, resolution 1800",
        instrument=instrument,
        folds=5,
        bootstrap=100,
        subset="test stars of good signal",
        augmentation={"velocity": "up to 10 km/s, at random", "noise": "photon noise once more"},
        recipe={s: f"trained for tests by {s}" for s in SPREAD},
        sets=sets,
        models=[
            TransferModel(name=f, title=TITLES[f], family=f, description=f"a {f} for tests", n_parameters=100 * (i + 1))  # type: ignore[arg-type]
            for i, f in enumerate(families)
        ],
        rows=rows,
        stars=stars,
        config={"seed": 7, "epochs": 12},
    )  # fmt: skip


def transfers(rng: np.random.Generator, stamp: Any) -> list[tuple[str, ContractFile]]:
    """(path, file) of two experiments. ``stamp``: provenance by the name of a run."""
    optical = [
        _set("lamost-dr10", "cross-validated", "observed", "LAMOST DR10", 150, 0.1),
        _set("stelib", "independent", "observed", "STELIB", 45, 0.28),
        _set("lamost-dr1", "independent", "observed", "LAMOST DR1", 30, None),
    ]
    giants = [
        _set("emulated-giants", "cross-validated", "emulated", "emulator of APOGEE DR10", 60, None),
        _set("irtf-h", "independent", "observed", "IRTF", 24, 0.2),
    ]
    return [
        ("transfer/lamost-optical.json",
         experiment(rng, stamp("transfer-lamost-optical"), "lamost-optical", "lamost", optical)),
        ("transfer/h-band.json",
         experiment(rng, stamp("transfer-h-band"), "h-band", "lamost", giants, ("specvit", "mlp"), (20, 48))),
    ]  # fmt: skip


def spectrum(stamp: Provenance, name: str, **changes: Any) -> SpectrumFile:
    """A loose spectrum without labels, with changes."""
    n = 200
    flux: list[float | None] = [None, *(1 + 0.05 * np.sin(np.arange(n - 1) / 7)).round(4).tolist()]
    fields = {
        "id": name, "title": f"Test spectrum {name}", "origin": "observed", "survey": "DESI", "what": "a galaxy",
        "credit": "made for tests", "source_file": "test.fits, row 0", "star_class": "unknown", "logg": None,
        "teff": None, "mh": None, "label_source": None, "wave": WaveAxis(scale="linear", start=7100.0, step=8.0, n=n),
        "frame": "rest", "z": 0.1, "resolution": 4000.0, "normalisation": "median", "n_native": 400, "snr": 3.2,
        "noise_source": "made for tests", "flux": flux, "sigma": [None, *[0.05] * (n - 1)],
        "note": "a galaxy: outside what the model knows, shown for the format",
    } | changes  # fmt: skip
    return SpectrumFile(provenance=stamp, **fields)


def spectra(stamp: Provenance) -> list[tuple[str, ContractFile]]:
    """(path, file) of three loose spectra: a galaxy, an observed giant, a computed star in the H band."""
    labels = {"logg": 1.9, "teff": 4500.0, "mh": -0.2, "label_source": "made for tests", "star_class": "giant"}
    made = [
        spectrum(stamp, "test-galaxy"),
        spectrum(stamp, "test-giant", survey="STELIB", what="a star", note="", frame="rest", z=0.0, **labels),
        spectrum(
            stamp, "test-synthetic", origin="synthetic", survey="synthetic", what="a star", sigma=None,
            noise_source="", snr=None, z=None, flux=[1.0] * 199 + [0.8], note="",
            wave=WaveAxis(scale="log10", start=4.18, step=2e-4, n=200), **labels,
        ),
    ]  # fmt: skip
    return [(f"spectra/{s.id}.json", s) for s in made]
