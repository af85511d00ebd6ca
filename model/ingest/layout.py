"""How a shard looks: Parquet with the rows of the Multimodal Universe, one spectrum a row.

Parquet and not Zarr, because ``datasets``, pyarrow, polars and DuckDB read it as it is, a shard is one file that
``os.replace`` puts in place whole, and a reader takes row groups and columns without the rest.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.surveys import LABELS
from site_builder.contract import BadInput
from site_builder.contract.schema import WaveAxis

VERSION = "1"  # of this layout; shards of another are refused
SHARDS = "train"  # folder of the shards: the name of the split for those who load it with ``datasets``
STATE = ".ingest"  # folder of records, settings and catalogue; readers of data sets pass over hidden names
ROW_GROUP = 128  # spectra: what a stream reads at once, 2.5 MB of DESI's red window
VECTORS = ("flux", "ivar", "lambda", "mask")
ERRORS = tuple(f"{name}_err" for name in LABELS)


@dataclass
class Rows:
    """N spectra on one axis, at rest.

    Attributes:
        id: (N,) identifiers (strings).
        flux: (N, pixels) float32 in the survey's unit; 0 where there is no data.
        ivar: (N, pixels) float32 inverse variance of flux; 0 where there is no data.
        labels: (N, 3) float32 teff (K), logg, mh (dex); NaN where there is none.
        errors: (N, 3) float32 of the labels; NaN where none is stated.
        z: (N,) redshift that was divided out.
    """

    id: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    labels: np.ndarray
    errors: np.ndarray
    z: np.ndarray

    @property
    def snr(self) -> np.ndarray:
        """(N,) median over pixels with data of flux / sigma; NaN where there are none."""
        ratio = np.where(self.ivar > 0, self.flux * np.sqrt(self.ivar), np.nan)
        some = (self.ivar > 0).any(1)
        snr = np.full(len(ratio), np.nan, np.float32)
        snr[some] = np.nanmedian(ratio[some], axis=1)
        return snr


def wavelengths(axis: WaveAxis) -> np.ndarray:
    """(n,) pixel centres of an axis, vacuum Angstrom."""
    wave = axis.start + axis.step * np.arange(axis.n)
    return np.asarray(wave if axis.scale == "linear" else 10**wave)


def borders(axis: WaveAxis) -> np.ndarray:
    """(n + 1,) pixel borders of an axis, vacuum Angstrom."""
    edges = axis.start + axis.step * (np.arange(axis.n + 1) - 0.5)
    return np.asarray(edges if axis.scale == "linear" else 10**edges)


def schema(pixels: int) -> pa.Schema:
    """Columns of a shard whose spectra have so many pixels."""
    kinds = {"mask": pa.bool_()}
    vectors = [pa.field(name, pa.list_(kinds.get(name, pa.float32()), pixels)) for name in VECTORS]
    return pa.schema(
        [
            ("object_id", pa.string()),
            ("spectrum", pa.struct(vectors)),
            *((name, pa.float32()) for name in (*LABELS, *ERRORS)),
            ("z", pa.float64()),
            ("snr", pa.float32()),
            ("restframe", pa.bool_()),
            ("survey", pa.string()),
            ("source_file", pa.string()),
        ]
    )


def table(rows: Rows, axis: WaveAxis, survey: str, source: str) -> pa.Table:
    """The rows as a table with the columns of ``schema``; ``mask`` is True exactly where ivar is 0."""
    n, pixels = rows.flux.shape
    wave = np.broadcast_to(wavelengths(axis).astype(np.float32), (n, pixels))
    vectors = {"flux": rows.flux, "ivar": rows.ivar, "lambda": wave, "mask": rows.ivar == 0}
    kind = schema(pixels)
    arrays = [
        pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors[name]).reshape(-1)), pixels)
        for name in VECTORS
    ]
    columns = {
        "object_id": pa.array(rows.id.tolist(), pa.string()),
        "spectrum": pa.StructArray.from_arrays(arrays, fields=list(kind.field("spectrum").type)),
        **{name: pa.array(rows.labels[:, i]) for i, name in enumerate(LABELS)},
        **{name: pa.array(rows.errors[:, i]) for i, name in enumerate(ERRORS)},
        "z": pa.array(rows.z.astype(np.float64)),
        "snr": pa.array(rows.snr),
        "restframe": pa.repeat(True, n),
        "survey": pa.repeat(survey, n),
        "source_file": pa.repeat(source, n),
    }
    return pa.table([columns[name] for name in kind.names], schema=kind)


@contextmanager
def in_place(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place if the block ends well and vanishes if not.

    Raises:
        BadInput: the folder cannot be written.
    """
    temp: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(fd)
        temp = Path(name)
        yield temp
        with temp.open("rb") as handle:
            os.fsync(handle.fileno())
        os.chmod(temp, 0o644)
        os.replace(temp, path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); choose a folder that you may write to.") from None
    finally:
        if temp is not None:
            temp.unlink(missing_ok=True)


def write_shard(path: Path, content: pa.Table) -> None:
    """Write one shard, whole or not at all.

    Raises:
        BadInput: the folder cannot be written.
    """
    floats = [f"spectrum.{name}.list.element" for name in ("flux", "ivar")]
    with in_place(path) as temp:
        pq.write_table(
            content,
            temp,
            row_group_size=ROW_GROUP,
            compression="zstd",
            use_dictionary=["object_id", "survey", "source_file", "spectrum.lambda.list.element"],
            use_byte_stream_split=floats,  # bytes of equal weight side by side: a fifth smaller
            write_statistics=["object_id", *LABELS, "snr"],
        )
