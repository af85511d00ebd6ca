"""Columns of numbers, one entry a star or a pixel: numpy arrays in memory, plain lists in JSON.

A set may have a million stars. As a Python list each number would take 32 bytes and be validated one by one; an array
takes 8 and is validated as a whole. What an array cannot hold goes through pydantic's own list, which says what is
wrong with which entry.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import orjson
from pydantic import PlainSerializer, WrapValidator

LONG = 1 << 18  # bytes of a list in a file from which on it is read as an array
PIECE = 1 << 16  # bytes of such a list that are read at once: as many numbers as the processor's cache holds
MARK = b'"\\u0000array"'  # name of the object that stands in for such a list while the rest is read


def filled(column: np.ndarray) -> list[Any]:
    """A column as a list, with None for NaN."""
    return [None if value != value else value for value in column.tolist()]


def _column(value: Any, one_by_one: Callable[[Any], list[float] | list[float | None]]) -> np.ndarray:
    """(n,) float64, read-only; finite, but for NaN where ``one_by_one`` lets null pass."""
    array = value if isinstance(value, np.ndarray) else None
    if isinstance(value, list):
        with suppress(ValueError, OverflowError):  # lists in lists
            array = np.asarray(value)
    if array is None or array.ndim != 1 or array.dtype.kind not in "fi" or not np.isfinite(array).all():
        array = np.array(one_by_one(filled(value) if isinstance(value, np.ndarray) else value), dtype=float)
    array = array.astype(float)
    array.flags.writeable = False
    return array


if TYPE_CHECKING:
    Column = np.ndarray
    GappedColumn = np.ndarray
else:
    Column = Annotated[list[float], WrapValidator(_column), PlainSerializer(np.ndarray.tolist)]
    GappedColumn = Annotated[list[float | None], WrapValidator(_column), PlainSerializer(filled)]


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _numbers(text: bytes) -> np.ndarray | None:
    """(n,) numbers of a JSON list without lists in it; None if something else is in it, or it is no JSON."""
    pieces, at = [], 1
    while at < len(text):
        end = text.find(b",", at + PIECE)
        end = len(text) - 1 if end < 0 else end
        try:
            piece = np.asarray(orjson.loads(b"[%b]" % text[at:end]))
        except ValueError:
            return None
        if piece.dtype.kind not in "fi" or not len(piece):  # nothing between two commas, too, is an empty list
            return None
        pieces.append(piece)
        at = end + 1
    return np.concatenate(pieces)


def load(raw: bytes) -> Any:
    """JSON whose long lists of numbers are arrays; of the numbers of such a list few are objects at a time.

    Raises:
        ValueError: not JSON (NaN and Infinity are none), or not of a shape that can be read this way.
    """
    if len(raw) < LONG or MARK in raw:
        return orjson.loads(raw)
    arrays: list[np.ndarray] = []
    parts: list[bytes] = []
    done = at = 0
    while (start := raw.find(b"[", at)) >= 0 and (end := raw.find(b"]", start)) >= 0:
        start, at = raw.rfind(b"[", start, end), end + 1
        if end - start < LONG:
            continue
        found = _numbers(raw[start:at])
        if found is not None:
            parts += [raw[done:start], b"{%b:%d}" % (MARK, len(arrays))]
            arrays.append(found)
            done = at
    name = json.loads(MARK)
    return json.loads(
        b"".join([*parts, raw[done:]]),
        parse_constant=_refuse,
        object_hook=lambda one: arrays[one[name]] if name in one else one,
    )
