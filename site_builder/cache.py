"""What the builder keeps from one build to the next: drawn figures and compiled templates.

Everything lies in a folder named by a hash of what it was made from: the code of this package, the versions of the
libraries, and the results (``index.json`` holds the hash of every file). So nothing in it can be out of date, and what
is damaged, missing or not allowed to be written is made again. ``build.py --no-cache`` does without.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cache as once
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("bokeh", "jinja2", "latex2mathml", "markupsafe", "matplotlib", "numpy", "pydantic")
KEPT = 6  # folders; each holds the figures of one state of code and results, some megabytes
ENVIRONMENT = "SPECVIT_CACHE"


def default_folder() -> Path:
    """Where the cache lies: ``SPECVIT_CACHE``, or ``specvit`` in the user's folder for such files."""
    if own := os.environ.get(ENVIRONMENT):
        return Path(own)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "specvit"


@once
def code_digest() -> str:
    """Hash of this package's files and of the versions of what it draws with."""
    total = hashlib.sha256(sys.version.encode())
    package = Path(__file__).resolve().parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            total.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name in LIBRARIES:
        total.update(f"{name} {version(name)}\n".encode())
    return total.hexdigest()


class Cache:
    """Content by key, of one state of code, libraries and results; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None, *made_from: bytes) -> None:
        """``made_from``: what the content depends on beside the code, for example the index of the results."""
        self.folder: Path | None = None
        if folder is None:
            return
        total = hashlib.sha256(code_digest().encode())
        for part in made_from:
            total.update(hashlib.sha256(part).digest())
        self.folder = folder / total.hexdigest()[:32]
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)  # in use: the last to be cleared away
            _clear(folder)

    def _path(self, key: str) -> Path | None:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()[:32] if self.folder else None

    def get(self, key: str) -> bytes | None:
        """What was kept under the key, whole; None if there is nothing or it is damaged."""
        path = self._path(key)
        if path is None:
            return None
        try:
            digest, _, content = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest().encode() == digest else None

    def put(self, key: str, content: bytes) -> None:
        """Keep content under the key, or do nothing where that is not possible."""
        path = self._path(key)
        if path is None:
            return
        with suppress(OSError):
            handle, temp = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                os.replace(temp, path)
            except OSError:
                Path(temp).unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove all but the folders that were used last."""
    states = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in states[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
