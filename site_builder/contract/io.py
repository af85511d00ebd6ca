"""Reading and writing contract files: atomic, finite, and one sentence when something is wrong."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from site_builder.contract import columns
from site_builder.contract.errors import BadInput
from site_builder.contract.schema import FILE_KINDS, READABLE_VERSIONS, SCHEMA_VERSION, ContractFile, Index, IndexEntry

T = TypeVar("T", bound=BaseModel)


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees the old file or the whole new one.

    Raises:
        BadInput: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            os.chmod(temp, 0o644)
            os.replace(temp, path)
        except BaseException:
            Path(temp).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); choose a folder that you may write to.") from None


def take_over(old: Path, new: Path, entries: Iterable[IndexEntry]) -> list[IndexEntry]:
    """Copy the files of ``entries`` unchanged from one results folder to another, hashes checked.

    Raises:
        BadInput: a file is missing, damaged or not what the index says.
    """
    kept = list(entries)
    for entry in kept:
        folder = Path(entry.path).parent
        attached = [str(folder / name) for name in read_file(old, entry).attachments]
        for path in (entry.path, *attached):
            write_atomic(new / path, read_bytes(old / path))
    return kept


def dumps(value: object) -> bytes:
    """JSON as the contract has it: compact, UTF-8, no NaN or infinity."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_file(root: Path, path: str, content: ContractFile) -> IndexEntry:
    """Write one contract file below ``root`` and return its index entry."""
    data = dumps(content.model_dump(mode="json"))
    write_atomic(root / path, data)
    kind = content.model_dump(include={"kind"})["kind"]
    return IndexEntry(path=path, kind=kind, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def write_index(root: Path, index: Index) -> None:
    """Write ``index.json`` (last: until it is there, the folder is no results folder)."""
    write_atomic(root / "index.json", dumps(index.model_dump(mode="json")))


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong, with its field, and how many more there are."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(p) for p in first["loc"]) or "(whole file)"
    message = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"field {field}: {message[:1].lower()}{message[1:]}{more}"


def _parse(path: Path, raw: bytes, kind: type[T]) -> T:
    def refuse_constant(name: str) -> float:
        raise BadInput(f"{path}: the number {name} is not allowed in JSON; export finite numbers, and null for none.")

    def whole(digits: str) -> int:
        if len(digits) > 20:  # no count or seed is, and no array could hold it
            raise BadInput(f"{path}: the number {digits:.20}... has {len(digits)} digits; export numbers of 64 bits.")
        return int(digits)

    with suppress(ValueError, RecursionError):  # what this cannot read is read again below, to be told what is wrong
        value = columns.load(raw)
        if isinstance(value, dict) and value.get("schema_version") in READABLE_VERSIONS:
            return kind.model_validate(value)
    try:
        value = json.loads(raw, parse_constant=refuse_constant, parse_int=whole)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a ValueError, too
        raise BadInput(f"{path}: a text holds half of a character (a lone surrogate); export whole ones.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not complete JSON ({error}); export it again with python -m model export.") from None
    if not isinstance(value, dict):
        raise BadInput(f"{path}: the file holds no JSON object; export it again with python -m model export.")
    version = value.get("schema_version")
    if version not in READABLE_VERSIONS:
        raise BadInput(
            f"{path}: field schema_version is {version!r:.40} but this builder reads {SCHEMA_VERSION!r}; "
            "export the results again with the code of this version."
        )
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise BadInput(f"{path}: {sentence(error)}; correct the exporter and export it again.") from None


def read_bytes(path: Path, mend: str = "export it with python -m model export") -> bytes:
    """Content of ``path``; one sentence, with what to do, if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); {mend}.") from None


def read_index(root: Path) -> Index:
    """Read ``index.json`` of a results folder.

    Raises:
        BadInput: the folder is missing, empty, or its index is not valid.
    """
    if not root.is_dir():
        raise BadInput(f"{root} is not a folder; give one that python -m model export has written (--results DIR).")
    if not (root / "index.json").exists():
        raise BadInput(f"{root} holds no index.json; write the results there with python -m model export.")
    path = root / "index.json"
    return _parse(path, read_bytes(path), Index)


EDITED = 1_000_000  # bytes that a file may have grown by and is still told what is wrong in it


def read_file(root: Path, entry: IndexEntry) -> ContractFile:
    """Read one listed file, check its hash and validate it.

    Raises:
        BadInput: missing, changed since it was indexed, or not valid.
    """
    path = root / entry.path
    other = path.is_file() and path.stat().st_size > entry.bytes + EDITED  # then it is not read: it may have any size
    raw = b"" if other else read_bytes(path)
    parsed = None if other else _parse(path, raw, FILE_KINDS[entry.kind])
    if parsed is None or hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise BadInput(
            f"{path}: its sha256 is not the one that index.json lists, so it was changed after the export; "
            "export the results again with python -m model export."
        )
    for name, (digest, size) in parsed.attachments.items():
        beside = path.parent / name
        other = beside.is_file() and beside.stat().st_size != size  # then it is not read: it may have any size
        if other or hashlib.sha256(read_bytes(beside)).hexdigest() != digest:
            raise BadInput(
                f"{beside}: its sha256 is not the one that {path.name} gives, so it was changed after the export; "
                "export it again with python -m model onnx."
            )
    return parsed
