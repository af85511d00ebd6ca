"""Where a training runs: its device, and the processes that share each batch.

``torchrun --nproc-per-node N -m model train ...`` starts N processes, one a GPU (or, for tests, several on one
CPU). Each makes its rows of every batch and gradients are averaged (``DistributedDataParallel``), so that N
processes take the steps that one takes, on the same spectra. Process 0 alone validates, logs and saves.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from site_builder.contract import BadInput

PATIENCE = timedelta(hours=12)  # process 0 may fit the baselines that are no networks while the others wait


@dataclass(frozen=True)
class Place:
    """The device of this process, and its number among the processes that train together."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that validates, logs and saves."""
        return self.rank == 0

    def clock(self) -> float:
        """Seconds of training time: on a CPU processor time per thread, so that what else runs does not count."""
        if self.device.type == "cpu":
            return time.process_time() / torch.get_num_threads()
        return time.perf_counter()

    def rows(self, batch_size: int) -> slice:
        """The rows of a batch that this process makes.

        Raises:
            BadInput: the processes cannot have equal shares.
        """
        share, rest = divmod(batch_size, self.size)
        if rest:
            raise BadInput(
                f"--nproc-per-node: {self.size} processes cannot share a batch of {batch_size} equally; "
                f"give a number that divides {batch_size}."
            )
        return slice(self.rank * share, (self.rank + 1) * share)

    def mean(self, x: Tensor) -> Tensor:
        """The mean of x over the processes."""
        if self.size > 1:
            x = x.clone()
            dist.all_reduce(x)
            x /= self.size
        return x

    def share_buffers(self, net: nn.Module) -> None:
        """Give every process the scales of process 0."""
        if self.size > 1:
            for buffer in net.buffers():
                dist.broadcast(buffer, 0)

    def wrap(self, net: nn.Module) -> nn.Module:
        """``net`` with gradients that are averaged over the processes; every process starts from those of 0."""
        if self.size == 1:
            return net
        self.share_buffers(net)
        index = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(net, device_ids=index, broadcast_buffers=False)

    def check_agreement(self, step: int, path: Path) -> None:
        """Refuse processes that found different checkpoints.

        Raises:
            BadInput: they stand at different steps.
        """
        if self.size > 1:
            ends = torch.tensor([step, -step], device=self.device)
            dist.all_reduce(ends, dist.ReduceOp.MAX)
            if ends[0] != -ends[1]:
                raise BadInput(f"{path} is not the same for every process; give --runs a folder that all share.")

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Process 0 goes through the block before the others, which then find what it wrote."""
        if not self.main:
            dist.barrier()
        try:
            yield
        finally:
            if self.main and self.size > 1:
                dist.barrier()


def choose_device(name: str = "auto", index: int = 0) -> torch.device:
    """``auto`` takes a GPU if there is one; ``index`` counts the GPUs of this machine.

    Raises:
        BadInput: cuda was asked for, and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch sees no GPU here; install a CUDA build of torch, or give --device cpu.")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if index >= torch.cuda.device_count():
        raise BadInput(f"--nproc-per-node asks for GPU {index}, but there are {torch.cuda.device_count()}; give fewer.")
    return torch.device("cuda", index)


_here: Place | None = None


def here() -> Place:
    """The place of this process: what ``processes`` set, or else alone on the best device."""
    return _here or Place(choose_device())


@contextmanager
def processes(device: str = "auto") -> Iterator[Place]:
    """Join the processes that torchrun started (one alone without it), on a device; leave them at the end."""
    global _here
    rank, size, local = (int(os.environ.get(k, d)) for k, d in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)))
    _here = Place(choose_device(device, local), rank, size)
    try:
        if size > 1:
            if _here.device.type == "cuda":
                torch.cuda.set_device(_here.device)
            dist.init_process_group("nccl" if _here.device.type == "cuda" else "gloo", timeout=PATIENCE)
        yield _here
    finally:
        _here = None
        if dist.is_initialized():
            dist.destroy_process_group()


def moved(thing: Any, device: torch.device) -> Any:
    """A copy of an object of this package with its tensors, and those of its parts, on another device.

    On the CPU, where all are made, the object itself.
    """
    if device.type == "cpu":
        return thing
    if isinstance(thing, Tensor):
        return thing.to(device)
    if isinstance(thing, list | tuple):
        return type(thing)(moved(part, device) for part in thing)
    if not type(thing).__module__.startswith("model."):
        return thing
    other = copy(thing)
    for name, value in vars(thing).items():
        object.__setattr__(other, name, moved(value, device))
    return other
