"""Checks that files are where they belong and name each other: paths, runs, instruments, sets, examples."""

import re

import numpy as np

from site_builder.checks.base import refuse
from site_builder.contract.schema import ExampleFile, RunFile
from site_builder.results import Results

PATHS = {
    "interpolation": r"interpolation\.json",
    "instrument": r"instruments/[^/]+\.json",
    "run": r"runs/[^/]+/run\.json",
    "history": r"runs/[^/]+/history\.json",
    "metrics": r"runs/[^/]+/metrics\.[^/]+\.json",
    "predictions": r"runs/[^/]+/predictions\.[^/]+\.json",
    "example": r"runs/[^/]+/examples/[^/]+\.json",
    "attention": r"runs/[^/]+/attention/[^/]+\.json",
    "attribution": r"runs/[^/]+/attribution/[^/]+\.json",
    "faithfulness": r"runs/[^/]+/faithfulness\.json",
    "limits": r"runs/[^/]+/limits\.[^/]+\.json",
    "calibration": r"runs/[^/]+/calibration\.[^/]+\.json",
    "scaling": r"runs/[^/]+/scaling\.json",
    "ablations": r"runs/[^/]+/ablations\.json",
    "stress": r"runs/[^/]+/stress\.json",
    "transfer": r"transfer/[^/]+\.json",
    "spectrum": r"spectra/[^/]+\.json",
    "network": r"runs/[^/]+/network\.json",
    "pairs": r"pairs/[^/]+\.json",
}


def check_paths(results: Results) -> None:
    """Every file lies where its kind belongs, and every run folder has its run.json."""
    for i, entry in enumerate(results.index.files):
        if not re.fullmatch(PATHS[entry.kind], entry.path):
            refuse(results, "index.json", f"files.{i}.path", f"is {entry.path}, no place for the kind {entry.kind}")
        parts = entry.path.split("/")
        if parts[0] == "runs" and f"runs/{parts[1]}/run.json" not in results.files:
            refuse(results, "index.json", "files", f"lists {entry.path} but no runs/{parts[1]}/run.json")


def check_main_run(results: Results) -> None:
    """The main run exists and was evaluated on synthetic spectra."""
    name = results.index.main_run
    if name not in results.runs:
        refuse(results, "index.json", "main_run", f"is {name!r}, of which there is no run.json")
    if not results.main.sets("synthetic"):
        refuse(results, results.main.path, "sets", "holds no synthetic set with metrics, which the headline needs")


def check_names(results: Results) -> None:
    """The name inside a file is the one in its path."""
    for path, file in results.files.items():
        kind = type(file).model_fields["kind"].default
        stem = path.rsplit("/", 1)[-1].removesuffix(".json").removeprefix(f"{kind}.")
        inside = {
            "example": "id",
            "attention": "id",
            "attribution": "id",
            "spectrum": "id",
            "instrument": "name",
            "transfer": "name",
        }
        inside |= dict.fromkeys(("metrics", "predictions", "limits", "calibration"), "set")
        if kind in inside and getattr(file, inside[kind]) != stem:
            refuse(results, path, inside[kind], f"is {getattr(file, inside[kind])!r}, not the name of the file")


def check_runs(results: Results) -> None:
    """A run has one SpecViT, a known instrument, distinct names, and a shape that adds up."""
    for run in results.runs.values():
        file: RunFile = run.run
        for field, names in (("models", [m.name for m in file.models]), ("sets", [s.name for s in file.sets])):
            if len(set(names)) != len(names):
                refuse(results, run.path, field, "holds one name twice")
        if not file.models:
            refuse(results, run.path, "models", "holds no model")
        if file.instrument not in results.instruments:
            refuse(results, run.path, "instrument", f"is {file.instrument!r}, of which there is no instrument file")
        vit = file.vit
        if (vit is None) != all(m.family != "specvit" for m in file.models):
            refuse(results, run.path, "vit", "is given without a model of the family specvit, or not given with one")
        if vit is None:
            if alone := sorted({*run.attention, *run.attribution}):
                refuse(results, run.path, "vit", f"is null, but there is attention for {alone[0]}")
            continue
        if vit.n_patches * vit.patch_size != vit.n_pixels or vit.width % vit.heads:
            refuse(results, run.path, "vit", "does not add up (patches x pixels, or width by heads)")
        if vit.n_pixels != results.instruments[file.instrument].wave.n:
            refuse(results, run.path, "vit.n_pixels", f"is {vit.n_pixels}, not the pixels of {file.instrument}")


def check_instruments(results: Results) -> None:
    """Noise arrays have one entry per pixel, positive variances, and come together or not at all."""
    for name, file in results.instruments.items():
        path = f"instruments/{name}.json"
        noise = (file.signal_e, file.background_e2, file.magnitude_zero, file.n_exposures)
        if any(x is None for x in noise) and not all(x is None for x in noise):
            refuse(results, path, "signal_e", "is given without the rest of the noise model, or the rest without it")
        for field in ("signal_e", "background_e2", "sky_e"):
            values = getattr(file, field)
            if values is None:
                continue
            if len(values) != file.wave.n:
                refuse(results, path, field, f"has {len(values)} entries where wave.n is {file.wave.n}")
            if min(values) < 0:
                refuse(results, path, field, "holds a negative number")


def check_surveys(results: Results) -> None:
    """What is synthetic is labelled synthetic, and only that."""
    for run in results.runs.values():
        for i, info in enumerate(run.run.sets):
            if (info.origin == "synthetic") != (info.survey == "synthetic"):
                refuse(results, run.path, f"sets.{i}.survey", f"is {info.survey!r} for an {info.origin} set")
        for name, star in run.examples.items():
            if (star.origin == "synthetic") != (star.survey == "synthetic"):
                path = run.file(f"examples/{name}.json")
                refuse(results, path, "survey", f"is {star.survey!r} for an {star.origin} star")


def check_sets(results: Results) -> None:
    """Sets, metrics and predictions name each other, and the same models and numbers of stars."""
    for run in results.runs.values():
        declared = {s.name: s.n for s in run.run.sets}
        models = {m.name for m in run.run.models}
        for folder, files in (("metrics", run.metrics), ("predictions", run.predictions)):
            present = {p for p in results.files if p.startswith(run.file(folder + "."))}
            expected = {run.file(f"{folder}.{name}.json") for name in declared}
            for path in sorted(present ^ expected):
                problem = "names a set without" if path in expected else "does not name the set of"
                refuse(results, run.path, "sets", f"{problem} {path}")
            assert set(files) == set(declared)
        for name, table in run.predictions.items():
            path = run.file(f"predictions.{name}.json")
            if len(table.logg) != declared[name]:
                refuse(
                    results, path, "logg", f"has {len(table.logg)} entries where run.json says n is {declared[name]}"
                )
            if set(table.predicted) != models:
                refuse(results, path, "predicted", "does not hold exactly the models of run.json")
            if not set(table.sigma) <= models:
                refuse(results, path, "sigma", "holds a model that run.json does not")
            if not set(table.half95) <= set(table.sigma):
                refuse(results, path, "half95", "holds a model that has no sigma")


def check_examples(results: Results) -> None:
    """Example stars have the pixels of their instrument and the fields that their origin calls for."""
    for run in results.runs.values():
        for name, star in run.examples.items():
            path = run.file(f"examples/{name}.json")
            instrument = results.instruments.get(star.instrument)
            if instrument is None or instrument.wave != star.wave:
                refuse(results, path, "wave", f"is not the axis of an instrument file {star.instrument}")
            _example_fields(results, path, star)
            if star.ladder is not None and sorted(set(star.ladder.magnitudes)) != star.ladder.magnitudes:
                refuse(results, path, "ladder.magnitudes", "is not strictly increasing")


def _example_fields(results: Results, path: str, star: ExampleFile) -> None:
    if star.origin == "synthetic":
        if np.isnan(star.flux).any() or star.sigma is not None:
            refuse(
                results, path, "flux", "of a synthetic star has gaps, or a sigma; it must be the noise-free spectrum"
            )
        return
    if star.sigma is None or star.predicted_logg is None or star.predicted_sigma is None:
        refuse(results, path, "sigma", "or predicted_logg or predicted_sigma is missing for an observed star")
    if (np.isnan(star.flux) != np.isnan(star.sigma)).any():
        refuse(results, path, "sigma", "is not null for the same pixels as flux")
    if np.isnan(star.flux).all():
        refuse(results, path, "flux", "holds no data")
