"""One file from a server that may fail: resumed where it was cut, retried politely, never corrupted.

``ResumingDownloader`` is a downloader for ``pooch.retrieve``, which checks the hash and puts the file in its place.
What has arrived so far is in ``NAME.part``; beside it, ``NAME.part.json`` says which version of the file it is
(RFC 9110, section 13.1.5), so that a file that changed in between is taken anew.
"""

import email.utils
import json
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
import urllib3.exceptions

from site_builder.contract import BadInput

T = TypeVar("T")

USER_AGENT = "SpecViT-fetch/0.1 (python -m model fetch; stellar spectra for research)"
PIECE = 1 << 16  # bytes that are written at once; at most so many are lost when a connection is cut
GAIN = 1 << 20  # bytes after which a server counts as one that works
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
PROBLEMS = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)


class FetchError(Exception):
    """A file that cannot be had; the message is the rest of a sentence that begins with its address."""

    def __init__(self, why: str, status: int | None = None, unreachable: bool = False) -> None:
        super().__init__(why)
        self.status = status
        self.unreachable = unreachable


class _TryAgain(Exception):  # no error: a reason to wait
    def __init__(self, why: str, wait: float | None = None, unreachable: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.unreachable = unreachable


@dataclass(frozen=True)
class Manners:
    """How politely a server is asked.

    Attributes:
        tries: attempts in a row that bring nothing before a file is given up.
        first_wait: seconds before the second attempt; doubled for each further one, times 0.5 to 1.5 at random.
        longest_wait: seconds; a server that asks for a longer pause (Retry-After) is left in peace.
        timeout: seconds to connect, and between two pieces of a file.
        sleep, jitter: replaced by tests.
    """

    tries: int = 6
    first_wait: float = 2.0
    longest_wait: float = 300.0
    timeout: tuple[float, float] = (20.0, 60.0)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    def patiently(self, attempt: Callable[[], T], gained: Callable[[], int] = lambda: 0) -> T:
        """Result of ``attempt``, repeated while it asks for that; ``gained()`` bytes since then start the count anew.

        Raises:
            FetchError: the attempts are used up.
        """
        failed, before = 0, gained()
        while True:
            try:
                return attempt()
            except _TryAgain as problem:
                now = gained()
                failed = 1 if now >= before + GAIN else failed + 1
                before = now
                if failed >= self.tries:
                    raise FetchError(f"{problem} ({failed} attempts)", unreachable=problem.unreachable) from None
                wait = self.first_wait * 2 ** (failed - 1) * self.jitter(0.5, 1.5)
                if problem.wait is not None and problem.wait > self.longest_wait:
                    raise FetchError(f"{problem}, and asks for a pause of {problem.wait:.0f} s") from None
                self.sleep(min(max(wait, problem.wait or 0.0), self.longest_wait))


def new_session() -> requests.Session:
    """A session that names the project and takes files as they are stored."""
    session = requests.Session()
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    return session


def _pause_asked(response: requests.Response) -> float | None:
    """Seconds of the header Retry-After (a number or a date)."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in AGAIN:
        raise _TryAgain(f"the server answers {status} {response.reason}", _pause_asked(response))
    if status >= 400:
        raise FetchError(f"the server answers {status} {response.reason}", status)


def read_text(url: str, session: requests.Session, manners: Manners, largest: int = 64 << 20) -> str:
    """A small text file.

    Raises:
        FetchError: it cannot be had, or has more than ``largest`` bytes.
    """

    def attempt() -> str:
        try:
            with session.get(url, stream=True, timeout=manners.timeout) as response:
                _check_status(response)
                content = response.raw.read(largest + 1, decode_content=True)
        except PROBLEMS as problem:
            raise _TryAgain(_reason(problem), unreachable=_unreachable(problem)) from None
        if len(content) > largest:
            raise FetchError(f"more than {largest} bytes, too many for a list of hashes")
        return str(content.decode("utf-8", "replace"))

    return manners.patiently(attempt)


def remote_size(url: str, session: requests.Session, manners: Manners) -> int | None:
    """Bytes that the server announces for a file, None if it does not say; asks once.

    Raises:
        FetchError: no answer.
    """
    try:
        response = session.head(url, allow_redirects=True, timeout=manners.timeout)
    except PROBLEMS as problem:
        raise FetchError(_reason(problem), unreachable=_unreachable(problem)) from None
    return _length(response) if response.ok else None


def _length(response: requests.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def _unreachable(problem: BaseException) -> bool:
    return isinstance(problem, requests.ConnectionError) and not isinstance(problem, requests.ReadTimeout)


def _reason(problem: BaseException) -> str:
    if isinstance(problem, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return "the server does not answer in time"
    return "the server cannot be reached" if _unreachable(problem) else "the connection was cut"


class ResumingDownloader:
    """Downloader for pooch that continues ``part`` (HTTP Range), for one file.

    Args:
        part: file that grows; it stays when the program is stopped, and is removed by ``forget``.
        session: see ``new_session``.
        manners: see ``Manners``.
        progress: called with the bytes that are there and the size of the file, if it is known.
    """

    def __init__(
        self,
        part: Path,
        session: requests.Session,
        manners: Manners,
        progress: Callable[[int, int | None], None] = lambda done, total: None,
    ) -> None:
        self.part = part
        self.note = part.with_name(part.name + ".json")
        self.session = session
        self.manners = manners
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> bool | None:
        """Download ``url`` to ``output_file``; with ``check_only`` say whether it is there (pooch's interface).

        Raises:
            FetchError: it cannot be had.
            BadInput: the folder cannot be written.
        """
        if check_only:
            return self.session.head(url, allow_redirects=True, timeout=self.manners.timeout).ok
        try:
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self.manners.patiently(lambda: self._attempt(url), self._size)
            Path(output_file).unlink(missing_ok=True)
            try:  # both names at once: the part outlives a program that is stopped while the hash is computed
                os.link(self.part, output_file)
            except OSError:
                os.replace(self.part, output_file)
        except OSError as error:
            raise BadInput(
                f"--out: {self.part} cannot be written ({error.strerror}); make room or choose another folder."
            ) from None
        return None

    def forget(self) -> None:
        """Remove the part: the file is complete, or wrong."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _version(self) -> dict[str, Any]:
        """``validator`` (for If-Range) and ``total`` (bytes) of the file that the part is of."""
        try:
            note = json.loads(self.note.read_bytes())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _attempt(self, url: str) -> None:
        have = self._size()
        if have and have == self._version().get("total"):
            return  # all of it came before, and the program was stopped then
        headers = {}
        if have:
            headers["Range"] = f"bytes={have}-"
            if isinstance(validator := self._version().get("validator"), str):
                headers["If-Range"] = validator
        try:
            with self.session.get(url, headers=headers, stream=True, timeout=self.manners.timeout) as response:
                if response.status_code == 416 and have:
                    self._beyond_the_end(response, have)
                    return
                _check_status(response)
                self._receive(response, have)
        except PROBLEMS as problem:
            raise _TryAgain(_reason(problem), unreachable=_unreachable(problem)) from None

    def _beyond_the_end(self, response: requests.Response, have: int) -> None:
        """The server has nothing after the part: the part is whole, or of another file."""
        if response.headers.get("Content-Range", "").strip() != f"bytes */{have}":
            self.forget()
            raise _TryAgain("the part is not of this file", 0.0)

    def _receive(self, response: requests.Response, have: int) -> None:
        start, total = self._where(response, have)
        if start:
            mode = "ab"
        else:
            mode = "wb"  # also when the server ignores Range: what it sends then is the whole file
            self.note.write_text(json.dumps({"validator": _validator(response), "total": total}))
        done = start
        with self.part.open(mode) as handle:
            self.progress(done, total)
            for piece in response.raw.stream(PIECE, decode_content=False):
                handle.write(piece)
                done += len(piece)
                self.progress(done, total)
        if total is not None and done != total:
            if done > total:
                self.forget()
            raise _TryAgain("the connection was cut")

    def _where(self, response: requests.Response, have: int) -> tuple[int, int | None]:
        """Byte at which the answer begins, and the size of the whole file."""
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise FetchError("the server answers with a web page, perhaps to log in, and not with the file")
        if response.status_code != 206:
            return 0, _length(response)
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        total = int(found[2]) if found and found[2] != "*" else None
        if not found or int(found[1]) != have or total != (self._version().get("total") or total):
            self.forget()
            raise _TryAgain("the server continues at another byte", 0.0)
        return have, total


def _validator(response: requests.Response) -> str | None:
    """What If-Range takes: a strong ETag, else the date of the file."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")
