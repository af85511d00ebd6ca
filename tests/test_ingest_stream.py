"""Shards as a stream of batches: each spectrum once an epoch, over ranks and workers, from any step on."""

import json
import random
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_program import AXIS, PIXELS, PROGRAM, finish, ingest, start, write
from torch.utils.data import DataLoader

from model.ingest import layout
from model.ingest.stream import ShardStream
from site_builder.contract import BadInput


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """337 spectra in files of 300, 7 and 1 to 9 stars; row groups of 16; flux = identifier = place + 1."""
    root, count = tmp_path_factory.mktemp("stream"), 0
    for i, n in enumerate([300, 7, *range(1, 8), 2]):
        write(root / f"in/{i:02d}.npz", list(range(count + 1, count + 1 + n)))
        count += n
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "ROW_GROUP", 16)
        manifest = ingest(root / "in", root / "out", shard_size=100)
    assert (manifest.spectra, manifest.row_group) == (count, 16)
    return root / "out"


def rows(batches: Any) -> list[list[int]]:
    return [batch.row.tolist() for batch in batches]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    world=st.integers(1, 5),
    size=st.integers(2, 70),
    buffer=st.integers(20, 400),
    seed=st.integers(0, 5),
    skip=st.data(),
)
def test_every_spectrum_comes_once_and_all_ranks_stay_in_step(
    shards: Path, world: int, size: int, buffer: int, seed: int, skip: Any
) -> None:
    streams = [ShardStream(shards, size, seed, rank, world, buffer) for rank in range(world)]
    every = [rows(stream) for stream in streams]
    assert {len(batches) for batches in every} == {streams[0].steps()}
    lengths = [len(batch) for batches in every for batch in batches]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert sorted(i for batches in every for batch in batches for i in batch) == list(range(337))
    step = skip.draw(st.integers(0, streams[0].steps() - 1))
    rank = skip.draw(st.integers(0, world - 1))
    assert rows(streams[rank].at(step)) == every[rank][step:]


def test_batches_hold_what_the_shards_hold(shards: Path) -> None:
    stream = ShardStream(shards, 40, seed=3, buffer=100)
    batches = list(stream)
    assert sum(map(len, rows(batches))) == 337
    for batch in batches:
        torch.testing.assert_close(batch.flux, (batch.row + 1.0)[:, None].expand(-1, PIXELS).float())
        assert batch.labels.tolist() == [[5000.0, 4.0, 0.0]] * len(batch.row)
        assert batch.errors.isnan().all()
        assert not batch.mask.any()
    np.testing.assert_array_equal(stream.wave, layout.wavelengths(AXIS))
    order = list(chain(*rows(batches)))
    assert order != sorted(order)
    assert list(chain(*rows(ShardStream(shards, 40, shuffle=False)))) == list(range(337))
    # spectra of the large file and of small ones meet in a batch
    assert sum(min(batch) < 300 <= max(batch) for batch in rows(batches)) > 3


def test_the_order_depends_on_seed_and_epoch_alone(shards: Path) -> None:
    stream = ShardStream(shards, 30, seed=1, buffer=64)
    epoch = [rows(stream.at(k * stream.steps())) for k in range(3)]
    assert rows(ShardStream(shards, 30, seed=1, buffer=64)) == epoch[0]
    assert rows(stream.at(2 * stream.steps() + 4)) == epoch[2][4:]
    assert len({str(e) for e in [*epoch, rows(ShardStream(shards, 30, seed=2, buffer=64))]}) == 4


def test_more_processes_than_spectra_are_refused(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(map(len, rows(ShardStream(shards, 13, rank=1, world=337)))) == 1
    with pytest.raises(BadInput, match="338 processes cannot share 337 spectra; give fewer processes"):
        ShardStream(shards, 13, rank=1, world=338)
    monkeypatch.setattr("model.ingest.stream.get_worker_info", lambda: SimpleNamespace(num_workers=2, id=0))
    with pytest.raises(BadInput, match="338 processes and workers cannot share 337 spectra; give fewer"):
        next(iter(ShardStream(shards, 13, rank=1, world=169)))


# torch warns where there are fewer cores than workers
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_loader_with_workers_gives_each_spectrum_once(shards: Path, workers: int) -> None:
    stream = ShardStream(shards, 13, seed=4, rank=1, world=2, buffer=32)
    whole = rows(DataLoader(stream, batch_size=None, num_workers=workers))
    assert len(whole) == stream.steps(max(workers, 1))
    other = rows(DataLoader(ShardStream(shards, 13, 4, 0, 2, 32), batch_size=None, num_workers=workers))
    assert sorted(i for batch in whole + other for i in batch) == list(range(337))
    assert rows(DataLoader(stream.at(5), batch_size=None, num_workers=workers)) == whole[5:]


@pytest.mark.slow
def test_two_processes_share_the_shards(shards: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
    code, said, error = finish(start(*torchrun, PROGRAM, "stream", shards, program=None))
    assert code == 0, error
    one, two = ([i for batch in batches for i in batch] for batches in json.loads(said))
    assert not set(one) & set(two)
    assert sorted(one + two) == list(range(337))
    assert abs(len(one) - len(two)) <= 1


def test_gaps_are_bridged_and_flux_is_divided_by_its_median(tmp_path: Path, shards: Path) -> None:
    [batch] = ShardStream(shards, 1000, shuffle=False)
    ivar = torch.full_like(batch.ivar, 4.0)
    flux = torch.linspace(1, 3, PIXELS).repeat(337, 1)
    ivar[:, 5:9] = 0
    gap = batch._replace(flux=torch.where(ivar == 0, 0.0, flux), ivar=ivar, mask=ivar == 0)
    normal = gap.normalised()
    middle = flux[:, (PIXELS - 1) // 2, None]
    torch.testing.assert_close(normal.flux, flux / middle)
    torch.testing.assert_close(normal.sigma[:, 0], 0.5 / middle[:, 0])
    assert (normal.sigma[:, 5:9] == 0).all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten files of a few stars."""
    for i in range(10):
        write(tmp_path / f"in/{i}.npz", list(range(10 * i, 10 * i + 2 + i % 3)))
    return tmp_path / "in"


def test_shards_that_are_not_as_the_manifest_says(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"manifest\.json cannot be read .* python -m model ingest"):
        ShardStream(out, 4)
    manifest = ingest(folder, out)
    for bad in ({"batch_size": 0}, {"batch_size": 4, "rank": 2, "world": 2}, {"batch_size": 4, "buffer": 0}):
        with pytest.raises(BadInput, match="are no stream"):
            ShardStream(out, **bad)
    with pytest.raises(BadInput, match="100 processes cannot share 29 spectra"):
        ShardStream(out, 4, world=100)
    with pytest.raises(BadInput, match="2 processes and workers cannot share 29 spectra in as many batches of 1"):
        next(iter(ShardStream(out, 1, world=2)))
    path = out / manifest.shards[4].path
    content = bytearray(path.read_bytes())
    content[100:2000] = random.Random(0).randbytes(1900)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"{path.name} is damaged"):
        list(ShardStream(out, 4))
    path.write_bytes(content[:-1])
    with pytest.raises(BadInput, match=f"{path.name} is not as"):
        ShardStream(out, 4)
    text = (out / "manifest.json").read_text()
    (out / "manifest.json").write_text(text.replace('"schema_version": "1"', '"schema_version": "0"', 1))
    with pytest.raises(BadInput, match="field schema_version is 0"):
        ShardStream(out, 4)
