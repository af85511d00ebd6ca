"""Command line of the backend: ``python -m model COMMAND``; bad input is one sentence and exit code 2."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from model.config import run_config
from model.pipeline import Pipeline
from site_builder.contract import BadInput

Stage = Literal["all", "specvit", "mlp", "ridge", "lightgbm"]


@dataclass
class Train:
    """Train SpecViT and fit the baselines of one run; continues where an earlier call stopped."""

    preset: str = "specvit-nano"
    """specvit-s, specvit-ti or specvit-nano"""
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

    def run(self) -> None:
        """Carry it out."""
        torch.set_num_threads(self.threads)
        config = run_config(self.preset, self.instrument, self.seed)
        pipeline = Pipeline(config, self.runs / config.run_id)
        stages = {
            "all": pipeline.fit_all,
            "specvit": pipeline.specvit,
            "mlp": pipeline.mlp,
            "ridge": pipeline.ridge,
            "lightgbm": pipeline.boosting,
        }
        stages[self.stage]()


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    command = tyro.extras.subcommand_cli_from_dict(
        {"train": Train}, prog="python -m model", description=__doc__, args=arguments
    )
    try:
        command.run()
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
