"""Where numbers come from: code commit, configuration, data, machine, library versions."""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from model import data
from model.config import RunConfig
from site_builder.contract.schema import Machine, Provenance

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("torch", "numpy", "scipy", "lightgbm", "astropy")
# what decides a result; pages and notes may change without changing it
CODE = ("model", "site_builder/contract", "data")


def commit() -> tuple[str, bool]:
    """(commit hash or "unknown", whether the code that decides results differs from it)."""
    try:
        git = ["git", "-C", str(ROOT)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run(
            [*git, "status", "--porcelain", "--", *CODE], capture_output=True, text=True, check=True
        ).stdout
        return head, bool(status.strip())
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


Flat = dict[str, str | int | float | bool | None]


def flat(config: RunConfig | dict[str, Any]) -> Flat:
    """The configuration as one level of dotted keys."""
    out: Flat = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for k, v in value.items():
                walk(f"{prefix}.{k}" if prefix else k, v)
        elif isinstance(value, str | int | float | bool | None):
            out[prefix] = value
        else:
            out[prefix] = json.dumps(value)

    walk("", config if isinstance(config, dict) else asdict(config))
    return out


def config_sha256(config: RunConfig | dict[str, Any]) -> str:
    """Hash of the full configuration."""
    return hashlib.sha256(json.dumps(flat(config), sort_keys=True).encode()).hexdigest()


@cache
def machine() -> Machine:
    """This computer."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Machine(
        cpu=cpu,
        cores=cores,
        memory_gb=round(memory, 1),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def provenance(config: RunConfig, observed: dict[str, str] | None = None) -> Provenance:
    """Provenance block of a run's files.

    Args:
        observed: hashes of observed files that were used, by name.
    """
    used = {"pfs-mr": "pfs_mr_noise_model.npz", "lamost": "lamost_relative_noise.npz"}[config.instrument]
    embedded = ("ts_c3k_optical_grid_R20000.npz", used)
    return stamp(config.run_id, config.command, config, config.seed, embedded, observed)


def stamp(
    run: str,
    command: str,
    config: RunConfig | dict[str, Any],
    seed: int,
    embedded: tuple[str, ...],
    observed: dict[str, str] | None = None,
    libraries: tuple[str, ...] = LIBRARIES,
) -> Provenance:
    """Provenance block of anything that is computed here.

    Args:
        embedded: files of data/ that were used.
        observed: hashes of other files that were used, by name.
    """
    head, dirty = commit()
    return Provenance(
        run=run,
        command=command,
        commit=head,
        dirty=dirty,
        config_sha256=config_sha256(config),
        data_sha256={name: str(data.manifest()[name]["sha256"]) for name in embedded} | (observed or {}),
        seed=seed,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=machine(),
        versions={name: version(name) for name in libraries},
    )
