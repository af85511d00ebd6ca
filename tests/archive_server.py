"""A web server with a public archive's good and bad manners, for tests of ``python -m model fetch``."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class ArchiveServer:
    """Serves ``files`` (by path) with Range, If-Range and ETag; ``tricks`` are used up one a request of their path."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    tricks: dict[str, list[Callable[["Handler", bytes], None]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def add(self, path: str, content: bytes, *tricks: Callable[["Handler", bytes], None]) -> str:
        self.files[path] = content
        self.tricks[path] = list(tricks)
        return self.url + path

    def add_hashes(self, path: str, *paths: str, kind: str = "sha256") -> None:
        lines = [f"{hashlib.new(kind, self.files[p]).hexdigest()}  {p.rpartition('/')[2]}" for p in paths]
        self.add(path, "\n".join(lines).encode() + b"\n")

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        return [r for r in self.requests if (r.method, r.path) == (method, path)]


class Handler(BaseHTTPRequestHandler):
    archive: ArchiveServer

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(self.path).removeprefix("/")
        self.archive.requests.append(Request(self.command, path, dict(self.headers)))
        content = self.archive.files.get(path)
        if content is None:
            names = [p.rpartition("/")[2] for p in self.archive.files if p.rpartition("/")[0] + "/" == path]
            if not names:
                return self.reply(404)
            return self.reply(200, "".join(f'<a href="{n}">{n}</a>' for n in names).encode(), type_="text/html")
        if self.command == "GET" and self.archive.tricks.get(path):
            return self.archive.tricks[path].pop(0)(self, content)
        return self.whole_or_range(content)

    def reply(
        self, status: int, body: bytes = b"", length: int | None = None, type_: str = "application/fits", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def whole_or_range(self, content: bytes) -> None:
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if begin is None or self.headers.get("If-Range", etag) != etag:
            return self.reply(200, content, ETag=etag)
        start, n = int(begin[1]), len(content)
        if start >= n:
            return self.reply(416, Content_Range=f"bytes */{n}")
        return self.reply(206, content[start:], ETag=etag, Content_Range=f"bytes {start}-{n - 1}/{n}")


def cut(after: int) -> Callable[[Handler, bytes], None]:
    """Announce the whole file, send so many bytes of it, and close the connection."""

    def trick(handler: Handler, content: bytes) -> None:
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        handler.reply(200, content[:after], length=len(content), ETag=etag)

    return trick


def status(code: int, **headers: str) -> Callable[[Handler, bytes], None]:
    return lambda handler, content: handler.reply(code, **headers)


def ignore_range(handler: Handler, content: bytes) -> None:
    handler.reply(200, content)


def another_byte(handler: Handler, content: bytes) -> None:
    """Continue at byte 1, whatever was asked for, with as many bytes as were."""
    missing = len(content) - int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    handler.reply(206, content[1 : 1 + missing], Content_Range=f"bytes 1-{missing}/{len(content)}")


def only_a_piece(handler: Handler, content: bytes) -> None:
    """Continue where it was asked for, and end before the file does, without a mistake in the protocol."""
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    piece = content[start : start + 1000]
    handler.reply(206, piece, Content_Range=f"bytes {start}-{start + len(piece) - 1}/{len(content)}")


def silence(handler: Handler, content: bytes) -> None:
    """Announce the file, send the first bytes, and nothing more until the test ends."""
    handler.reply(200, content[:70_000], length=len(content))
    handler.wfile.flush()
    handler.archive.released.wait(30)


def damaged(handler: Handler, content: bytes) -> None:
    handler.reply(200, bytes(reversed(content)))


def log_in(handler: Handler, content: bytes) -> None:
    handler.reply(200, b"<html>Please log in</html>", type_="text/html; charset=utf-8")


def compressed(handler: Handler, content: bytes) -> None:
    """As web servers send .gz files: the file itself, called an encoding."""
    handler.reply(200, content, type_="text/plain", Content_Encoding="gzip")


def redirect(to: str) -> Callable[[Handler, bytes], None]:
    return lambda handler, content: handler.reply(302, Location=to)


@contextmanager
def serving() -> Iterator[ArchiveServer]:
    archive = ArchiveServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"archive": archive}))
    archive.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield archive
    finally:
        archive.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
