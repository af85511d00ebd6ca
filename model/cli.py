"""Command line of the backend: ``python -m model COMMAND``; bad input is one sentence and exit code 2."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from model import studies
from model.config import RunConfig, from_file, run_config
from model.data import write_npz
from model.evaluate import CURVE_MAGNITUDES
from model.export import check_results_folder, export
from model.fetch.commands import Fetch
from model.instruments import lamost_axis
from model.limit_table import print_limits
from model.parallel import processes
from model.pipeline import Pipeline, smaller
from model.predict import as_json, as_table, predict_files
from model.simulated import write_simulated
from model.surveys import lamost
from site_builder.contract import BadInput
from site_builder.contract.errors import told

INSTRUMENTS = ("pfs-mr", "lamost")
Stage = Literal["all", "specvit", "mlp", "cnn", "published", "ridge", "lightgbm"]


def set_up(threads: int, seed: int) -> None:
    """Use so many threads, and refuse a seed that provenance could not record."""
    if threads < 1:
        raise BadInput(f"--threads {threads} is no number of threads; give 1 or more.")
    if seed < 0:
        raise BadInput(f"--seed {seed} is negative; give 0 or more.")
    torch.set_num_threads(threads)


def chosen(preset: str, config: Path | None, instrument: str, seed: int) -> RunConfig:
    """The configuration that the options name."""
    return run_config(preset, instrument, seed) if config is None else from_file(config, instrument, seed)


def write_results(pipelines: list[Pipeline], out: Path, weights: Path | None, keep: bool = False) -> None:
    """Train what is not trained, evaluate, and export to ``out``."""
    check_results_folder(out)
    if not lamost.available():
        print(f"observed spectra not found in {lamost.observed_folder()}: the real stars are left out")
    export(pipelines, out, weights, keep)
    print(f"results written to {out}; python build.py --results {out} makes the site")


@dataclass
class Train:
    """Train SpecViT and fit the baselines of one run; continues where an earlier call stopped."""

    preset: str = "specvit-nano"
    """specvit-s, specvit-ti or specvit-nano"""
    config: Path | None = None
    """TOML file that changes a preset, for example configs/published.toml; --preset is not used then"""
    instrument: str = "pfs-mr"
    """pfs-mr or lamost"""
    stage: Stage = "all"
    """one stage alone"""
    seed: int = 0
    """seed that all random streams derive from"""
    runs: Path = Path("runs")
    """folder of checkpoints and logs"""
    threads: int = 2
    """processor threads; resuming is bit-exact with the same number"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU if there is one; for several: torchrun --nproc-per-node N -m model train ..."""

    def run(self) -> None:
        """Carry it out."""
        set_up(self.threads, self.seed)
        config = chosen(self.preset, self.config, self.instrument, self.seed)
        pipeline = Pipeline(config, self.runs / config.run_id)
        stages = {
            "all": pipeline.fit_all,
            "specvit": pipeline.specvit,
            "mlp": pipeline.mlp,
            "cnn": pipeline.cnn,
            "published": pipeline.published,
            "ridge": pipeline.ridge,
            "lightgbm": pipeline.boosting,
        }
        with processes(self.device) as place:
            with place.main_first():  # one process fits what is no network, the others then find it
                for name in ("ridge", "lightgbm"):
                    if place.size > 1 and self.stage in ("all", name):
                        stages[name]()
            stages[self.stage]()


@dataclass
class Run:
    """Train, evaluate and export one preset on both instruments: the whole chain in one command."""

    preset: str = "specvit-nano"
    """specvit-s, specvit-ti or specvit-nano"""
    config: Path | None = None
    """TOML file that changes a preset, for example configs/published.toml; --preset is not used then"""
    out: Path | None = None
    """results folder, replaced as a whole (default: results-PRESET)"""
    weights: Path | None = None
    """folder that the trained weights are written to"""
    seed: int = 0
    """seed that all random streams derive from"""
    runs: Path = Path("runs")
    """folder of checkpoints and logs; a second call continues there"""
    threads: int = 2
    """processor threads; resuming is bit-exact with the same number"""
    scale_down: int = 1
    """divide every number of spectra by this (to try the chain)"""

    def run(self) -> None:
        """Carry it out."""
        set_up(self.threads, self.seed)
        if self.scale_down < 1:
            raise BadInput(f"--scale-down {self.scale_down} is no divisor; give 1 or more.")
        configs = [chosen(self.preset, self.config, i, self.seed) for i in INSTRUMENTS]
        out = self.out or Path(f"results-{configs[0].preset}")
        if self.scale_down > 1:
            configs = [smaller(c, self.scale_down) for c in configs]
        write_results([Pipeline(c, self.runs / c.run_id) for c in configs], out, self.weights)


@dataclass
class Export:
    """Evaluate trained runs again and write their results folder, without training."""

    presets: tyro.conf.Positional[tuple[str, ...]]
    """presets whose runs are exported; headline numbers come from the first"""
    out: Path = Path("results")
    """results folder, replaced as a whole"""
    weights: Path | None = None
    """folder that the trained weights are written to"""
    seed: int = 0
    """seed of the runs"""
    runs: Path = Path("runs")
    """folder of checkpoints and logs"""
    threads: int = 2
    """processor threads"""
    instrument: Literal["all", "pfs-mr", "lamost"] = "all"
    """export the runs on this instrument alone"""
    keep: bool = False
    """keep what other runs have written to the results folder"""

    def run(self) -> None:
        """Carry it out."""
        set_up(self.threads, self.seed)
        if not self.presets:
            raise BadInput("export: no preset was named; give at least one, for example specvit-ti.")
        instruments = INSTRUMENTS if self.instrument == "all" else (self.instrument,)
        configs = [run_config(p, i, self.seed) for p in dict.fromkeys(self.presets) for i in instruments]
        pipelines = [Pipeline(c, self.runs / c.run_id) for c in configs]
        for pipeline in pipelines:
            pipeline.check_trained()
        write_results(pipelines, self.out, self.weights, self.keep)


@dataclass
class Study:
    """Short trainings that answer one question each: scaling (how many spectra) and ablations (which choices)."""

    kind: tyro.conf.Positional[Literal["scaling", "ablations"]]
    """which"""
    preset: str = "specvit-ti"
    """run whose network and test set are used; its results go with the run's export"""
    seed: int = 0
    """seed that all random streams derive from"""
    runs: Path = Path("runs")
    """folder of checkpoints and logs; a second call continues there"""
    threads: int = 2
    """processor threads"""

    def run(self) -> None:
        """Carry it out."""
        set_up(self.threads, self.seed)
        config = run_config(self.preset, "pfs-mr", self.seed)
        study = studies.Study(Pipeline(config, self.runs / config.run_id))
        {"scaling": study.scaling, "ablations": study.ablations}[self.kind]()


@dataclass
class Limits:
    """How much log g a spectrum holds: Cramer-Rao bound and Bayes limit per magnitude, with their checks."""

    spectra: int = 2000
    """spectra at each magnitude"""
    magnitudes: tuple[float, ...] = tuple(CURVE_MAGNITUDES.tolist())
    """magnitudes of the table"""
    threads: int = 2
    """processor threads"""

    def run(self) -> None:
        """Carry it out."""
        set_up(self.threads, 0)
        if self.spectra < 20:
            raise BadInput(f"--spectra {self.spectra} is too few for a limit; give 20 or more.")
        print_limits(self.spectra, self.magnitudes)


@dataclass
class Predict:
    """log g with its sigma for your own spectra, with the shipped weights."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """files of DESI, SDSS or LAMOST; or tables (FITS, CSV, ECSV) with columns wave, flux and ivar"""
    instrument: Literal["auto", "pfs-mr", "lamost"] = "auto"
    """auto chooses by the pixel size of each spectrum"""
    weights: Path | None = None
    """a .safetensors file with its .json (default: the shipped ones)"""
    air: bool = False
    """wavelengths are in air, whatever the file says"""
    vacuum: bool = False
    """wavelengths are in vacuum, whatever the file says (which is also what is assumed where it says nothing)"""
    rv: float | None = None
    """radial velocity in km/s that is taken out, positive: receding (default: what a survey's file has, else 0)"""
    unit: Literal["Angstrom", "nm", "um"] | None = None
    """of a table's wavelengths (default: as the file says, else Angstrom)"""
    json: bool = False
    """print JSON instead of a table"""

    def run(self) -> None:
        """Carry it out."""
        if self.air and self.vacuum:
            raise BadInput("--air and --vacuum exclude each other; give the one that the file has.")
        if not self.files:
            raise BadInput("predict: no file was named; give at least one FITS, CSV or ECSV file.")
        if self.rv is not None and not abs(self.rv) < 2000:
            raise BadInput(f"--rv {self.rv:g} is no velocity of a star in km/s; give a value between -2000 and 2000.")
        air = True if self.air else False if self.vacuum else None
        answers = predict_files(list(self.files), self.instrument, self.weights, air, self.rv, self.unit)
        print(json.dumps(as_json(answers), indent=1, allow_nan=False) if self.json else as_table(answers))


@dataclass
class Simulate:
    """Write synthetic spectra with noise to a FITS table that ``predict`` reads."""

    out: Path
    """FITS file to write"""
    instrument: Literal["pfs-mr", "lamost"] = "pfs-mr"
    """whose pixels and noise"""
    n: int = 10
    """number of spectra"""
    seed: int = 0
    """seed of labels and noise"""

    def run(self) -> None:
        """Carry it out."""
        write_simulated(self.out, self.instrument, self.n, self.seed)
        print(f"{self.n} spectra written to {self.out}; python -m model predict {self.out} reads them")


@dataclass
class Ingest:
    """Survey files into shards of Parquet that a training streams; continues where an earlier call stopped."""

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """survey files, or folders that hold them at any depth"""
    out: Path
    """folder of the shards; one that all workers see"""
    survey: Literal["desi"] = "desi"
    """whose files they are"""
    catalogue: Path | None = None
    """file with the labels (desi: mwsall, rvtab, sptab or redrock), joined by identifier"""
    workers: int = 2
    """processes on this machine; 0: none beside this one"""
    scheduler: str | None = None
    """address of a dask scheduler, whose workers are used instead"""
    shard_size: int = 2000
    """largest number of spectra in a shard; a shard never holds more than one file"""
    unlabelled: bool = False
    """keep spectra without valid labels, too"""
    repeats: Literal["keep", "drop"] = "keep"
    """an object that several files have: keep each spectrum, or that of the first file alone"""

    def run(self) -> None:
        """Carry it out."""
        from model.ingest import run, sources  # dask takes half a second to import, which no other command needs

        source = sources.get(self.survey)
        options = run.Options(
            self.out, self.catalogue, self.workers, self.scheduler, self.shard_size, self.unlabelled, self.repeats
        )
        run.ingest(sources.find(list(self.inputs), source), source, options)


@dataclass
class Transfer:
    """From synthetic to real stars: three strategies, cross-validated by star; adds its files to a results folder."""

    bands: tyro.conf.Positional[tuple[Literal["lamost", "h-band", "apogee-window", "desi"], ...]] = (
        "lamost",
        "h-band",
        "apogee-window",
    )
    """which experiments; desi takes the stars of --shards"""
    shards: Path | None = None
    """folder that python -m model ingest wrote, for desi"""
    out: Path | None = Path("results")
    """results folder that the files are added to (None: train only)"""
    seed: int = 0
    """seed that all random streams derive from"""
    runs: Path = Path("runs")
    """folder of checkpoints and finished units; a second call continues there"""
    threads: int = 2
    """processor threads"""
    scale_down: int = 1
    """divide every number of spectra and steps by this (to try the chain)"""

    def run(self) -> None:
        """Carry it out."""
        from model.transfer import bands, desi, experiment, report  # scikit-learn takes a second to import

        set_up(self.threads, self.seed)
        if ("desi" in self.bands) != (self.shards is not None):
            raise BadInput("--shards: it goes with the experiment desi; give both (transfer desi --shards FOLDER).")
        if self.scale_down < 1:
            raise BadInput(f"--scale-down {self.scale_down} is no divisor; give 1 or more.")
        if self.out is not None and not (self.out / "index.json").exists():
            raise BadInput(f"--out {self.out} holds no results to add to; make some with python -m model run first.")
        known = bands.bands() | ({} if self.shards is None else {"desi": desi.band(self.shards)})
        config = experiment.smaller(experiment.TransferConfig(seed=self.seed), self.scale_down)
        made = [experiment.Experiment(known[b], config, self.runs / f"transfer-{b}") for b in self.bands]
        for one in made:
            one.run()
        if self.out is not None:
            report.write(made, self.out)
            print(f"results added to {self.out}; python build.py --results {self.out} makes the site")


@dataclass
class Spectra:
    """Put one spectrum of each survey into a results folder, for the spectra page to draw."""

    out: Path = Path("results")
    """results folder that the spectra are added to"""

    def run(self) -> None:
        """Carry it out."""
        from model.surveys import examples

        written, left_out = examples.write(self.out)
        for sentence in left_out:
            print(sentence)
        print(f"{len(written)} spectra written to {self.out / 'spectra'}")


@dataclass
class Onnx:
    """Put the trained networks into a results folder as ONNX files, which the site runs in the browser."""

    out: Path = Path("results")
    """results folder that they are added to"""
    weights: Path = Path("weights")
    """folder of the weights; each run of the results whose weights are there gets a network"""

    def run(self) -> None:
        """Carry it out."""
        from model import portable

        set_up(1, 0)
        for path in portable.write(self.weights, self.out):
            print(f"{self.out / path} written")


@dataclass
class Attention:
    """Where answers come from, and what attention is worth: Fisher information, gradient, occlusion, deletion."""

    out: Path = Path("results")
    """results folder that the files are added to"""
    run_name: Annotated[str | None, tyro.conf.arg(name="run")] = None
    """run of that folder (default: its main run)"""
    weights: Path = Path("weights")
    """folder with the trained weights of the run"""
    stars: int = 1000
    """spectra of the test set"""
    draws: int = 3
    """noise draws that the measures of each are averaged over"""
    threads: int = 2
    """processor threads"""

    def run(self) -> None:
        """Carry it out."""
        from model import explain  # the statistics take half a second to import

        set_up(self.threads, 0)
        for name, least in (("stars", 20), ("draws", 1)):
            if getattr(self, name) < least:
                raise BadInput(f"--{name} {getattr(self, name)} is too few; give {least} or more.")
        config = explain.ExplainConfig(stars=self.stars, draws=self.draws)
        written = explain.write(self.out, self.run_name, self.weights, config)
        print(f"{len(written)} files added to {self.out}; python build.py --results {self.out} makes the site")


@dataclass
class Pairs:
    """Hold the models of a results folder against each other, on the same stars: paired bootstrap intervals."""

    out: Path = Path("results")
    """results folder that the files are added to; exports already have them"""

    def run(self) -> None:
        """Carry it out."""
        from model import pairs

        for path in pairs.write(self.out):
            print(f"{self.out / path} written")


@dataclass
class LamostNoise:
    """Measure LAMOST's relative noise over wavelength from the observed stars (data/lamost_relative_noise.npz)."""

    out: Path = Path("data/lamost_relative_noise.npz")
    """file to write; add its new hash to data/manifest.json"""

    def run(self) -> None:
        """Carry it out."""
        axis = lamost_axis()
        wave = 10 ** (axis.start + axis.step * np.arange(axis.n))
        write_npz(self.out, wave_vac=wave, shape=lamost.relative_noise(wave).astype(np.float32))


COMMANDS: dict[str, Callable[..., Any]] = {
    "run": Run,
    "train": Train,
    "export": Export,
    "predict": Predict,
    "simulate": Simulate,
    "fetch": Fetch,
    "limits": Limits,
    "study": Study,
    "ingest": Ingest,
    "transfer": Transfer,
    "spectra": Spectra,
    "onnx": Onnx,
    "attention": Attention,
    "pairs": Pairs,
    "lamost-noise": LamostNoise,
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="python -m model", description=__doc__, args=arguments
    )
    try:
        command.run()
    except (BadInput, PermissionError) as error:
        print(f"error: {told(error)}", file=sys.stderr)
        return 2
    return 0
