"""A validated results folder in memory, and numbers that know where they come from.

``Results.load`` reads and validates every file that ``index.json`` lists. Pages ask it for
quantities by file and JSON pointer; a ``Quantity`` carries both, so that what a page prints and
what its source mark points at cannot differ.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from site_builder.contract import BadInput
from site_builder.contract.attribution import AttributionFile, FaithfulnessFile
from site_builder.contract.io import dumps, read_bytes, read_file, read_index
from site_builder.contract.pairs import PairRow, PairsFile
from site_builder.contract.schema import (
    AblationsFile,
    AttentionFile,
    CalibrationFile,
    ContractFile,
    ExampleFile,
    HistoryFile,
    Index,
    IndexEntry,
    InstrumentFile,
    InterpolationFile,
    Interval,
    LimitsFile,
    MetricRow,
    MetricsFile,
    ModelInfo,
    NetworkFile,
    PredictionsFile,
    Provenance,
    RunFile,
    ScalingFile,
    SetInfo,
    SpectrumFile,
    StressFile,
    TransferFile,
)

PUBLISHED_BELOW = "data/results/"
DRAWN = 24  # example stars of a run, and loose spectra, that pages draw; all are checked and published
STAR_FILES = re.compile(r"(runs/[^/]+/)(?:examples|attention|attribution)/([^/]+)|(spectra/)([^/]+)")
T = TypeVar("T", bound=ContractFile)


@dataclass(frozen=True)
class Quantity:
    """A value with the JSON pointer(s) that it was read or derived from.

    ``op`` says how ``value`` follows from the sources: ``is`` (one source), ``sub`` (first minus
    second), ``ratio`` (first over second), ``ratio2`` (its square), ``len`` (entries of the list);
    ``derived.RULES`` has the others. A source is a path within the results folder, or within the site
    if it begins with ``data/``, and a JSON pointer.
    """

    value: float | int | str
    sources: tuple[str, ...]
    op: str = "is"

    @property
    def paths(self) -> tuple[str, ...]:
        """Contract files that the value comes from."""
        return tuple(dict.fromkeys(s.partition("#")[0] for s in self.sources))

    @property
    def number(self) -> float:
        """The value as a float, for comparisons in prose."""
        return float(self.value)


@dataclass(frozen=True)
class Measured:
    """A value with its 95 % bootstrap interval."""

    value: Quantity
    lo: Quantity
    hi: Quantity

    @property
    def paths(self) -> tuple[str, ...]:
        """Contract files that the value comes from."""
        return self.value.paths

    def above(self, other: "Measured") -> bool:
        """True if the whole interval lies above the other's."""
        return self.lo.number > other.hi.number

    def below(self, other: "Measured") -> bool:
        """True if the whole interval lies below the other's."""
        return other.above(self)


@dataclass(frozen=True)
class Row:
    """One row of a metrics file, with its place in it."""

    results: "Results" = field(repr=False)
    path: str
    index: int
    row: MetricRow

    def measured(self, name: str) -> Measured:
        """Metric ``name`` (r2, rmse, mae, bias, nmad) with its interval."""
        return self.results.measured(self.path, f"/rows/{self.index}/{name}")

    def quantity(self, name: str) -> Quantity:
        """A plain field of the row: n, lo, hi, median_snr, coverage68, coverage95."""
        return self.results.quantity(self.path, f"/rows/{self.index}/{name}")


@dataclass(frozen=True)
class PairPlace:
    """Two models on the same stars, and where that stands (address#pointer)."""

    source: str
    row: PairRow
    turned: bool  # asked for with the second of the row first

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % interval of the metric of the first asked for minus that of the second; None if it is not there."""
        found: Interval | None = getattr(self.row, metric, None)
        if found is None:
            return None
        return (-found.hi, -found.lo) if self.turned else (found.lo, found.hi)


@dataclass(frozen=True)
class RunResults:
    """Everything exported by one run; dictionaries are in the order of the run file, then by name.

    ``limits`` and ``calibration`` hold the sets that they were exported for; the studies are None where
    the run has none.
    """

    results: "Results" = field(repr=False)
    name: str
    path: str
    run: RunFile
    history: HistoryFile | None
    metrics: dict[str, MetricsFile]
    predictions: dict[str, PredictionsFile]
    examples: dict[str, ExampleFile]
    attention: dict[str, AttentionFile]
    attribution: dict[str, AttributionFile]
    limits: dict[str, LimitsFile]
    calibration: dict[str, CalibrationFile]
    scaling: ScalingFile | None
    ablations: AblationsFile | None
    stress: StressFile | None
    network: NetworkFile | None
    faithfulness: FaithfulnessFile | None
    binned: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # what figures have binned of it

    def file(self, name: str) -> str:
        """Path of a file of this run within the results folder."""
        return f"runs/{self.name}/{name}"

    def q(self, pointer: str) -> Quantity:
        """A value of ``run.json``."""
        return self.results.quantity(self.path, pointer)

    def network_q(self, pointer: str) -> Quantity:
        """A value of ``network.json``."""
        return self.results.quantity(self.file("network.json"), pointer)

    def model(self, name: str) -> ModelInfo:
        """The model called ``name``."""
        return next(m for m in self.run.models if m.name == name)

    @property
    def specvit(self) -> ModelInfo:
        """The run's own model: its SpecViT, or the first of the models where it has none."""
        return self.family("specvit") or self.run.models[0]

    def family(self, family: str) -> ModelInfo | None:
        """The first model of a family, or None."""
        return next((m for m in self.run.models if m.family == family), None)

    def set(self, name: str) -> SetInfo:
        """The evaluation set called ``name``."""
        return next(s for s in self.run.sets if s.name == name)

    def sets(self, origin: str) -> list[SetInfo]:
        """Evaluated sets of one origin ('synthetic', 'observed')."""
        return [s for s in self.run.sets if s.origin == origin and s.name in self.metrics]

    def rows(self, set_name: str, slice_name: str, model: str | None = None) -> list[Row]:
        """Metric rows of one slice, in file order; of one model if given."""
        metrics = self.metrics.get(set_name)
        if metrics is None:
            return []
        path = self.file(f"metrics.{set_name}.json")
        return [
            Row(self.results, path, i, row)
            for i, row in enumerate(metrics.rows)
            if row.slice == slice_name and (model is None or row.model == model)
        ]

    def row(self, set_name: str, model: str, slice_name: str = "all", label: str | None = None) -> Row | None:
        """The one row of a model and slice (and bin label), or None."""
        for row in self.rows(set_name, slice_name, model):
            if label is None or row.row.label == label:
                return row
        return None


class Results:
    """A results folder, read and validated; ``main`` is the run that headline numbers come from."""

    def __init__(
        self,
        root: Path,
        index: Index,
        files: dict[str, ContractFile],
        undrawn: Sequence[IndexEntry] = (),
        places: Mapping[str, Path] | None = None,
    ) -> None:
        self.root = root
        self.places = places or {}  # folder of the files that lie in another one than ``root``
        self.index = index
        self.files = files
        self.undrawn = undrawn  # files of stars that no page draws: published and checked, but not held in memory
        self._quantities: dict[tuple[str, str], Quantity] = {}
        self.pairs = {f.of: (path, f) for path, f in files.items() if isinstance(f, PairsFile)}
        self._places_of_pairs: dict[str, dict[tuple[str, ...], int]] = {}
        self.interpolation = next((f for f in files.values() if isinstance(f, InterpolationFile)), None)
        self.instruments = {f.name: f for f in files.values() if isinstance(f, InstrumentFile)}
        names = [p.split("/")[1] for p, f in files.items() if isinstance(f, RunFile)]
        names.sort(key=lambda name: (name != index.main_run, name))
        self.runs = {name: self._run(name) for name in names}
        self.transfers = {f.name: f for f in files.values() if isinstance(f, TransferFile)}
        self.spectra = {f.id: f for f in files.values() if isinstance(f, SpectrumFile)}

    @classmethod
    def load(cls, root: Path, *more: Path) -> "Results":
        """Read and validate results folders, but for the stars that no page draws (``check_undrawn`` does those).

        Args:
            root: the folder whose main run the headline numbers come from.
            more: folders whose runs are shown beside it.

        Raises:
            BadInput: one sentence that names file, field and mend; or two folders hold different things of one name.
        """
        return cls.begin(root, *more).complete()

    @classmethod
    def begin(cls, root: Path, *more: Path) -> "Results":
        """Read what ``undrawn_stars`` needs: tables of contents, runs and instruments; ``complete`` reads the rest.

        Raises:
            BadInput: as ``load``.
        """
        indices = [_index(folder) for folder in (root, *more)]
        places: dict[str, Path] = {}
        known: dict[str, IndexEntry] = {}
        for folder, index in zip((root, *more), indices, strict=True):
            for entry in index.files:
                first = known.setdefault(entry.path, entry)
                if first is entry:
                    places[entry.path] = folder
                elif not _alike(places[entry.path], first, folder, entry):
                    first_path, path = places[entry.path] / entry.path, folder / entry.path
                    raise BadInput(
                        f"{path} is another than {first_path}; on one site names of runs, instruments, experiments and "
                        "spectra must differ, so export one of them by another name."
                    )
        entries = sorted(known.values(), key=lambda e: e.path)
        undrawn = _undrawn(entries)
        files = {e.path: read_file(places[e.path], e) for e in entries if e.kind in ("run", "instrument")}
        index = indices[0] if not more else indices[0].model_copy(update={"files": entries})
        return cls(root, index, files, [e for e in entries if e.path in undrawn], places if more else {})

    def complete(self) -> "Results":
        """These results with every file that is held in memory.

        Raises:
            BadInput: one sentence that names file, field and mend.
        """
        undrawn = {entry.path for entry in self.undrawn}
        files = {
            e.path: self.files.get(e.path) or read_file(self.places.get(e.path, self.root), e)
            for e in sorted(self.index.files, key=lambda e: e.path)
            if e.path not in undrawn
        }
        return Results(self.root, self.index, files, self.undrawn, self.places)

    def place(self, path: str) -> Path:
        """Where a file of the results lies."""
        return self.places.get(path, self.root) / path

    @property
    def index_bytes(self) -> bytes:
        """The table of contents as it is published: that of the folder, or that of all folders together."""
        if not self.places:
            return read_bytes(self.root / "index.json")
        return dumps(self.index.model_dump(mode="json"))

    def undrawn_stars(self, at_once: int = 32) -> Iterator["Results"]:
        """The stars that no page draws, some at a time, each time as results that hold nothing else of their kind.

        Raises:
            BadInput: one sentence that names file, field and mend.
        """
        shared = {p: f for p, f in self.files.items() if isinstance(f, RunFile | InstrumentFile)}
        stars: dict[tuple[str, str], list[IndexEntry]] = {}
        for entry in self.undrawn:
            stars.setdefault(_star(entry.path), []).append(entry)
        groups = list(stars.values())
        for i in range(0, len(groups), at_once):
            read = {
                e.path: read_file(self.places.get(e.path, self.root), e)
                for group in groups[i : i + at_once]
                for e in group
            }
            some = Results(self.root, self.index, shared | read, places=self.places)
            yield some
            some.runs.clear()  # they point back to it, and during a build nobody looks for such circles

    def _run(self, name: str) -> RunResults:
        base = f"runs/{name}/"

        def below(folder: str, kind: type) -> dict[str, Any]:
            return {
                path.removeprefix(base + folder).removesuffix(".json"): file
                for path, file in self.files.items()
                if path.startswith(base + folder) and isinstance(file, kind)
            }

        run = self.files[base + "run.json"]
        assert isinstance(run, RunFile)
        order = [s.name for s in run.sets]
        metrics = below("metrics.", MetricsFile)
        predictions = below("predictions.", PredictionsFile)
        limits = below("limits.", LimitsFile)
        calibration = below("calibration.", CalibrationFile)

        def one(name: str, kind: type[T]) -> T | None:
            file = self.files.get(base + name)
            return file if isinstance(file, kind) else None

        return RunResults(
            results=self,
            name=name,
            path=base + "run.json",
            run=run,
            history=one("history.json", HistoryFile),
            metrics={s: metrics[s] for s in order if s in metrics},
            predictions={s: predictions[s] for s in order if s in predictions},
            examples=below("examples/", ExampleFile),
            attention=below("attention/", AttentionFile),
            attribution=below("attribution/", AttributionFile),
            limits={s: limits[s] for s in order if s in limits},
            calibration={s: calibration[s] for s in order if s in calibration},
            scaling=one("scaling.json", ScalingFile),
            ablations=one("ablations.json", AblationsFile),
            stress=one("stress.json", StressFile),
            network=one("network.json", NetworkFile),
            faithfulness=one("faithfulness.json", FaithfulnessFile),
        )

    @property
    def main(self) -> RunResults:
        """The run that the headline numbers come from."""
        return self.runs[self.index.main_run]

    def provenance(self, path: str) -> Provenance:
        """Where the numbers of a contract file come from."""
        return self.files[path].provenance

    def path_of(self, file: ContractFile) -> str:
        """Path of a loaded contract file within the results folder."""
        return next(path for path, other in self.files.items() if other is file)

    def quantity(self, path: str, pointer: str) -> Quantity:
        """The value at a JSON pointer of a contract file.

        Raises:
            KeyError: nothing is there, or what is there is no number or text.
        """
        known = self._quantities.get((path, pointer))
        if known is None:
            value = resolve(self.files[path], pointer)
            if not isinstance(value, int | float | str):
                raise KeyError(f"{path}#{pointer} is no value")
            known = self._quantities[path, pointer] = Quantity(value, (f"{path}#{pointer}",))
        return known

    def measured(self, path: str, pointer: str) -> Measured:
        """The interval at a JSON pointer of a contract file."""
        value, lo, hi = (self.quantity(path, f"{pointer}/{part}") for part in ("value", "lo", "hi"))
        return Measured(value, lo, hi)

    def pair(self, of: str, set_name: str, slice_name: str, label: str, first: str, second: str) -> PairPlace | None:
        """Where two models are held against each other on the same stars; None if they are not.

        Args:
            of: the file of predictions, or the experiment.
            set_name: the set; with slice and label as in its metrics.
            first: key of a model in the pairs.
            second: the other's.
        """
        path, file = self.pairs.get(of, ("", None))
        if file is None:
            return None
        if of not in self._places_of_pairs:
            keys = ((r.set, r.slice, r.label, r.first, r.second) for r in file.rows)
            self._places_of_pairs[of] = {k: i for i, k in enumerate(keys)}
        places = self._places_of_pairs[of]
        for turned, names in ((False, (first, second)), (True, (second, first))):
            i = places.get((set_name, slice_name, label, *names))
            if i is not None:
                return PairPlace(f"{path}#/rows/{i}", file.rows[i], turned)
        return None

    def length(self, path: str, pointer: str) -> Quantity:
        """The number of entries of the list (or object) at a pointer."""
        return Quantity(len(resolve(self.files[path], pointer)), (f"{path}#{pointer}",), "len")

    def observed_examples(self) -> Iterator[tuple[RunResults, ExampleFile]]:
        """Observed example stars of all runs, with their run."""
        for run in self.runs.values():
            for example in run.examples.values():
                if example.origin == "observed":
                    yield run, example


def _index(folder: Path) -> Index:
    """The table of contents of a folder, which lists each file once."""
    index = read_index(folder)
    for one, other in pairwise(sorted(index.files, key=lambda e: e.path)):
        if one.path == other.path:
            raise BadInput(f"{folder / 'index.json'}: field files lists {one.path} twice; list each file once.")
    return index


def _alike(folder: Path, entry: IndexEntry, other_folder: Path, other: IndexEntry) -> bool:
    """Whether two files of one path say the same, wherever they were made."""
    if entry.sha256 == other.sha256:
        return True
    if entry.kind != other.kind or entry.kind not in ("instrument", "interpolation"):
        return False
    both = (read_file(folder, entry), read_file(other_folder, other))
    first, second = (file.model_dump(exclude={"provenance", "schema_version"}) for file in both)
    return first == second


def _star(path: str) -> tuple[str, str]:
    """Run (or ``spectra/``) and name of the star that a file is of; empty if it is of none."""
    found = STAR_FILES.fullmatch(path)
    return ("", "") if found is None else (found[1] or found[3], found[2] or found[4])


def _undrawn(entries: Sequence[IndexEntry]) -> set[str]:
    """Paths of the stars beyond ``DRAWN`` of each run: those with attention go first, then evenly by name."""
    stars: dict[str, dict[str, list[IndexEntry]]] = {}
    for entry in entries:
        run, name = _star(entry.path)
        if run:
            stars.setdefault(run, {}).setdefault(name, []).append(entry)
    out: set[str] = set()
    for of_run in stars.values():
        order = sorted(of_run, key=lambda name: len(of_run[name]) == 1)  # stable: by name otherwise
        rich = [name for name in order if len(of_run[name]) > 1]
        rest = order[len(rich) :]
        kept = set(spread(rich, DRAWN))
        kept |= set(spread(rest, DRAWN - len(kept)))
        out |= {e.path for name, files in of_run.items() if name not in kept for e in files}
    return out


def spread(names: Sequence[str], count: int) -> list[str]:
    """At most ``count`` of some names, evenly."""
    if len(names) <= count:
        return list(names)
    return [names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)]


def difference(first: Quantity, second: Quantity) -> Quantity:
    """``first - second``, which remembers both."""
    return Quantity(first.number - second.number, first.sources + second.sources, "sub")


def ratio(first: Quantity, second: Quantity) -> Quantity:
    """``first / second``, which remembers both."""
    return Quantity(first.number / second.number, first.sources + second.sources, "ratio")


def ratio2(first: Quantity, second: Quantity) -> Quantity:
    """``(first / second) ** 2``, which remembers both."""
    return Quantity((first.number / second.number) ** 2, first.sources + second.sources, "ratio2")


def resolve(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to in a pydantic object, dict or list.

    Raises:
        KeyError: the pointer leads nowhere.
    """
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list | tuple):
            value = value[int(key)]
        elif isinstance(value, np.ndarray):
            value = value[int(key)].item()
        elif isinstance(value, dict):
            value = value[key]
        elif isinstance(value, BaseModel) and key in type(value).model_fields:
            value = getattr(value, key)
        else:
            raise KeyError(pointer)
    return value


def interval_of(value: Interval) -> tuple[float, float, float]:
    """Value, distance to the lower end, distance to the upper end (for error bars)."""
    return value.value, max(0.0, value.value - value.lo), max(0.0, value.hi - value.value)
