"""A catalogue of labels as columns on disk that all workers map into memory: read once, never sent to anyone.

DESI's catalogue of DR1 has 6.4 million rows and several GB. It is read in pieces, of which only velocity, labels,
errors and cuts stay (about 70 bytes a target), sorted by TARGETID; finding a file's targets touches a few pages.
"""

import gc
import hashlib
import json
from pathlib import Path

import numpy as np
from astropy.io import fits

from model.ingest.layout import in_place
from model.surveys import desi_catalogue, reading
from site_builder.contract import BadInput
from site_builder.contract.io import write_atomic

PIECE = 100_000  # rows read at once
GROUPS = ("labels", "errors", "cuts")  # dictionaries of columns in ``desi_catalogue.Catalogue``
INDEX = "columns.json"


def prepare(path: Path, folder: Path) -> str:
    """Write the columns of a DESI catalogue to ``folder``, if those of the same file are not there yet.

    Returns:
        sha256 over the columns.

    Raises:
        BadInput: the catalogue cannot be read, or ``folder`` cannot be written.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise BadInput(f"--catalogue {path} cannot be read ({error.strerror}); give an mwsall file.") from None
    stamp = [str(path.absolute()), state.st_size, state.st_mtime_ns]
    index = folder / INDEX
    if index.exists():
        found = json.loads(index.read_bytes())
        if found["stamp"] == stamp:
            return str(found["sha256"])
    index.unlink(missing_ok=True)
    whole, rows = read_in_pieces(path, PIECE)
    columns = _columns(whole)
    digest = hashlib.sha256()
    for number, (name, column) in enumerate(columns.items()):
        values = column[rows]
        with in_place(folder / f"{number}.npy") as temp, temp.open("wb") as handle:
            np.save(handle, values, allow_pickle=False)
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).data)
    content = {"stamp": stamp, "sha256": digest.hexdigest(), "columns": list(columns)}
    write_atomic(index, json.dumps(content).encode())
    return digest.hexdigest()


def load(folder: Path) -> desi_catalogue.Catalogue:
    """The catalogue that ``prepare`` wrote, its columns mapped into memory.

    Raises:
        BadInput: it is not there, as on a machine that does not see the folder.
    """
    try:
        names = json.loads((folder / INDEX).read_bytes())["columns"]
        columns = {name: np.load(folder / f"{i}.npy", mmap_mode="r") for i, name in enumerate(names)}
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder} holds no catalogue ({type(error).__name__}); give --out a folder that all workers see."
        ) from None
    return _catalogue(columns)


def _catalogue(columns: dict[str, np.ndarray]) -> desi_catalogue.Catalogue:
    """The inverse of ``_columns``."""
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    for name, values in columns.items():
        group, _, key = name.partition("/")
        if key:
            groups[group][key] = values
    return desi_catalogue.Catalogue(targetid=columns["targetid"], z=columns["z"], **groups)


def _columns(catalogue: desi_catalogue.Catalogue) -> dict[str, np.ndarray]:
    columns = {"targetid": catalogue.targetid, "z": catalogue.z}
    for group in GROUPS:
        columns |= {f"{group}/{key}": values for key, values in getattr(catalogue, group).items()}
    return columns


def read_in_pieces(path: Path, piece: int) -> tuple[desi_catalogue.Catalogue, np.ndarray | slice]:
    """What ``desi_catalogue.read`` gives, with no more than ``piece`` rows of the file in memory at a time.

    Returns:
        all rows of the file as a catalogue, and which of them to take in which order (so that the caller need not
        have all columns twice).

    Raises:
        BadInput: as that function.
    """
    with reading.open_fits(path) as hdus:
        have = reading.names(hdus)
        name = next((t for t in desi_catalogue.TABLES if t in have), None)
        n = 0 if name is None else int(hdus[name].header["NAXIS2"])
    if name is None or n <= piece:
        return desi_catalogue.read(path), slice(None)
    columns: dict[str, np.ndarray] = {}
    badness = np.empty(n)
    for start in range(0, n, piece):
        rows = slice(start, min(start + piece, n))
        part, badness[rows] = _piece(path, name, rows)
        gc.collect()  # astropy's objects are rings, and hold the file's pages until they are found
        for key, values in _columns(part).items():
            columns.setdefault(key, np.empty(n, values.dtype))[rows] = values
    whole = _catalogue(columns)
    numbered = desi_catalogue.Catalogue(whole.targetid, np.arange(n), {}, {}, whole.cuts)
    return whole, desi_catalogue.one_row_each(numbered, badness).z


def _piece(path: Path, name: str, rows: slice) -> tuple[desi_catalogue.Catalogue, np.ndarray]:
    """Some rows of table ``name``, and how bad each is. The file is mapped anew, so that its pages are let go."""
    with fits.open(path, memmap=True) as hdus:
        kept = [t for t in (name, "FIBERMAP") if t in reading.names(hdus)]
        part = fits.HDUList([fits.PrimaryHDU(), *(fits.BinTableHDU(hdus[t].data[rows], name=t) for t in kept)])
        data = reading.table(part, path, name)
        read = desi_catalogue.read_rvtab if name == "RVTAB" else desi_catalogue.read_sptab
        catalogue, badness = read(path, data)
        catalogue.targetid = catalogue.targetid.copy()
        desi_catalogue.fiber_cut(path, part, catalogue)
    return catalogue, badness
