"""The embedded data, each file checked against the hash in ``data/manifest.json``; arrays in files (.npz)."""

import hashlib
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from site_builder.contract import BadInput
from site_builder.contract.io import write_atomic

DATA = Path(__file__).resolve().parent.parent / "data"


@cache
def manifest() -> dict[str, dict[str, str | int]]:
    """Entries of ``data/manifest.json`` by file name: sha256, bytes, licence, source, credit."""
    path = DATA / "manifest.json"
    try:
        return dict(json.loads(path.read_bytes())["files"])
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); restore it with git checkout data.") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: field files cannot be read; restore it with git checkout data.") from None


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, never unpickling.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise BadInput(f"{path} is not there; restore it with git checkout data, or give another file.") from None
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own on a damaged file
        raise BadInput(f"{path} is damaged and cannot be read ({error}); restore it with git checkout data.") from None


def write_npz(path: Path, **arrays: Any) -> None:
    """Write arrays to ``path`` (.npz), whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of one embedded data file.

    Raises:
        BadInput: the file is missing, or its content is not what the manifest lists.
    """
    path = DATA / name
    entry = manifest().get(name)
    if entry is None:
        raise BadInput(f"{DATA / 'manifest.json'}: field files has no entry {name}; add it with its sha256.")
    if not path.exists():
        raise BadInput(f"{path} is not there; restore it with git checkout data.")
    if sha256(path) != entry["sha256"]:
        raise BadInput(f"{path}: its sha256 is not the one in manifest.json; restore it with git checkout data.")
    return read_npz(path)
