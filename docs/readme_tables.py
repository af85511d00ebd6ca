"""Tables of README.md and of the two cards, from ``results/``: ``python docs/readme_tables.py --check | --write``.

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; those of the cards are in ``docs/card_tables.py``.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from site_builder.contract.errors import BadInput  # noqa: E402
from site_builder.contract.io import read_file, read_index  # noqa: E402
from site_builder.contract.schema import Index, Interval, LimitsFile, MetricRow, MetricsFile, RunFile  # noqa: E402

Metrics = dict[tuple[str, str], MetricsFile]  # by run and set
Limits = dict[tuple[str, str], LimitsFile]


def read_runs(results: Path) -> tuple[Index, list[RunFile], Metrics, Limits]:
    """The index, its runs (the main one first), and their metrics and limits by run and set."""
    index = read_index(results)
    files = [read_file(results, entry) for entry in index.files if entry.kind in ("run", "metrics", "limits")]
    runs = [f for f in files if isinstance(f, RunFile)]
    runs.sort(key=lambda run: (run.provenance.run != index.main_run, run.provenance.run))
    metrics = {(f.provenance.run, f.set): f for f in files if isinstance(f, MetricsFile)}
    return index, runs, metrics, {(f.provenance.run, f.set): f for f in files if isinstance(f, LimitsFile)}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def number(x: Interval) -> str:
    """A value with its interval."""
    return f"{x.value:.3f} ({x.lo:.3f} to {x.hi:.3f})"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours with two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{seconds:.0f} s"


def main_metrics(run: RunFile, metrics: Metrics, origin: str) -> list[MetricsFile]:
    """Metrics of a run on its sets of one origin, in the order of the run."""
    names = [s.name for s in run.sets if s.origin == origin]
    return [metrics[run.provenance.run, name] for name in names if (run.provenance.run, name) in metrics]


def limit_row(file: LimitsFile | None, labels: list[str]) -> list[list[str]]:
    """What any estimator can reach, as the first row of a table; none without computed limits."""
    found = {part.label: part.r2 for part in file.bins} if file else {}
    if "all" not in found:
        return []
    cells = [f"{found[label].value:.3f}" if label in found else "" for label in labels]
    return [["*Bayes limit: no estimator exceeds it*", number(found["all"]), *cells]]


def by_magnitude(runs: list[RunFile], metrics: Metrics, limits: Limits) -> str:
    """R2 of every model of the main run on its synthetic test set, overall and per magnitude bin."""
    run = runs[0]
    test = main_metrics(run, metrics, "synthetic")[0]
    rows = test.rows
    bins = sorted({(r.lo, r.label) for r in rows if r.slice == "magnitude"})
    cell: dict[tuple[str, str], MetricRow] = {
        (r.model, r.label if r.slice == "magnitude" else "all"): r for r in rows if r.slice in ("magnitude", "all")
    }
    body = [
        [m.title, number(cell[m.name, "all"].r2), *(f"{cell[m.name, label].r2.value:.3f}" for _, label in bins)]
        for m in run.models
        if (m.name, "all") in cell
    ]
    first = limit_row(limits.get((run.provenance.run, test.set)), [label for _, label in bins])
    return table(["R²", "all (95 % interval)", *(f"mag {label}" for _, label in bins)], first + body)


def answers(row: MetricRow) -> str:
    """How good the answers of one model on one set are, in a few words."""
    coverage = "" if row.coverage68 is None else f", 68 % interval holds {100 * row.coverage68:.0f} %"
    return f"R² {row.r2.value:.3f}, MAE {row.mae.value:.3f} dex, bias {row.bias.value:+.3f} dex{coverage}"


def reproduces(runs: list[RunFile], metrics: Metrics, limits: Limits) -> str:
    """Every published command: its runs with their time and the answers of SpecViT."""
    body = []
    for run in sorted(runs, key=lambda run: run.provenance.command != runs[0].provenance.command):
        machine = run.provenance.machine
        time = f"{duration(sum(m.train_seconds for m in run.models))}, {machine.gpu or f'{machine.cores} cores'}"
        results: list[str] = []
        for info in run.sets:
            file = metrics.get((run.provenance.run, info.name))
            rows = [r for r in file.rows if r.slice == "all" and r.model == run.models[0].name] if file else []
            results.extend(f"{info.title} ({row.n}): {answers(row)}" for row in rows)
        body.append([f"`{run.provenance.command}`", run.instrument, time, "<br>".join(results)])
    return table(["command", "instrument", "training", "SpecViT's log g on (stars)"], body)


def tables_of(name: str, results: Path) -> dict[str, str]:
    """The tables of a document, by the names of their marks."""
    import card_tables

    cards = {"model-card.md": card_tables.MODEL_CARD, "data-card.md": card_tables.DATA_CARD}
    if name in cards:
        held = card_tables.read(results)
        return {mark: make(held) for mark, make in cards[name].items()}
    _, runs, metrics, limits = read_runs(results)
    return {
        mark: make(runs, metrics, limits) for mark, make in (("by magnitude", by_magnitude), ("reproduces", reproduces))
    }


def render(path: Path, text: str, results: Path) -> str:
    """Text of a document with every table made again."""
    for name, content in tables_of(path.name, results).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise BadInput(f"{path}: the marks <!-- {name} --> and <!-- /{name} --> must stand there once.")
        start, end = pattern.findall(text)[0]
        text = text[: text.index(start)] + f"{start}{content}\n" + text[text.index(end) :]
    return text


DOCUMENTS = (ROOT / "README.md", ROOT / "docs/model-card.md", ROOT / "docs/data-card.md")


def main() -> int:
    """Check or write the documents; 1 when one differs from the results, 2 with one sentence for bad input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="say which documents do not agree with the results")
    mode.add_argument("--write", action="store_true", help="write the tables again")
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR")
    parser.add_argument("--document", type=Path, action="append", metavar="FILE", help="this one alone")
    args = parser.parse_args()
    differ = False
    for path in args.document or DOCUMENTS:
        old = path.read_text(encoding="utf-8")
        try:
            new = render(path, old, args.results)
        except BadInput as error:
            print(f"readme_tables: {error}", file=sys.stderr)
            return 2
        if args.write:
            path.write_text(new, encoding="utf-8")
        elif new != old:
            differ = True
            print(f"{path} does not agree with {args.results}; run make readme.", file=sys.stderr)
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
