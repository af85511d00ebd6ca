"""``python -m model attention``: where answers come from, and what attention is worth, added to a results folder.

The network is the one whose weights are shipped; before anything is computed its answers are held against those that
the results folder has, so that the measures and the results are of the same network.
"""

import json
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model import checkpoint, data, provenance
from model.attribution import by_window, fisher_pixels, gradient_pixels, journey, noise_of, occlude, shares
from model.examples import noisy
from model.faithfulness import (
    CORRECTION,
    LEVEL,
    all_head_tests,
    captured,
    correlations,
    deletion,
    draws_of,
    measure,
    null_text,
)
from model.grid import OPTICAL
from model.pipeline import TEST_LEVELS
from model.resample import vacuum_from_air
from model.simulator import Batch, Simulator, fixed_set
from model.train import predict
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.attribution import Activations, AttributionFile, Cut, FaithfulnessFile, LineSet
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_file, read_index, take_over
from site_builder.contract.schema import AttentionFile, ExampleFile, Index, PredictionsFile, RunFile

LINES = Path(__file__).resolve().parent.parent / "site_builder" / "lines.json"  # the list that the pages name, as data
FINE = 16  # pixels of the finer windows
MOST = 1000  # spectra of the test set that are made at once, see fixed_set
AGREE = 2e-3  # dex: rounding of what was exported, and another machine's sums
# sets of lines that heads are tested on: species, prefix of their labels, reach in Angstrom to blue and red. Hydrogen
# is left out (three of its lines lie on those of Ca II), as are telluric bands (synthetic spectra have none).
SPECIES: tuple[tuple[str, str, str, tuple[float, float]], ...] = (
    ("ca-ii", "Ca II triplet", "Ca II", (5, 5)),
    ("na-i", "Na I doublet", "Na I", (5, 5)),
    ("k-i", "K I doublet", "K I", (5, 5)),
    ("mg-i", "Mg I", "Mg I", (5, 5)),
    ("fe-i", "Fe I", "Fe I", (5, 5)),
    ("ti-i", "Ti I", "Ti I", (5, 5)),
    ("tio", "TiO bands", "TiO", (0, 40)),
)


@dataclass(frozen=True)
class ExplainConfig:
    """How much is computed."""

    stars: int = 1000  # spectra of the test set
    draws: int = 3  # noise draws that their measures are averaged over
    example_draws: int = 16  # the same for the example stars
    bootstrap: int = 1000  # resamples behind each interval


def line_sets(edges: np.ndarray, patch: int, fine: int) -> list[LineSet]:
    """The species that the band holds, with the patches and fine windows of their lines.

    Args:
        edges: (pixels + 1,) wavelengths of pixel edges, vacuum Angstrom.
        patch: pixels of a patch.
        fine: pixels of a fine window.
    """
    entries = json.loads(LINES.read_bytes())["lines"]
    windows = list(pairwise(edges[::fine]))
    found = []
    for name, title, prefix, (blue, red) in SPECIES:
        air = np.array([e["air"] for e in entries if e["label"].startswith(prefix + " ")])
        vacuum = vacuum_from_air(np.sort(air))
        vacuum = vacuum[(vacuum > edges[0]) & (vacuum < edges[-1])]
        if not len(vacuum):
            continue
        touched = [i for i, (lo, hi) in enumerate(windows) if ((vacuum - blue < hi) & (vacuum + red > lo)).any()]
        patches = sorted(set(((np.searchsorted(edges, vacuum) - 1) // patch).tolist()))
        vacuum_list = [round(float(v), 3) for v in vacuum]
        found.append(LineSet(id=name, title=title, vacuum=vacuum_list, patches=patches, windows=touched))
    return found


class Explanation:
    """Everything that is computed for one run of a results folder.

    Args:
        out: results folder.
        run: a run of it.
        weights: folder of the shipped weights.

    Raises:
        BadInput: a file is missing, or the weights are not those of the run.
    """

    def __init__(self, out: Path, run: str, weights: Path, config: ExplainConfig) -> None:
        self.out, self.run, self.config = out, run, config
        self.entries = {e.path: e for e in read_index(out).files}
        base = f"runs/{run}/"
        if base + "run.json" not in self.entries:
            raise BadInput(f"{out / 'index.json'}: it lists no run {run}; give one that it has (--run).")
        described = self.read(base + "run.json")
        assert isinstance(described, RunFile)
        if described.prior.magnitude is None:
            raise BadInput(
                f"{out / base / 'run.json'}: field prior.magnitude is null; give a run with magnitudes (--run)."
            )
        self.model = next(m.name for m in described.models if m.family == "specvit")
        self.test_n = next((s.n for s in described.sets if s.name == "test"), 0)
        path = weights / f"{run}.safetensors"
        self.net, _ = checkpoint.load_weights(path)
        self.simulator = Simulator.of(described.instrument)
        self.patch_and_fine = (self.net.config.patch_size, min(FINE, self.net.config.patch_size))
        self.sizes = sorted(set(self.patch_and_fine), reverse=True)
        self.stamp = provenance.stamp(
            f"attention-{run}",
            f"python -m model attention --run {run}",
            asdict(config),
            0,
            (OPTICAL, "pfs_mr_noise_model.npz"),
            {path.name: data.sha256(path)},
        )
        self.batch = self._spectra()

    def read(self, path: str) -> Any:
        """A file of the results folder."""
        return read_file(self.out, self.entries[path])

    def _spectra(self) -> Batch:
        """The first spectra of the test set, as long as the network answers them as exported."""
        path = f"runs/{self.run}/predictions.test.json"
        if path not in self.entries:
            raise BadInput(
                f"{self.out / 'index.json'}: it lists no {path}; export the run with python -m model export."
            )
        table: PredictionsFile = self.read(path)
        levels = TEST_LEVELS[self.simulator.instrument.name]
        batch = fixed_set(self.simulator, min(MOST, self.test_n), "test", levels)
        n = min(self.config.stars, len(batch.level))
        batch = Batch(*(getattr(batch, f)[:n] for f in ("labels", "level", "flux", "snr")))
        exported = np.array(table.predicted[self.model][:n])
        apart = float(np.abs(predict(self.net, batch.flux)[0].numpy() - exported).max())
        if not apart <= AGREE:
            raise BadInput(
                f"{self.out / path}: field predicted differs by {apart:.3f} dex from the answers of the weights of "
                f"{self.run}; give the weights that these results were made with (--weights)."
            )
        return batch

    def star(self, path: str) -> AttributionFile:
        """Measures and activations of one example star, by the path of its attention file."""
        attention: AttentionFile = self.read(path)
        example: ExampleFile = self.read(path.replace("/attention/", "/examples/"))
        assert attention.magnitude is not None
        flux = np.array(example.flux, np.float64)
        labels = torch.tensor([[example.teff, example.logg, example.mh]])
        level = torch.tensor([attention.magnitude])
        n = self.config.example_draws
        drawn = torch.cat([noisy(self.simulator, flux, attention.magnitude, s) for s in range(1, n + 1)])
        sigma = noise_of(self.simulator, labels, level)
        efficient, plain = fisher_pixels(self.simulator, labels, level)
        slope = gradient_pixels(self.net, drawn, sigma.expand(n, -1)).mean(0, keepdim=True)

        def cut(size: int) -> Cut:
            def listed(pixels: Tensor) -> list[float]:
                return [round(v, 6) for v in shares(by_window(pixels, size))[0].tolist()]

            change = occlude(self.net, drawn, size).change.mean(0)
            return Cut(
                size=size,
                fisher=listed(efficient),
                fisher_plain=listed(plain),
                gradient=listed(slope),
                occlusion=[round(v, 5) for v in change.tolist()],
            )

        information = float(efficient.sum())
        return AttributionFile(
            provenance=self.stamp,
            id=example.id,
            magnitude=attention.magnitude,
            draws=n,
            crlb=round(information**-0.5, 6),
            information=round(information, 4),
            information_plain=round(float(plain.sum()), 4),
            noise_dex=round(float(slope.sum().sqrt()), 6),
            cuts=[cut(size) for size in self.sizes],
            activations=self.activations(drawn[0]),
        )

    def activations(self, flux: Tensor) -> Activations:
        """One spectrum on its way through the network."""
        found = journey(self.net, flux)

        def table(x: Tensor) -> list[Any]:
            return np.round(x.double().numpy(), 4).tolist()

        return Activations(
            input_rms=table(found.input_rms),
            token_norm=table(found.token_norm),
            change=table(found.change),
            reading=table(found.reading),
        )

    def faithfulness(self) -> FaithfulnessFile:
        """The measures of the test spectra against each other, deletion and chance."""
        started = time.perf_counter()
        c, b = self.config, self.batch
        draws = [b.flux, *draws_of(self.simulator, b.labels, b.level, c.draws - 1)]
        found = measure(self.net, self.simulator, b.labels, b.level, draws, self.sizes)
        truth = b.labels[:, 1].double().numpy()
        deleted = [deletion(self.net, b.flux, truth, m, c.bootstrap) for m in found]
        lines = line_sets(self.simulator.instrument.edges, *self.patch_and_fine)
        windows = {m.size: self.net.config.n_pixels // m.size for m in found}
        return FaithfulnessFile(
            provenance=self.stamp,
            set="test",
            n=len(truth),
            draws=c.draws,
            bootstrap=c.bootstrap,
            null={size: null_text(n) for size, n in windows.items()},
            correlations=[x for m in found for x in correlations(m, c.bootstrap)],
            captured=[x for m in found for x in captured(m, c.bootstrap)],
            deletion=[x for curves, _ in deleted for x in curves],
            areas=[x for _, areas in deleted for x in areas],
            level=LEVEL,
            correction=CORRECTION,
            lines=lines,
            heads=all_head_tests(found[0], found[-1], lines, c.bootstrap),
            seconds=round(time.perf_counter() - started, 1),
        )


def write(out: Path, run: str | None, weights: Path, config: ExplainConfig) -> list[str]:
    """Add the files of one run (the main one if None) to a results folder, in place of those there: paths written.

    Raises:
        BadInput: ``out`` holds no results, or what they need is missing; the folder is as it was.
    """
    old = read_index(out)
    made = Explanation(out, run or old.main_run, weights, config)
    base = f"runs/{made.run}/"
    stars = [e.path for e in old.files if e.path.startswith(base + "attention/")]
    files = {path.replace("/attention/", "/attribution/"): made.star(path) for path in stars}
    whole = made.faithfulness()
    with replacing_folder(out) as temp:
        entries = [write_file(temp, path, file) for path, file in files.items()]
        entries.append(write_file(temp, base + "faithfulness.json", whole))
        ours = ("attribution", "faithfulness")
        rest = [e for e in old.files if not (e.kind in ours and e.path.startswith(base))]
        written = [e.path for e in entries]
        entries += take_over(out, temp, rest)
        write_index(temp, Index(main_run=old.main_run, files=sorted(entries, key=lambda e: e.path)))
    return written
