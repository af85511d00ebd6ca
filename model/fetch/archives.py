"""The table of public archives (``archives.toml``), and the address of one file in it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from site_builder.contract import BadInput

TABLE = Path(__file__).with_name("archives.toml")


@dataclass(frozen=True)
class Remote:
    """One file of an archive.

    Attributes:
        url: where it is.
        path: where its copy goes, relative to the folder of downloads.
        megabytes: its typical size, 1e6 bytes.
        hashes: address of the archive's file of hashes; its last part is a pattern where it holds ``*``.
        may_be_missing: the archive has holes here, so that 404 is no failure.
    """

    url: str
    path: str
    megabytes: float
    hashes: str | None = None
    may_be_missing: bool = False


@dataclass(frozen=True)
class Product:
    """One kind of file of an archive; see ``archives.toml`` for the fields."""

    what: str
    path: str
    megabytes: float
    saved_as: str | None = None
    hashes: str | None = None


@dataclass(frozen=True)
class Archive:
    """One public archive; see ``archives.toml`` for the fields."""

    name: str
    title: str
    base: str
    licence: str
    credit: str
    documentation: str
    sources: tuple[str, ...]
    products: dict[str, Product]

    def remote(self, product: str, *, may_be_missing: bool = False, **values: object) -> Remote:
        """Address of one file; ``values`` fill the names in its path."""
        entry = self.products[product]
        path = entry.path.format(**values)
        folder = self.base + quote(path.rpartition("/")[0]) + "/"
        return Remote(
            url=self.base + quote(path),
            path=f"{self.name}/{(entry.saved_as or entry.path).format(**values)}",
            megabytes=entry.megabytes,
            hashes=None if entry.hashes is None else folder + entry.hashes.format(**values),
            may_be_missing=may_be_missing,
        )


@cache
def _table() -> dict[str, dict]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def archives() -> tuple[str, ...]:
    """Names of all archives."""
    return tuple(_table())


def archive(name: str, mirror: str | None = None) -> Archive:
    """One archive, at its own address or at that of a mirror.

    Raises:
        BadInput: the mirror is no address.
    """
    entry = dict(_table()[name])
    if mirror is not None:
        if not mirror.startswith(("http://", "https://")):
            raise BadInput(f"--mirror {mirror} is no address; give one that begins with http:// or https://.")
        entry["base"] = mirror.rstrip("/") + "/"
    products = {key: Product(**value) for key, value in entry.pop("products").items()}
    return Archive(name=name, products=products, **entry | {"sources": tuple(entry["sources"])})
