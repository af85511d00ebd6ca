"""The hashes that an archive publishes, as pooch takes them (``sha256:...``)."""

import fnmatch
import re
from urllib.parse import unquote, urljoin

import requests

from model.fetch.archives import Remote
from model.fetch.download import FetchError, Manners, read_text

KINDS = {32: "md5", 40: "sha1", 64: "sha256"}  # by number of hexadecimal digits
LINE = re.compile(r"(?P<hash>[0-9A-Fa-f]{32,64}) [ *](?P<name>.+)")  # as sha256sum writes it
NONE_THERE = (403, 404, 410)


def parse(text: str) -> dict[str, str]:
    """Hashes by path, as a file of hashes lists them; lines of another form are passed over."""
    found = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line.strip())
        if match and len(match["hash"]) in KINDS:
            found[match["name"].removeprefix("./")] = f"{KINDS[len(match['hash'])]}:{match['hash'].lower()}"
    return found


class HashFiles:
    """Files of hashes, each read once."""

    def __init__(self, session: requests.Session, manners: Manners) -> None:
        self.session = session
        self.manners = manners
        self.read: dict[str, dict[str, str]] = {}

    def of(self, remote: Remote) -> str | None:
        """Published hash of a file; None where the archive has no file of hashes, or does not list this file.

        Raises:
            FetchError: the archive does not answer.
        """
        if remote.hashes is None:
            return None
        if remote.hashes not in self.read:
            self.read[remote.hashes] = self._load(remote.hashes)
        path = unquote(remote.url)
        names = [name for name in self.read[remote.hashes] if path.endswith("/" + name.rpartition("/")[2])]
        names = [name for name in names if path.endswith("/" + name)] or names
        return self.read[remote.hashes][max(names, key=len)] if names else None

    def _load(self, url: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for address in self._listed(url) if "*" in url else [url]:
            found |= parse(self._text(address))
        return found

    def _listed(self, pattern: str) -> list[str]:
        """Addresses in the web server's listing of a folder that fit a pattern."""
        folder, _, name = pattern.rpartition("/")
        links = re.findall(r'href="([^"?#/]+)"', self._text(folder + "/"))
        return [urljoin(folder + "/", link) for link in links if fnmatch.fnmatch(unquote(link), name)]

    def _text(self, url: str) -> str:
        try:
            return read_text(url, self.session, self.manners)
        except FetchError as error:
            if error.status in NONE_THERE:
                return ""
            raise
