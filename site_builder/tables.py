"""Tables that are published as CSV beside a figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from site_builder.publish import Site
from site_builder.results import RunResults
from site_builder.transfers import Experiment

METRICS = ("r2", "rmse", "mae", "bias", "nmad")


def metrics_csv(site: Site, run: RunResults, set_name: str, slice_name: str) -> str:
    """All metrics of all models in the bins of one slice; returns the address."""
    header = ["model", "slice", "label", "lo", "hi", "n", "median_snr"]
    header += [f"{m}{end}" for m in METRICS for end in ("", "_lo", "_hi")] + ["coverage68", "coverage95"]
    rows = []
    for r in (found.row for found in run.rows(set_name, slice_name)):
        values = [v for m in METRICS for v in (getattr(r, m).value, getattr(r, m).lo, getattr(r, m).hi)]
        rows.append([r.model, r.slice, r.label, r.lo, r.hi, r.n, r.median_snr, *values, r.coverage68, r.coverage95])
    return site.publish_csv(f"tables/{run.name}.{set_name}.{slice_name}.csv", header, rows)


def history_csv(site: Site, run: RunResults) -> str:
    """The training curves as one table; returns the address."""
    assert run.history is not None
    columns = ("presentations", "seconds", "learning_rate", "train_loss", "val_loss", "val_r2", "val_mae")
    rows = [
        [curve.model, *values]
        for curve in run.history.curves
        for values in zip(*(getattr(curve, c) for c in columns), strict=True)
    ]
    return site.publish_csv(f"tables/{run.name}.history.csv", ["model", *columns], rows)


def cost_csv(site: Site, run: RunResults, set_name: str) -> str:
    """Cost and overall R2 of every model; returns the address."""
    header = [
        "model",
        "n_parameters",
        "n_spectra",
        "train_seconds",
        "inference_ms_1",
        "inference_ms_256",
        "r2",
        "r2_lo",
        "r2_hi",
    ]
    rows = []
    for m in run.run.models:
        row = run.row(set_name, m.name)
        r2 = (row.row.r2.value, row.row.r2.lo, row.row.r2.hi) if row else (None, None, None)
        rows.append([m.name, m.n_parameters, m.n_spectra, m.train_seconds, m.inference_ms_1, m.inference_ms_256, *r2])
    return site.publish_csv(f"tables/{run.name}.{set_name}.cost.csv", header, rows)


def _columns(fields: tuple[str, ...], intervals: tuple[str, ...]) -> list[str]:
    return [*fields, *(f"{name}{end}" for name in intervals for end in ("", "_lo", "_hi"))]


def _cells(row: Any, fields: tuple[str, ...], intervals: tuple[str, ...]) -> list[Any]:
    ends = [getattr(getattr(row, name), end) for name in intervals for end in ("value", "lo", "hi")]
    return [*(getattr(row, name) for name in fields), *ends]


def _study(site: Site, path: str, rows: Sequence[Any], fields: tuple[str, ...], intervals: tuple[str, ...]) -> str:
    return site.publish_csv(path, _columns(fields, intervals), [_cells(row, fields, intervals) for row in rows])


def scaling_csv(site: Site, run: RunResults) -> str:
    """Every point of the scaling study; returns the address."""
    assert run.scaling is not None
    fields = ("model", "n_spectra", "presentations", "seconds")
    return _study(site, f"tables/{run.name}.scaling.csv", run.scaling.points, fields, ("r2", "mae"))


def ablations_csv(site: Site, run: RunResults) -> str:
    """Every row of the ablations; returns the address."""
    assert run.ablations is not None
    fields = ("group", "value", "base", "n_parameters", "presentations", "seconds")
    path = f"tables/{run.name}.ablations.csv"
    return _study(site, path, run.ablations.rows, fields, ("r2", "r2_bright", "r2_faint"))


def stress_csv(site: Site, run: RunResults) -> str:
    """Every row of the stress tests; returns the address."""
    assert run.stress is not None
    fields = ("group", "label", "model", "n")
    return _study(site, f"tables/{run.name}.stress.csv", run.stress.rows, fields, ("r2", "mae", "bias"))


def pit_csv(site: Site, run: RunResults, set_name: str) -> str:
    """Histograms of the PIT, one row a bin and model; returns the address."""
    rows = run.calibration[set_name].rows
    most = max(len(row.counts) for row in rows)
    header = ["model", "slice", "label", "n", *(f"bin_{k + 1}" for k in range(most))]
    body = [[r.model, r.slice, r.label, r.n, *r.counts] for r in rows]
    return site.publish_csv(f"tables/{run.name}.{set_name}.pit.csv", header, body)


def predictions_csv(site: Site, run: RunResults, set_name: str) -> str:
    """Every star of a set with its labels and every model's answer; returns the address."""
    table = run.predictions[set_name]
    columns: dict[str, np.ndarray | list[str]] = {}
    if table.id is not None:
        columns["id"] = table.id
    columns |= {"logg": table.logg, "teff": table.teff, "mh": table.mh, "snr": table.snr}
    if table.magnitude is not None:
        columns["magnitude"] = table.magnitude
    columns |= {f"{model}_logg": values for model, values in table.predicted.items()}
    columns |= {f"{model}_sigma": values for model, values in table.sigma.items()}
    columns |= {f"{model}_half95": values for model, values in table.half95.items()}
    lists = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    path = f"tables/{run.name}.{set_name}.predictions.csv"
    return site.publish_csv(path, list(columns), zip(*lists, strict=True))


TRANSFER_KEY = ("model", "strategy", "augmented", "n_real")


def transfer_csv(site: Site, e: Experiment) -> str:
    """Every row of a transfer experiment; returns the address."""
    fields = ("set", "slice", "label", *TRANSFER_KEY, "n", "repeats", "coverage68", "coverage95")
    path = f"tables/transfer.{e.file.name}.csv"
    return _study(site, path, e.file.rows, fields, ("r2", "mae", "bias", "nmad", "sigma"))


def transfer_stars_csv(site: Site, e: Experiment, set_name: str) -> str | None:
    """Every star of a set with what each model answers (trained on all real stars); returns the address."""
    stars = e.stars(set_name)
    if stars is None:
        return None
    columns: dict[str, Sequence[Any]] = {
        name: getattr(stars, name) for name in ("id", "logg", "logg_err", "teff", "mh", "snr")
    }
    for a in stars.answers:
        name = f"{a.model}_{a.strategy}_{'augmented' if a.augmented else 'plain'}"
        columns[f"{name}_logg"] = a.predicted
        columns |= {f"{name}_{k}": v for k, v in (("sigma", a.sigma), ("half95", a.half95)) if v is not None}
    return site.publish_csv(
        f"tables/transfer.{e.file.name}.{set_name}.csv", list(columns), zip(*columns.values(), strict=True)
    )
