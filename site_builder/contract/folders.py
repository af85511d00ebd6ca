"""Putting a whole folder in the place of another: at once, never half of it, whatever happens on the way.

The new folder is written beside the old one. On Linux the two change places in one step of the kernel
(``renameat2``), so that there is no moment without a whole folder in place. Elsewhere two renames do it; should the
machine stop between them, the next run finds the old folder and puts it back. What a killed run left behind is removed
by the next one; a run that is still at work holds a lock on its folder, which ends with its process.
"""

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from site_builder.contract.errors import BadInput

if sys.platform != "win32":  # there two runs at once are not noticed
    import fcntl

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """A new folder beside ``out`` that takes its place if the block ends well, and vanishes if it does not.

    Raises:
        BadInput: the folder cannot be written, or another run is writing it; the old one is as it was.
    """
    out = Path(os.path.abspath(out))
    temp: Path | None = None
    lock: int | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _alone(out.parent):
            _clear(out)
            temp = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.new-"))
            lock = _lock(temp)
        yield temp
        os.chmod(temp, 0o755)
        _put_in_place(temp, out)
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written ({error.strerror}); choose another folder.") from None
    finally:
        if temp is not None:
            shutil.rmtree(temp, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, wait: bool = False) -> int | None:
    """An open lock on a folder; None where folders cannot be locked.

    Raises:
        BlockingIOError: another process holds it.
    """
    if sys.platform == "win32":
        return None
    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Keep other runs waiting while one looks for leftovers and makes its folder."""
    lock = _lock(parent, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _clear(out: Path) -> None:
    """Put back what a stopped run had moved aside, and remove what killed runs left.

    Raises:
        BadInput: another run is at work.
    """
    for old in sorted(out.parent.glob(f".{out.name}.old-*")):
        if not out.exists():
            os.rename(old, out)
        else:
            shutil.rmtree(old, ignore_errors=True)
    for left in sorted(out.parent.glob(f".{out.name}.new-*")):
        try:
            lock = _lock(left)
        except BlockingIOError:
            raise BadInput(f"--out {out} is being written by another run; try again when that has ended.") from None
        shutil.rmtree(left, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _exchange(a: Path, b: Path) -> bool:
    """Let two folders change places in one step; False where the system cannot."""
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):
        rename = ctypes.CDLL(None).renameat2
        return bool(rename(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0)
    return False


def _put_in_place(temp: Path, out: Path) -> None:
    if not out.exists():
        os.rename(temp, out)
        return
    if _exchange(temp, out):
        return
    old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old-"))
    os.rename(out, old)
    try:
        os.rename(temp, out)
    except OSError:
        os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)
