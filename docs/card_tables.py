"""Tables of the model card and the data card; ``docs/readme_tables.py`` writes them between their marks."""

import json
from dataclasses import dataclass
from pathlib import Path

from readme_tables import ROOT, duration, number, read_runs, table

from site_builder.contract.io import read_file, read_index
from site_builder.contract.schema import (
    InstrumentFile,
    InterpolationFile,
    MetricRow,
    MetricsFile,
    Prior,
    RunFile,
    StressFile,
    TransferFile,
)
from site_builder.contract.transfer import TransferRow

STRATEGIES = {"synthetic": "synthetic spectra only", "survey": "real stars only", "two-stage": "both, in two stages"}


@dataclass(frozen=True)
class Held:
    """What the cards read of a results folder."""

    runs: list[RunFile]  # the main one first
    metrics: dict[tuple[str, str], MetricsFile]
    instruments: dict[str, InstrumentFile]
    interpolation: list[InterpolationFile]
    stress: list[StressFile]
    transfers: list[TransferFile]


def read(results: Path) -> Held:
    """Read the files that the cards need.

    Raises:
        BadInput: the results are missing or not valid.
    """
    _, runs, metrics, _ = read_runs(results)
    kinds = ("instrument", "interpolation", "stress", "transfer")
    files = [read_file(results, entry) for entry in read_index(results).files if entry.kind in kinds]
    return Held(
        runs,
        metrics,
        {f.name: f for f in files if isinstance(f, InstrumentFile)},
        [f for f in files if isinstance(f, InterpolationFile)],
        [f for f in files if isinstance(f, StressFile)],
        [f for f in files if isinstance(f, TransferFile)],
    )


def thousands(count: float) -> str:
    """A count with its groups of three digits set apart."""
    return f"{count:,.0f}".replace(",", " ")


def percent(share: float | None) -> str:
    """A share of stars."""
    return "" if share is None else f"{100 * share:.0f} %"


def span(pair: tuple[float, float] | None, unit: str = "") -> str:
    """A range with its unit."""
    return "" if pair is None else f"{pair[0]:g} to {pair[1]:g}{unit}"


def networks(held: Held) -> str:
    """Every published SpecViT: shape, training, cost, run."""
    body = []
    for run in held.runs:
        if run.vit is None:
            continue
        own, p = run.models[0], run.provenance
        recipe = own.training.loss if own.training else ""
        body.append(
            [
                f"`{p.run}`",
                own.title,
                own.description,
                thousands(own.n_parameters),
                f"{thousands(own.n_spectra)}, {recipe}",
                f"{duration(own.train_seconds)}, {p.machine.gpu or f'{p.machine.cores} cores'}",
                f"{own.inference_ms_1:.1f} ms",
                f"`{p.commit[:10]}`, seed {p.seed}, {p.created}",
            ]
        )
    head = ["run", "network", "shape", "parameters", "spectra shown, loss", "training", "one spectrum", "made"]
    return table(head, body)


def ranges(held: Held) -> str:
    """What each network was trained for: pixels, resolution, labels, brightness."""
    body = []
    for run in held.runs:
        prior: Prior = run.prior
        instrument = held.instruments[run.instrument]
        bright = span(prior.magnitude) if prior.magnitude else f"S/N {span(prior.snr)}"
        body.append(
            [
                f"`{run.provenance.run}`",
                f"{instrument.title}: {thousands(instrument.wave.n)} pixels, R = {instrument.resolution:g}",
                span(prior.teff, " K"),
                span(prior.logg),
                span(prior.mh),
                bright,
            ]
        )
    return table(["run", "spectra", "Teff", "log g", "[M/H]", "magnitude or S/N"], body)


def _row(row: MetricRow) -> list[str]:
    scores = [number(x) for x in (row.r2, row.mae, row.bias, row.nmad)]
    return [thousands(row.n), *scores, percent(row.coverage68), percent(row.coverage95)]


SCORES = ["spectra", "R²", "MAE, dex", "bias, dex", "NMAD, dex", "in 68 %", "in 95 %"]


def accuracy(held: Held) -> str:
    """SpecViT on every set that it was evaluated on."""
    body = [
        [f"`{run.provenance.run}`", f"{info.title} ({info.origin})", *_row(row)]
        for run in held.runs
        for info in run.sets
        if (run.provenance.run, info.name) in held.metrics
        for row in held.metrics[run.provenance.run, info.name].rows
        if row.slice == "all" and row.model == run.models[0].name
    ]
    return table(["run", "set", *SCORES], body)


def parts(held: Held) -> str:
    """SpecViT of the main run on its first synthetic set, by magnitude or S/N, class, temperature and metallicity."""
    run = held.runs[0]
    info = next(s for s in run.sets if s.origin == "synthetic")
    rows = held.metrics[run.provenance.run, info.name].rows
    names = {"magnitude": "magnitude", "snr": "S/N", "class": "class", "teff": "Teff", "mh": "[M/H]"}
    body = [
        [names[row.slice], row.label, *_row(row)]
        for row in rows
        if row.slice != "all" and row.model == run.models[0].name
    ]
    return table(["by", "part", *SCORES], body)


def unlike(held: Held) -> str:
    """SpecViT on spectra unlike those that it was trained on."""
    run = held.runs[0]
    body = [
        [row.label, thousands(row.n), number(row.r2), number(row.mae), number(row.bias)]
        for file in held.stress
        if file.provenance.run == run.provenance.run
        for row in file.rows
        if row.model == run.models[0].name
    ]
    return table(["spectra", "number", "R²", "MAE, dex", "bias, dex"], body)


def observed(held: Held) -> str:
    """SpecViT on real stars, by strategy: the row with the most real stars, augmented where there is one."""
    body = []
    for file in held.transfers:
        name = next(m.name for m in file.models if m.family == "specvit")
        for info in file.sets:
            for strategy, words in STRATEGIES.items():
                rows = [
                    r for r in file.rows if (r.model, r.set, r.slice, r.strategy) == (name, info.name, "all", strategy)
                ]
                if not rows:
                    continue
                row: TransferRow = max(rows, key=lambda r: (r.n_real, r.augmented))
                scores = [number(x) for x in (row.sigma, row.bias)]
                who = f"{info.title} ({info.origin}, {info.role})"
                body.append([file.title, who, words, thousands(row.n), *scores, percent(row.coverage68)])
    head = ["experiment", "stars", "trained on", "number", "standard deviation, dex", "bias, dex", "in 68 %"]
    return table(head, body)


# The data card


def files(held: Held) -> str:
    """Every file of ``data/`` with its licence, and the runs that read it."""
    manifest = json.loads((ROOT / "data/manifest.json").read_text(encoding="utf-8"))["files"]
    readers: dict[str, list[str]] = {}
    for file in [*held.runs, *held.transfers]:
        for name in file.provenance.data_sha256:
            readers.setdefault(name, []).append(f"`{file.provenance.run}`")
    body = [
        [
            f"`{name}`",
            f"{entry['bytes'] / 1e3:.0f} kB",
            entry["licence"],
            entry["source"],
            entry["credit"],
            ", ".join(readers.get(name, [])),
        ]
        for name, entry in manifest.items()
    ]
    return table(["file", "size", "licence", "what it is", "credit", "read by"], body)


def elsewhere(held: Held) -> str:
    """Files that runs read and the repository does not have, by their hashes."""
    manifest = json.loads((ROOT / "data/manifest.json").read_text(encoding="utf-8"))["files"]
    found = {
        (name, sha): None
        for file in [*held.runs, *held.transfers]
        for name, sha in file.provenance.data_sha256.items()
        if name not in manifest
    }
    return table(["file", "sha256"], [[f"`{name}`", f"`{sha}`"] for name, sha in sorted(found)])


def sets(held: Held) -> str:
    """Every set that models were judged on: stars, labels, cuts, credit."""
    body: dict[tuple[str, ...], None] = {}
    every = [(f.provenance.run, info) for f in [*held.runs, *held.transfers] for info in f.sets]
    for run, info in every:
        cuts = "; ".join(f"{cut}: {thousands(n)}" for cut, n in info.selection.items())
        cells = [info.title, info.origin, thousands(info.n), info.description, info.label_source, cuts, info.credit]
        body[(f"`{run}`", *cells)] = None
    head = ["run", "set", "kind", "spectra", "what it is", "labels from", "left after each cut", "credit"]
    return table(head, [list(row) for row in body])


def interpolation(held: Held) -> str:
    """Error of spectra between the nodes of the grid."""
    body = [
        [f.instrument, axis.axis, str(axis.n_nodes), *(f"{100 * x:.2f} %" for x in (axis.median, axis.p99, axis.worst))]
        for f in held.interpolation
        for axis in f.axes
    ]
    return table(["instrument", "axis", "nodes left out", "median error", "99th percentile", "worst pixel"], body)


MODEL_CARD = {
    "networks": networks,
    "ranges": ranges,
    "accuracy": accuracy,
    "parts": parts,
    "unlike": unlike,
    "observed": observed,
}
DATA_CARD = {"files": files, "elsewhere": elsewhere, "sets": sets, "interpolation": interpolation}
