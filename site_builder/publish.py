"""The folder that is being built: pages, assets, data files; then the swap with the old site.

A build is made in a folder beside the old site and takes its place in one step at the end, so a
failed build leaves the old site as it was. Only an empty folder or one with our marker is replaced.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from site_builder import design
from site_builder.cache import Cache
from site_builder.config import Own
from site_builder.contract import BadInput
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_bytes
from site_builder.jobs import Job, begin, run

MARKER = ".specvit-site"
ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
_COMMENT = re.compile(r"^[ \t]*(?:/\*.*?\*/[ \t]*|//[^\n]*)\n", re.M | re.S)
# Together they are one file of eleven kilobytes on the way, which a browser keeps: one request before the first paint.
SHEETS = ("vendor/uplot/uPlot.min.css", "css/site.css", "css/interactive.css", "css/live.css")

FIRST_SCRIPT = "js/theme.js"
MODULES = ("js/common.js", "js/later.js")  # one file as well


def lean(path: str, content: bytes) -> bytes:
    """A script or style sheet of ours without comments that have lines of their own: a fifth of it on the way."""
    if path.startswith("vendor/") or not path.endswith((".js", ".css")):
        return content
    text = _COMMENT.sub("", content.decode())
    return re.sub(r"^[ \t]+", "", text, flags=re.M).encode() if path.endswith(".css") else text.encode()


def load_assets(static: Path = STATIC) -> dict[str, bytes]:
    """Every static file by its path below ``static/``; one style sheet holds the tokens and all of ``SHEETS``.

    In the same way one module holds ``MODULES``.
    """
    assets = {
        (name := path.relative_to(static).as_posix()): lean(name, path.read_bytes())
        for path in sorted(static.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    sheets = [assets.pop(path, b"") for path in SHEETS]
    assets["css/site.css"] = b"\n".join([design.css().encode(), *sheets])
    assets[MODULES[0]] = b"\n".join(assets.pop(path, b"") for path in MODULES)
    return assets


def _digest(assets: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for path in sorted(assets):
        total.update(path.encode() + b"\0" + hashlib.sha256(assets[path]).digest())
    return total.hexdigest()[:12]


class Files(MutableMapping[str, bytes]):
    """Files of a site by their path; those that are copies of other files are read when they are looked at."""

    def __init__(self, made: Mapping[str, bytes]) -> None:
        self._made = dict(made)
        self._copies: dict[str, tuple[Path, str]] = {}  # file, sha256

    def copy(self, path: str, source: Path, sha256: str) -> None:
        """The file at ``path`` is ``source``, as it is now."""
        self._copies[path] = (source, sha256)

    def __getitem__(self, path: str) -> bytes:
        """Content of a file.

        Raises:
            BadInput: a file that is copied was changed while the site was built.
        """
        if path not in self._copies:
            return self._made[path]
        source, sha256 = self._copies[path]
        content = read_bytes(source)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BadInput(f"{source} was changed while the site was being built; build it again.")
        return content

    def __setitem__(self, path: str, content: bytes) -> None:
        self._made[path] = content

    def __delitem__(self, path: str) -> None:
        (self._copies if path in self._copies else self._made).pop(path)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._made, *self._copies])

    def __len__(self) -> int:
        return len(self._made) + len(self._copies)

    def __contains__(self, path: object) -> bool:
        return path in self._made or path in self._copies


class Site:
    """Files of one build, by their path in the site, and the addresses that pages link to.

    An address is the path itself; ``render.below`` makes it relative to a page that lies in a folder.
    """

    def __init__(
        self,
        base_url: str | None = None,
        static: Path = STATIC,
        cache: Cache | None = None,
        processes: int = 1,
        own: Own | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/") + "/" if base_url else None
        self.own = own or Own()
        self.assets = load_assets(static)
        # part of every page: as a file it would hold up the first paint for a connection of its own
        self.first_script = self.assets.pop(FIRST_SCRIPT, b"").decode()
        self.assets["css/site.css"] += self.own.css().encode()
        if self.own.logo is not None:
            kind, content = self.own.logo
            self.assets[f"logo.{kind}"] = content
        self.assets_folder = f"assets/{_digest(self.assets)}"
        self.cache = cache or Cache(None)
        self.processes = processes
        self.shared: dict[str, Any] = {}  # what several pages show and one of them has made
        self.jobs: dict[str, Job] = {}
        self._begun: list[Callable[[], None]] = []
        self.files = Files({f"{self.assets_folder}/{p}": b for p, b in self.assets.items()})

    def asset(self, path: str) -> str:
        """Address of a static file, for example ``asset("js/snr.js")``.

        Raises:
            KeyError: no such file below ``static/``.
        """
        if path not in self.assets:
            raise KeyError(f"static/{path} does not exist")
        return f"{self.assets_folder}/{path}"

    def publish(self, path: str, content: bytes) -> str:
        """Put a file into the site and return its address."""
        known = self.files.get(path)
        if known is not None and known != content:
            raise ValueError(f"{path} is published twice with different content")
        self.files[path] = content
        return path

    def publish_copy(self, path: str, source: Path, sha256: str) -> str:
        """Put a copy of a file into the site, without keeping it in memory, and return its address."""
        self.files.copy(path, source, sha256)
        return path

    def later(self, key: str, make: Callable[[], bytes], use: Callable[[bytes], object]) -> Job:
        """Content that takes long to make; ``make_all`` or a look at it makes it.

        Args:
            key: what it is; what is known by that key already is taken as it is.
            make: gives the content, which depends on the key, the code and the results only.
            use: called with the content once it is made, for example to publish it.
        """
        job = self.jobs.setdefault(key, Job(key, make))
        job.use(use)
        return job

    def begin(self) -> None:
        """Let another core make what ``later`` was asked for so far, until ``make_all`` needs it."""
        if self.processes > 1 and self.jobs:
            self._begun.append(begin(list(self.jobs.values()), self.cache))

    def make_all(self) -> None:
        """Make all that ``later`` was asked for, at once."""
        while self._begun:
            self._begun.pop()()
        run([job for job in self.jobs.values() if job.made is None], self.cache, self.processes)

    def publish_json(self, path: str, value: Any) -> str:
        """Put ``data/<path>`` into the site as compact JSON (no NaN) and return its address."""
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return self.publish(f"data/{path}", text.encode() + b"\n")

    def publish_csv(self, path: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
        """Put ``data/<path>`` into the site as CSV and return its address; one of a path is written once."""
        if (address := f"data/{path}") in self.files:
            return address
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        return self.publish(address, buffer.getvalue().encode())

    def absolute(self, path: str) -> str | None:
        """Address with host, if the base URL is known."""
        return None if self.base_url is None else self.base_url + path.removesuffix("index.html")


def check_out(out: Path) -> None:
    """Refuse an output folder that cannot be written or that holds something else.

    Raises:
        BadInput: one sentence that names the folder and the mend.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise BadInput(f"--out {out} is not a plain folder; choose another folder for the site.")
    if out.is_dir() and not (out / MARKER).is_file() and any(out.iterdir()):
        raise BadInput(
            f"--out {out} is a folder with files that build.py did not make (it has no {MARKER}); "
            "choose an empty or new folder."
        )
    parent = next(p for p in [out.parent, *out.parent.parents] if p.exists())
    if (
        not parent.is_dir()
        or not os.access(parent, os.W_OK | os.X_OK)
        or (out.exists() and not os.access(out, os.W_OK))
    ):
        raise BadInput(f"--out {out} cannot be written; choose a folder that you may write to.")


def file_time() -> float | None:
    """The time that all files shall bear (``SOURCE_DATE_EPOCH``, seconds), or None for the time of writing.

    Raises:
        BadInput: it is no number.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return None
    if not given.isdecimal():
        raise BadInput(f"SOURCE_DATE_EPOCH is {given!r:.40}, not a number of seconds; correct or remove it.")
    return float(given)


def write_site(out: Path, files: Mapping[str, bytes]) -> int:
    """Write the files beside ``out``, put them in its place, and return how many bytes they have.

    Raises:
        BadInput: the folder cannot be written; the old site is untouched.
    """
    check_out(out)
    time, size = file_time(), 0
    with replacing_folder(out) as temp:
        for path in sorted(files):
            target = temp / path
            target.parent.mkdir(parents=True, exist_ok=True)
            size += target.write_bytes(files[path])
        (temp / MARKER).write_text("This folder is written by build.py and replaced as a whole.\n")
        if time is not None:
            for one in sorted(temp.rglob("*"), reverse=True):
                os.utime(one, (time, time))
    return size
