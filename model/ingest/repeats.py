"""Objects that stand in several shards: one star in several survey files, or one file under several names."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.ingest.layout import write_shard
from model.ingest.manifest import Record, dump
from model.ingest.task import describe, record_path


def first_places(out: Path, records: list[Record]) -> np.ndarray:
    """(spectra,) bool in the order of the manifest: no earlier spectrum has the same object_id.

    Identifiers are compared by 64-bit hashes, 8 bytes a spectrum.
    """
    hashes = [np.zeros(0, np.uint64)]
    for shard in (shard for record in records for shard in record.shards):
        names = pq.read_table(out / shard.path, columns=["object_id"])["object_id"].to_pylist()
        hashes.append(np.array([int.from_bytes(blake2b(n.encode(), digest_size=8).digest()) for n in names], np.uint64))
    every = np.concatenate(hashes)
    first = np.zeros(len(every), bool)
    first[np.unique(every, return_index=True)[1]] = True
    return first


def drop(out: Path, records: dict[str, Record], first: np.ndarray) -> None:
    """Take spectra out of their shards that are not the ``first`` of their object; records follow.

    A shard is replaced before its record, so that a process killed between the two leaves a record that does not
    agree with its shard, and the next run makes that file again.
    """
    start = 0
    for key, record in records.items():
        kept, before = [], record.spectra
        for shard in record.shards:
            keep = first[start : start + shard.rows]
            start += shard.rows
            path = out / shard.path
            if keep.all():
                kept.append(shard)
            elif keep.any():
                write_shard(path, pq.read_table(path).filter(pa.array(keep)))
                kept.append(describe(out, path, int(keep.sum())))
            else:
                path.unlink()
        record.shards, record.spectra = kept, sum(s.rows for s in kept)
        if record.spectra < before:
            record.repeats_dropped += before - record.spectra
            dump(record_path(out, key), record)
