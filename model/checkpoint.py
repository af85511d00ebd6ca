"""Checkpoints that hold everything needed to resume exactly, and the weights files that are shipped.

A checkpoint is written beside its final name and moved into place, so a kill at any moment leaves the
previous one. Shipped weights are safetensors plus a JSON description; neither can run code when read.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from model.vit import SpecViT, VitConfig
from site_builder.contract import BadInput
from site_builder.contract.io import dumps, write_atomic


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors and plain values) atomically.

    Raises:
        BadInput: the folder cannot be written, or the disk is full; an older checkpoint is as it was.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temp.open("wb") as handle:
                try:
                    torch.save(state, handle)
                except RuntimeError as error:  # of torch, which counts bytes, after what the system said
                    raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temp, path)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system says against writing ``path`` becomes one sentence.

    Raises:
        BadInput: the folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); make room, or name another folder.") from None


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote ``path`` left beside it."""
    for temp in path.parent.glob(f".{path.name}.*"):
        temp.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted.

    Raises:
        BadInput: damaged or not a checkpoint.
    """
    try:
        return dict(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:  # torch raises many kinds for a damaged file
        first = str(error).splitlines()[0]
        raise BadInput(f"{path} is no readable checkpoint ({first}); delete it to start afresh.") from None


def load_state(net: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights, refusing those of another architecture with one sentence."""
    expected = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in state.items()}
    if expected != found:
        name = next(k for k in [*expected, *found] if expected.get(k) != found.get(k))
        raise BadInput(
            f"{path}: field {name} is {found.get(name, 'missing')} but this architecture needs "
            f"{expected.get(name, 'no such field')}; give weights of the same preset, or delete the file."
        )
    net.load_state_dict(state)


def save_weights(path: Path, net: SpecViT, description: dict[str, Any]) -> None:
    """Write ``path`` (.safetensors) and beside it a .json with the architecture and ``description``."""
    tensors = {k: v.detach().contiguous() for k, v in net.state_dict().items()}
    write_atomic(path, save(tensors))
    write_atomic(path.with_suffix(".json"), dumps({"vit": asdict(net.config), **description}))


def load_weights(path: Path) -> tuple[SpecViT, dict[str, Any]]:
    """Network in evaluation mode and its description.

    Raises:
        BadInput: a file is missing, damaged, or of another architecture than it says.
    """
    sidecar = path.with_suffix(".json")
    for file in (path, sidecar):
        if not file.exists():
            raise BadInput(f"{file} is not there; restore it with git checkout weights, or give --weights FILE.")
    try:
        description = json.loads(sidecar.read_bytes())
        config = VitConfig(**description["vit"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{sidecar}: field vit cannot be read ({error}); restore it with git checkout weights."
        ) from None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is damaged ({error}); restore it with git checkout weights.") from None
    net = SpecViT(config)
    load_state(net, tensors, path)
    return net.eval(), description
