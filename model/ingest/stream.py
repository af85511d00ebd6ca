"""Shards as a stream of batches: shuffled, shared by processes, each spectrum once an epoch, from any step on.

An epoch is a permutation of all row groups, drawn from (seed, epoch), read one after the other. Each share (a rank,
or a worker of its ``DataLoader``) takes an equal stretch of that sequence and cuts it into windows of ``buffer``
spectra that are shuffled whole. So the spectra of any batch are known without reading those before it.
"""

import bisect
from collections.abc import Iterator
from copy import copy
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from model.ingest.layout import ERRORS, wavelengths
from model.ingest.manifest import MANIFEST, read_manifest
from model.resample import fill
from model.surveys import LABELS
from site_builder.contract import BadInput

COLUMNS = ["spectrum.flux", "spectrum.ivar", *LABELS, *ERRORS]


class StarBatch(NamedTuple):
    """B spectra of stars, at rest, on the pixels of the manifest.

    Attributes:
        flux: (B, pixels) in the survey's unit; 0 where there is no data.
        ivar: (B, pixels) inverse variance; 0 where there is no data.
        mask: (B, pixels) bool, True where there is no data.
        labels: (B, 3) teff (K), logg, mh (dex); NaN where there is none.
        errors: (B, 3) of the labels; NaN where none is stated.
        row: (B,) int64 place of each spectrum in the order of the manifest.
    """

    flux: Tensor
    ivar: Tensor
    mask: Tensor
    labels: Tensor
    errors: Tensor
    row: Tensor

    @property
    def sigma(self) -> Tensor:
        """(B, pixels) standard deviation of flux; 0 where there is no data."""
        return torch.where(self.mask, 0.0, self.ivar.clamp_min(1e-30).rsqrt())

    def normalised(self) -> "StarBatch":
        """Each flux with gaps bridged from both sides and divided by its median, as networks take it; ivar follows.

        Spectra whose median is not positive (no signal) are divided by 1e-6 of their largest value, as the
        simulator's are.
        """
        flux = self.flux.numpy().copy()
        mask = self.mask.numpy()
        for i in np.flatnonzero(mask.any(axis=1) & ~mask.all(axis=1)):
            flux[i] = fill(flux[i], ~mask[i])
        bridged = torch.from_numpy(flux)
        scale = bridged.median(dim=1, keepdim=True).values.clamp_min(1e-6)
        return self._replace(flux=bridged / scale, ivar=self.ivar * scale**2)


class ShardStream(IterableDataset):
    """Batches of one epoch of the shards in ``folder``, for one process of ``world``.

    Every rank gives ``steps()`` batches, as equal in size as they can be, so that processes that train together stay
    in step. With n > 1 workers of a ``DataLoader`` (``batch_size=None``, ``num_workers=n``) the order is another, and
    each spectrum still comes once.

    Args:
        folder: what ``python -m model ingest`` wrote.
        batch_size: largest number of spectra in a batch of this process.
        seed: of the order.
        rank, world: number of this process, and of all.
        buffer: spectra that are shuffled together; what a share has in memory.
        shuffle: False: in the order of the manifest.

    Raises:
        BadInput: there is no manifest, a shard is not as it says, or there are fewer spectra than shares.
    """

    def __init__(
        self,
        folder: Path,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        buffer: int = 4096,
        shuffle: bool = True,
    ) -> None:
        if batch_size < 1 or buffer < 1 or not 0 <= rank < world:
            raise BadInput(
                f"{folder}: batch_size {batch_size}, buffer {buffer} and rank {rank} of {world} are no stream; give "
                "sizes of 1 or more, and a rank below the number of processes."
            )
        self.folder, self.manifest = folder, read_manifest(folder)
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.buffer, self.shuffle = buffer, shuffle
        self.step = 0
        shards = self.manifest.shards
        self._paths = [folder / shard.path for shard in shards]
        self._starts = [0, *accumulate(shard.rows for shard in shards)]
        for path, shard in zip(self._paths, shards, strict=True):
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise BadInput(f"{path} is not as {folder / MANIFEST} says; ingest its file again.")
        if self.spectra < world:
            raise BadInput(f"{folder}: {world} processes cannot share {self.spectra} spectra; give fewer processes.")

    @property
    def spectra(self) -> int:
        """Spectra of an epoch, of all ranks together."""
        return self._starts[-1]

    @property
    def wave(self) -> np.ndarray:
        """(pixels,) rest-frame vacuum Angstrom."""
        return wavelengths(self.manifest.wave)

    def steps(self, workers: int = 1) -> int:
        """Batches of an epoch, the same for every rank, with so many workers of its ``DataLoader``."""
        share = -(-self.spectra // (self.world * workers))
        return workers * -(-share // self.batch_size)

    def at(self, step: int) -> "ShardStream":
        """This stream from batch ``step`` on, counted over all epochs: the rest of the epoch it falls into."""
        other = copy(self)
        other.step = step
        return other

    def __iter__(self) -> Iterator[StarBatch]:
        info = get_worker_info()
        workers, worker = (1, 0) if info is None else (info.num_workers, info.id)
        shares = self.world * workers
        if self.spectra < shares:
            raise BadInput(
                f"{self.folder}: {shares} processes and workers cannot share {self.spectra} spectra; give fewer."
            )
        if self.batch_size == 1 and self.spectra % shares:
            raise BadInput(
                f"{self.folder}: {shares} processes and workers cannot share {self.spectra} spectra in as many batches "
                "of 1; give batch_size 2 or more."
            )
        epoch, step = divmod(self.step, self.steps(workers))
        # a loader asks worker 0 first: let it be the one whose turn it is at this step
        turn = (worker + step) % workers
        first = -(-(step - turn) // workers)
        share = self.rank * workers + turn
        low, high = (self.spectra * k // shares for k in (share, share + 1))
        yield from self._batches(epoch, share, low, high, first, self.steps(workers) // workers)

    def _batches(self, epoch: int, share: int, low: int, high: int, first: int, steps: int) -> Iterator[StarBatch]:
        """Batches ``first`` to ``steps`` of the places ``low`` to ``high`` of an epoch's sequence."""
        groups = self._groups(epoch)
        ends = np.cumsum([b - a for a, b in groups])
        window, held = -1, None
        pending: list[StarBatch] = []
        for batch in range(first, steps):
            place, end = ((high - low) * k // steps for k in (batch, batch + 1))
            pending = []
            while place < end:
                if place // self.buffer != window:
                    window = place // self.buffer
                    held = None  # let the last one go before the next is read
                    start = low + window * self.buffer
                    held = self._window(groups, ends, start, min(start + self.buffer, high), (epoch, share, window))
                assert held is not None
                inside = place - window * self.buffer
                stop = min(inside + end - place, len(held.row))
                pending.append(StarBatch(*(x[inside:stop] for x in held)))
                place += stop - inside
            yield pending[0] if len(pending) == 1 else StarBatch(*map(torch.cat, zip(*pending, strict=True)))

    def _groups(self, epoch: int) -> list[tuple[int, int]]:
        """(first, last + 1) spectrum of every row group, in the order of an epoch."""
        size = self.manifest.row_group
        groups = [
            (row, min(row + size, end)) for start, end in pairwise(self._starts) for row in range(start, end, size)
        ]
        if self.shuffle:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(groups))
            groups = [groups[i] for i in order]
        return groups

    def _window(
        self, groups: list[tuple[int, int]], ends: np.ndarray, low: int, high: int, key: tuple[int, int, int]
    ) -> StarBatch:
        """The places ``low`` to ``high`` of an epoch's sequence, shuffled."""
        parts = []
        for i in range(int(np.searchsorted(ends, low, "right")), int(np.searchsorted(ends, high, "left")) + 1):
            a, b = groups[i]
            begin = int(ends[i]) - (b - a)
            parts.append(self._read(a + max(low - begin, 0), a + min(high, int(ends[i])) - begin))
        n = high - low
        order = np.random.default_rng((self.seed, 1, *key)).permutation(n) if self.shuffle else np.arange(n)
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        return _scatter(parts, place)

    def _read(self, low: int, high: int) -> dict[str, np.ndarray]:
        """Spectra ``low`` to ``high`` in the order of the manifest, which lie in one row group."""
        shard = bisect.bisect_right(self._starts, low) - 1
        group, inside = divmod(low - self._starts[shard], self.manifest.row_group)
        path = self._paths[shard]
        try:
            with pq.ParquetFile(path) as file:
                content = file.read_row_group(group, columns=COLUMNS, use_threads=False)
            content = content.slice(inside, high - low).combine_chunks()
            spectrum = content["spectrum"].chunk(0)
            vectors = {name: _matrix(spectrum.field(name)) for name in ("flux", "ivar")}
            scalars = {
                key: np.stack([content[name].to_numpy() for name in names], axis=1)
                for key, names in (("labels", LABELS), ("errors", ERRORS))
            }
        except (OSError, pa.ArrowException, IndexError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadInput(f"{path} is damaged ({reason:.100}); delete it and ingest its file again.") from None
        return {**vectors, **scalars, "row": np.arange(low, high)}


def _matrix(lists: Any) -> np.ndarray:
    """(rows, length) of fixed-size lists."""
    return np.asarray(lists.flatten().to_numpy(zero_copy_only=False)).reshape(len(lists), -1)


def _scatter(parts: list[dict[str, np.ndarray]], place: np.ndarray) -> StarBatch:
    """Rows of all parts, one after the other, put to their ``place``; parts are let go as they are copied."""
    n, out, start = len(place), {}, 0
    for name, values in parts[0].items():
        out[name] = np.empty((n, *values.shape[1:]), values.dtype)
    while parts:
        part = parts.pop(0)
        rows = place[start : start + len(part["row"])]
        for name, values in part.items():
            out[name][rows] = values
        start += len(rows)
    tensors = {name: torch.from_numpy(values) for name, values in out.items()}
    return StarBatch(mask=tensors["ivar"] == 0, **tensors)
