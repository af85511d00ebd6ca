"""Checks of what any estimator can know: the exact posterior, the Cramer-Rao bound, the gap to a model."""

from collections.abc import Iterator

import numpy as np

from site_builder.checks.base import bin_stars, hold, middle, refuse, squares
from site_builder.contract.schema import Crlb, LadderLimits, LimitsFile
from site_builder.results import Results, RunResults

ROUNDED = 1e-4  # the columns are rounded to 4 decimals
ESS_ROUNDED = 0.11  # effective sample sizes are rounded to one decimal, and so are their percentiles
ABOVE = 3.0  # Monte-Carlo standard errors that a model may seem to be above the limit


def _files(results: Results) -> Iterator[tuple[RunResults, str, str, LimitsFile]]:
    for run in results.runs.values():
        for name, file in run.limits.items():
            yield run, name, run.file(f"limits.{name}.json"), file


def check_limit_sets(results: Results) -> None:
    """Limits are of a synthetic set of the run, star by star: one entry each, probabilities and spreads in range."""
    for run in results.runs.values():
        synthetic = {s.name for s in run.run.sets if s.origin == "synthetic"}
        for path in results.files:
            if path.startswith(run.file("limits.")) and path.removesuffix(".json").split("limits.")[1] not in synthetic:
                refuse(results, path, "set", "is no synthetic set of run.json")
        for name, file in run.limits.items():
            path, n = run.file(f"limits.{name}.json"), len(run.predictions[name].logg)
            if len(file.posterior_mean) != n:
                refuse(results, path, "posterior_mean", f"has {len(file.posterior_mean)} entries where the set has {n}")
            for field, lo, hi in (("posterior_sd", 0.0, np.inf), ("ess", 0.999, np.inf), ("pit", 0.0, 1.0)):
                column = np.asarray(getattr(file, field))
                if column.min() < lo or column.max() > hi:
                    refuse(results, path, field, f"leaves the range from {lo:g} to {hi:g}")


def check_limit_bins(results: Results) -> None:
    """Every number of a bin of the limits follows from the columns, the predictions and the prior."""
    for run, name, path, file in _files(results):
        for i, part in enumerate(file.bins):
            stars = bin_stars(run, name, part.slice, part.label)
            if stars is None:
                refuse(results, path, f"bins.{i}.label", f"is {part.slice} {part.label}, no bin of the metrics")
            table = run.predictions[name]
            own = squares(table.logg[stars], file.posterior_mean[stars])
            ess, sd, pit = file.ess[stars], file.posterior_sd[stars], np.sort(file.pit[stars])
            half, low = middle(ess), float(np.percentile(ess, 1))
            steps = np.arange(len(pit) + 1) / max(1, len(pit))
            derived = {
                "n": (part.n, float(len(stars)), 0.0),
                "median_snr": (part.median_snr, middle(table.snr[stars]), 1e-3),
                "r2.value": (part.r2.value, own["r2"], ROUNDED),
                "rmse.value": (part.rmse.value, own["rmse"], ROUNDED),
                "posterior_sd": (part.posterior_sd, float(np.sqrt(np.mean(sd**2))), ROUNDED),
                "ess_median": (part.ess_median, half, ESS_ROUNDED / max(1.0, half)),
                "ess_p1": (part.ess_p1, low, ESS_ROUNDED / max(1.0, low)),
                "pit_ks": (part.pit_ks, float(max((steps[1:] - pit).max(), (pit - steps[:-1]).max())), 2e-3),
            }
            for field, (exported, again, tolerance) in derived.items():
                hold(results, path, f"bins.{i}.{field}", exported, again, tolerance, f" ({part.slice} {part.label})")
            _crlb(results, path, i, part.crlb, file.prior_sd)


def _crlb(results: Results, path: str, i: int, bounds: list[Crlb], prior_sd: float) -> None:
    """R2 of a bound follows from its sigma; percentiles are in order; more unknown labels, less known."""
    by_labels = {b.labels: b for b in bounds}
    for k, bound in enumerate(bounds):
        place = f"bins.{i}.crlb.{k}"
        for field, sigma in (("r2", "sigma"), ("r2_lo", "sigma_hi"), ("r2_hi", "sigma_lo")):
            again = 1 - (getattr(bound, sigma) / prior_sd) ** 2
            hold(results, path, f"{place}.{field}", getattr(bound, field), again, ROUNDED)
        if not bound.sigma_lo <= bound.sigma <= bound.sigma_hi:
            refuse(results, path, f"{place}.sigma", "is not between its 10th and 90th percentile")
    if len(by_labels) != len(bounds):
        refuse(results, path, f"bins.{i}.crlb", "holds one number of labels twice")
    if len(by_labels) == 2 and by_labels[5].sigma < by_labels[3].sigma * (1 - ROUNDED):
        refuse(results, path, f"bins.{i}.crlb", "is smaller with five unknown labels than with three")


def _limit(run: RunResults, name: str, slice_name: str, label: str) -> tuple[np.ndarray | None, float]:
    """Places of the stars of a bin, and R2 of their posterior mean; None if the metrics have no such bin."""
    stars = bin_stars(run, name, slice_name, label)
    if stars is None:
        return None, np.nan
    return stars, squares(run.predictions[name].logg[stars], run.limits[name].posterior_mean[stars])["r2"]


def check_gaps(results: Results) -> None:
    """Each gap is the R2 of the posterior mean minus that of the model, and no model and bin lacks one."""
    for run, name, path, file in _files(results):
        seen = set()
        table = run.predictions[name]
        bins: dict[tuple[str, str], tuple[np.ndarray | None, float]] = {}  # the same for all models
        for i, gap in enumerate(file.gaps):
            if (gap.slice, gap.label) not in bins:
                bins[gap.slice, gap.label] = _limit(run, name, gap.slice, gap.label)
            stars, own = bins[gap.slice, gap.label]
            if stars is None or gap.model not in table.predicted:
                refuse(results, path, f"gaps.{i}", f"is of {gap.model}, {gap.label}: no model or no bin of the metrics")
            seen.add((gap.model, gap.slice, gap.label))
            again = own - squares(table.logg[stars], table.predicted[gap.model][stars])["r2"]
            hold(results, path, f"gaps.{i}.r2.value", gap.r2.value, again, ROUNDED, f" ({gap.model}, {gap.label})")
        for model in run.run.models:
            for part in file.bins:
                if model.family != "mean" and (model.name, part.slice, part.label) not in seen:
                    refuse(results, path, "gaps", f"holds none of {model.name} in the bin {part.slice} {part.label}")


def check_above_limit(results: Results) -> None:
    """No model is above the Bayes limit by more than its interval and three Monte-Carlo errors of the limit."""
    for _, _, path, file in _files(results):
        error = {(part.slice, part.label): part.r2_se for part in file.bins}
        for i, gap in enumerate(file.gaps):
            if gap.r2.hi < -ABOVE * error.get((gap.slice, gap.label), 0.0):
                problem = f"says that {gap.model} is above the Bayes limit in {gap.slice} {gap.label}, which cannot be"
                refuse(results, path, f"gaps.{i}.r2.hi", problem, "find the error in the limit or the model")


def check_self_checks(results: Results) -> None:
    """What the limits were checked with while they were computed is within its tolerance."""
    for _, _, path, file in _files(results):
        for i, one in enumerate(file.checks):
            if not abs(one.value - one.expected) <= one.tolerance:
                problem = f"is {one.value:.6g}, not within {one.tolerance:.6g} of {one.expected:.6g} ({one.name})"
                refuse(results, path, f"checks.{i}.value", problem, "compute the limits again, with more samples")


def check_ladder_limits(results: Results) -> None:
    """Posterior quantiles of an example are in order, spreads positive, and bounds grow with the unknown labels."""
    for run in results.runs.values():
        for name, star in run.examples.items():
            limits: LadderLimits | None = star.ladder.limits if star.ladder is not None else None
            if limits is None:
                continue
            path = run.file(f"examples/{name}.json")
            if (np.diff(np.asarray(limits.quantiles), axis=-1) < 0).any():
                refuse(results, path, "ladder.limits.quantiles", "is not in ascending order")
            if np.min(limits.sd) <= 0:
                refuse(results, path, "ladder.limits.sd", "is not positive everywhere")
            three, five = np.asarray(limits.crlb3), np.asarray(limits.crlb5)
            if three.min() <= 0 or (five < three * (1 - ROUNDED) - ROUNDED).any():
                refuse(results, path, "ladder.limits.crlb5", "is below crlb3, or one of them is not positive")
