"""The folder that is being built: pages, assets, data files; then the swap with the old site.

A build is made in a folder beside the old site and takes its place by two renames at the end, so a
failed build leaves the old site as it was. Only an empty folder or one with our marker is replaced.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from site_builder import design
from site_builder.cache import Cache
from site_builder.contract import BadInput
from site_builder.contract.io import replacing_folder
from site_builder.jobs import Job, run

MARKER = ".specvit-site"
ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"


def load_assets(static: Path = STATIC) -> dict[str, bytes]:
    """Every static file by its path below ``static/``; the tokens go in front of the style sheet."""
    assets = {
        path.relative_to(static).as_posix(): path.read_bytes()
        for path in sorted(static.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    assets["css/site.css"] = design.css().encode() + assets.get("css/site.css", b"")
    return assets


def _digest(assets: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for path in sorted(assets):
        total.update(path.encode() + b"\0" + hashlib.sha256(assets[path]).digest())
    return total.hexdigest()[:12]


class Site:
    """Files of one build, by their path in the site, and the addresses that pages link to.

    An address is the path itself; ``render.below`` makes it relative to a page that lies in a folder.
    """

    def __init__(
        self, base_url: str | None = None, static: Path = STATIC, cache: Cache | None = None, processes: int = 1
    ) -> None:
        self.base_url = base_url.rstrip("/") + "/" if base_url else None
        self.assets = load_assets(static)
        self.assets_folder = f"assets/{_digest(self.assets)}"
        self.cache = cache or Cache(None)
        self.processes = processes
        self.shared: dict[str, Any] = {}  # what several pages show and one of them has made
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {f"{self.assets_folder}/{p}": b for p, b in self.assets.items()}

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

    def make_all(self) -> None:
        """Make all that ``later`` was asked for, at once."""
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


def write_site(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files beside ``out`` and put them in its place.

    Raises:
        BadInput: the folder cannot be written; the old site is untouched.
    """
    check_out(out)
    with replacing_folder(out) as temp:
        for path in sorted(files):
            target = temp / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[path])
        (temp / MARKER).write_text("This folder is written by build.py and replaced as a whole.\n")
