"""Made-up limits, calibration, scaling, ablations and stress tests that fit made-up predictions (``factory``)."""

from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Any

import numpy as np

from site_builder.contract.schema import (
    AblationRow,
    AblationsFile,
    CalibrationFile,
    ContractFile,
    Crlb,
    Gap,
    Interval,
    LimitBin,
    LimitsFile,
    PitRow,
    Provenance,
    ScalingFile,
    ScalingPoint,
    SelfCheck,
    StressFile,
    StressRow,
)

PRIOR_SD = 1.1547
Bins = list[tuple[str, str, np.ndarray]]


def interval(value: float, spread: float, top: float = np.inf) -> Interval:
    """A value with a made-up interval that holds it."""
    return Interval(value=round(value, 6), lo=round(value - spread, 6), hi=round(min(value + spread, top), 6))


def r2(true: np.ndarray, predicted: np.ndarray) -> float:
    """The coefficient of determination."""
    return float(1 - np.sum((predicted - true) ** 2) / np.sum((true - true.mean()) ** 2))


def crlb(magnitude: float) -> list[Crlb]:
    """Bounds that grow with magnitude."""
    out = []
    for labels, factor in ((3, 1.0), (5, 1.25)):
        mid = 0.12 * factor * 10 ** (0.38 * (magnitude - 20))
        lo, hi = 0.6 * mid, 1.9 * mid
        parts = {"sigma": mid, "sigma_lo": lo, "sigma_hi": hi}
        of = {"r2": mid, "r2_lo": hi, "r2_hi": lo}
        rounded = {k: round(v, 6) for k, v in parts.items()}
        out.append(Crlb(labels=labels, **rounded, **{k: round(1 - (v / PRIOR_SD) ** 2, 6) for k, v in of.items()}))  # type: ignore[arg-type]
    return out


def limits_file(rng: np.random.Generator, stamp: Provenance, name: str, part: dict[str, Any], bins: Bins) -> LimitsFile:
    """A posterior that is a little better than SpecViT, star by star."""
    true, own = np.asarray(part["logg"]), np.asarray(part["predicted"]["specvit-test"])
    mean = (true + 0.85 * (own - true) + rng.normal(0, 0.01, len(true))).round(4)
    error = np.abs(mean - true)
    sd = np.full(len(true), max(0.05, float(np.sqrt(np.mean(error**2))))).round(4)
    ess = rng.uniform(300, 4000, len(true)).round(1)
    pit = rng.uniform(0, 1, len(true)).round(4)
    rows, gaps = [], []
    for slice_name, label, mask in bins:
        n, w = int(mask.sum()), 1 / np.sqrt(mask.sum())
        u, steps = np.sort(pit[mask]), np.arange(n + 1) / n
        ks = max((steps[1:] - u).max(), (u - steps[:-1]).max())
        value = r2(true[mask], mean[mask])
        rows.append(
            LimitBin(
                slice=slice_name,  # type: ignore[arg-type]
                label=label,
                n=n,
                median_snr=round(float(np.median(np.asarray(part["snr"])[mask])), 4),
                r2=interval(value, 0.3 * w, 1.0),
                r2_se=0.002,
                rmse=interval(float(np.sqrt(np.mean((mean - true)[mask] ** 2))), 0.2 * w),
                posterior_sd=round(float(np.sqrt(np.mean(sd[mask] ** 2))), 6),
                ess_median=round(float(np.median(ess[mask])), 4),
                ess_p1=round(float(np.percentile(ess[mask], 1)), 4),
                pit_ks=round(float(ks), 6),
                crlb=crlb(float(np.median(np.asarray(part["magnitude"])[mask]))),
            )
        )
        for model in part["predicted"]:
            gap = value - r2(true[mask], np.asarray(part["predicted"][model])[mask])
            low, high = min(gap, gap - 0.15 * w), max(0.001, gap + 0.15 * w)
            gaps.append(
                Gap(
                    model=model,
                    slice=slice_name,  # type: ignore[arg-type]
                    label=label,
                    r2=Interval(value=round(gap, 6), lo=round(low, 6), hi=round(high, 6)),
                )
            )
    checks = [
        SelfCheck(name="variance", text="posterior variance and squared error", value=1.02, expected=1, tolerance=0.05),
        SelfCheck(name="library", text="R2 with half of the library", value=0.701, expected=0.702, tolerance=0.004),
    ]
    return LimitsFile(
        provenance=stamp,
        set=name,
        method="made up for tests",
        prior_sd=PRIOR_SD,
        library=4096,
        seconds=12.5,
        bins=rows,
        gaps=gaps,
        checks=checks,
        posterior_mean=mean.tolist(),
        posterior_sd=sd.tolist(),
        ess=ess.tolist(),
        pit=pit.tolist(),
    )


def calibration_file(stamp: Provenance, name: str, part: dict[str, Any], bins: Bins) -> CalibrationFile:
    """Histograms of the PIT by their definition."""
    rows = []
    for model, sigma in part["sigma"].items():
        z = (np.asarray(part["logg"]) - np.asarray(part["predicted"][model])) / np.asarray(sigma)
        u = np.array([NormalDist().cdf(float(v)) for v in z])
        for slice_name, label, mask in bins:
            counts = np.histogram(u[mask], bins=20, range=(0, 1))[0]
            rows.append(
                PitRow(model=model, slice=slice_name, label=label, n=int(mask.sum()), counts=counts.tolist())  # type: ignore[arg-type]
            )
    return CalibrationFile(provenance=stamp, set=name, method="made up for tests", rows=rows)


def scaling_file(stamp: Provenance) -> ScalingFile:
    """Curves that rise with the number of spectra."""
    sizes = (1000, 4000, 16000, 64000, 256000)
    models = {"specvit-test": 0.34, "mlp": 0.3, "cnn": 0.3, "lightgbm": 0.35, "ridge": 0.3}
    points = [
        ScalingPoint(
            model=model,
            n_spectra=n,
            presentations=n * 40,
            r2=interval(start + (0.1 if model != "ridge" else 0.03) * k, 0.012, 1.0),
            mae=interval(0.8 - 0.08 * k, 0.01),
            seconds=30.0 * (k + 1),
        )
        for model, start in models.items()
        for k, n in enumerate(sizes)
    ]
    return ScalingFile(
        provenance=stamp, set="test", recipes={m: f"recipe of {m} for tests" for m in models}, points=points
    )


def ablations_file(stamp: Provenance, bright: str, faint: str) -> AblationsFile:
    """Groups of choices, each with its base."""
    groups = {
        "Patch size": ["8 pixels", "16 pixels", "32 pixels"],
        "Embedding": ["shared", "one per position"],
        "Pooling": ["CLS token", "mean"],
        "Depth": ["1 layer", "2 layers"],
    }
    rows = [
        AblationRow(
            group=group,
            value=value,
            base=k == 1,
            n_parameters=100_000 + 1000 * k,
            presentations=50_000,
            seconds=60.0 + k,
            r2=interval(0.6 + 0.02 * k, 0.01, 1.0),
            r2_bright=interval(0.8 + 0.02 * k, 0.01, 1.0),
            r2_faint=interval(0.35 + 0.02 * k, 0.02, 1.0),
        )
        for group, values in groups.items()
        for k, value in enumerate(values)
    ]
    return AblationsFile(provenance=stamp, set="test", base="a base for tests", bright=bright, faint=faint, rows=rows)


def stress_file(stamp: Provenance) -> StressFile:
    """Conditions of every group for three networks."""
    conditions = (
        ("none", "as trained", 0.0),
        ("masked", "a quarter of the pixels masked", 0.1),
        ("masked", "half of the pixels masked", 0.25),
        ("resolution", "half the resolution", 0.15),
        ("noise", "noise of twice the size", 0.2),
    )
    rows = [
        StressRow(
            group=group,  # type: ignore[arg-type]
            label=label,
            model=model,
            n=200,
            r2=interval(0.68 - loss * slope, 0.015, 1.0),
            mae=interval(0.45 + loss * slope / 2, 0.01),
            bias=interval(loss * slope / 3, 0.02),
        )
        for model, slope in (("specvit-test", 1.0), ("mlp", 1.6), ("cnn", 0.9))
        for group, label, loss in conditions
    ]
    return StressFile(provenance=stamp, set="test", description="made up for tests", rows=rows)


def studies(
    rng: np.random.Generator,
    stamp: Provenance,
    parts: dict[str, dict[str, Any]],
    magnitude_bins: Callable[[str], list[tuple[str, np.ndarray]]],
) -> Iterator[tuple[str, ContractFile]]:
    """(path below the run, file) of every study of the main run."""
    for name, part in parts.items():
        bins: Bins = [("all", "all", np.ones(len(part["logg"]), bool))]
        bins += [("magnitude", label, mask) for label, mask in magnitude_bins(name)]
        yield f"limits.{name}.json", limits_file(rng, stamp, name, part, bins)
        yield f"calibration.{name}.json", calibration_file(stamp, name, part, bins)
    yield "scaling.json", scaling_file(stamp)
    labels = [label for label, _ in magnitude_bins("test")]
    yield "ablations.json", ablations_file(stamp, labels[0], labels[-1])
    yield "stress.json", stress_file(stamp)
