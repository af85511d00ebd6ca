"""Files of an archive, one after the other: what is complete is skipped, what fails is told at the end."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock
import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from model.fetch.archives import Remote
from model.fetch.download import FetchError, Manners, ResumingDownloader, new_session, remote_size
from model.fetch.hashes import HashFiles
from site_builder.contract import BadInput

MEGABYTE = 1e6
ASKED = 50  # files whose size a dry run asks for
LISTED = 20  # files that a dry run prints


@dataclass
class Summary:
    """What became of the files.

    Attributes:
        taken, there, missing: files downloaded now, complete before, and not in the archive's grid.
        checked: those of taken and there that agree with a hash of the archive.
        bytes: downloaded now.
        failed: address and reason of each file that could not be had.
    """

    taken: int = 0
    there: int = 0
    missing: int = 0
    checked: int = 0
    bytes: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def sentence(self) -> str:
        """All of it in one line."""
        have = self.taken + self.there
        parts = [f"{self.taken} files taken ({size(self.bytes)})", f"{self.there} were there"]
        parts += [f"{self.missing} are not in the archive's grid"] * (self.missing > 0)
        return f"{', '.join(parts)}; {self.checked} of {have} agree with a hash that the archive publishes"


def size(n: float) -> str:
    """Bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} bytes" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


class Ledger:
    """``fetched.jsonl`` in the folder of downloads: one line for each complete file, with its source and hash."""

    def __init__(self, out: Path) -> None:
        self.path = out / "fetched.jsonl"
        self.lines: dict[str, dict[str, Any]] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []:
            try:
                entry = json.loads(line)
                self.lines[entry["path"]] = entry
            except (ValueError, KeyError, TypeError):
                continue  # a line that was cut: its file is looked at again

    def complete(self, path: str, target: Path) -> dict[str, Any] | None:
        """The entry of a file that is there with the size that it had."""
        entry = self.lines.get(path)
        return entry if entry and target.is_file() and target.stat().st_size == entry.get("bytes") else None

    def add(self, remote: Remote, target: Path, published: str | None) -> None:
        """Note a complete file."""
        known = published is not None and published.startswith("sha256:")
        entry = {
            "path": remote.path,
            "url": remote.url,
            "bytes": target.stat().st_size,
            "sha256": str(published).partition(":")[2] if known else pooch.file_hash(str(target), alg="sha256"),
            "published_hash": published,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(entry) + "\n")
        self.lines[remote.path] = entry


class Collector:
    """Takes files into a folder.

    Args:
        out: folder of downloads.
        manners: see ``Manners``.
        check: compute the hash of files that are there again, and replace those that differ.
        session: see ``new_session``.
    """

    def __init__(
        self, out: Path, manners: Manners | None = None, check: bool = False, session: requests.Session | None = None
    ) -> None:
        self.out = out
        self.manners = manners or Manners()
        self.check = check
        self.session = session or new_session()
        self.hashes = HashFiles(self.session, self.manners)
        self.ledger = Ledger(out)
        self.unreachable: set[str] = set()
        pooch.get_logger().setLevel("ERROR")

    def take(self, remotes: list[Remote]) -> Summary:
        """Download what is not there yet.

        Raises:
            BadInput: the folder cannot be written, or another fetch is at work in it.
        """
        summary = Summary()
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.out / ".fetch.lock", timeout=0), _bar(len(remotes)) as show:
                for remote in remotes:
                    self._one(remote, summary, show)
        except filelock.Timeout:
            raise BadInput(f"--out {self.out}: another fetch is at work in it; wait for it or name another.") from None
        except OSError as error:
            raise BadInput(
                f"--out {self.out} cannot be written ({error.strerror}); choose a folder that you may write to."
            ) from None
        return summary

    def _one(self, remote: Remote, summary: Summary, show: Callable[[str, int, int | None], None]) -> None:
        target = self.out / remote.path
        entry = self.ledger.complete(remote.path, target)
        if entry and not self.check:
            summary.there += 1
            summary.checked += entry.get("published_hash") is not None
            return
        host = urlsplit(remote.url).netloc
        try:
            if host in self.unreachable:
                raise FetchError("not tried: the server cannot be reached")
            published = self.hashes.of(remote)
            known = published or (f"sha256:{entry['sha256']}" if entry else None)
            taken = self._retrieve(remote, target, known, show)
        except FetchError as error:
            if error.unreachable:
                self.unreachable.add(host)
            if error.status == 404 and remote.may_be_missing:
                summary.missing += 1
            else:
                summary.failed.append((remote.url, str(error)))
            return
        summary.taken += taken
        summary.there += not taken
        summary.bytes += target.stat().st_size * taken
        summary.checked += published is not None
        if taken or not entry:
            self.ledger.add(remote, target, published)

    def _retrieve(
        self, remote: Remote, target: Path, known: str | None, show: Callable[[str, int, int | None], None]
    ) -> bool:
        """Whether the file was downloaded; a wrong hash is one more reason to try again, from the beginning."""
        if known is None and target.is_file():  # from elsewhere: is it whole?
            announced = remote_size(remote.url, self.session, self.manners)
            if announced is not None and announced != target.stat().st_size:
                target.unlink()
        if pooch.core.download_action(target, known)[0] == "fetch":
            return False
        downloader = ResumingDownloader(
            target.with_name(target.name + ".part"),
            self.session,
            self.manners,
            lambda done, total: show(target.name, done, total),
        )
        for attempt in range(2):
            try:
                pooch.retrieve(remote.url, known, fname=target.name, path=target.parent, downloader=downloader)
            except ValueError:
                downloader.forget()
                if attempt:
                    raise FetchError(f"the file does not have the published hash {known}, twice") from None
            else:
                break
        downloader.forget()
        return True

    def plan(self, remotes: list[Remote]) -> list[str]:
        """Lines that say what ``take`` would take, and how much that is; only sizes are asked for."""
        wanted = [r for r in remotes if not self.ledger.complete(r.path, self.out / r.path)]
        sizes: list[float] = [r.megabytes * MEGABYTE for r in wanted]
        known = 0
        try:
            for i, remote in enumerate(wanted[:ASKED]):
                if (answer := remote_size(remote.url, self.session, self.manners)) is not None:
                    sizes[i] = answer
                    known += 1
            note = "" if known == len(wanted) else f"; {known} sizes are the archive's, the others typical ones"
        except FetchError as error:
            note = f"; {known} sizes are the archive's, the others typical ones ({error})"
        lines = [f"{size(n):>12}  {r.url}" for r, n in zip(wanted[:LISTED], sizes, strict=False)]
        lines += [f"{'':12}  and {len(wanted) - LISTED} more"] * (len(wanted) > LISTED)
        free = shutil.disk_usage(next(p for p in (self.out.absolute(), *self.out.absolute().parents) if p.exists()))
        lines.append(
            f"{len(wanted)} files to take, {size(sum(sizes))}{note}; {len(remotes) - len(wanted)} are there; "
            f"{size(free.free)} are free in {self.out}"
        )
        return lines


class _bar:  # used like a function
    """Progress of all files on a terminal; nothing elsewhere."""

    def __init__(self, files: int) -> None:
        self.files = files
        self.begun = 0
        self.name = ""
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        self.progress.start()
        self.task = self.progress.add_task("", total=None)
        return self.show

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def show(self, name: str, done: int, total: int | None) -> None:
        """Draw the file that is being taken."""
        if name != self.name:
            self.name = name
            self.begun += 1
            self.progress.reset(self.task, description=f"{self.begun} of at most {self.files}  {name}", total=total)
        self.progress.update(self.task, completed=done, total=total)
