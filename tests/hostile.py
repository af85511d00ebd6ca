"""Hostile texts and files: what a results folder or a reader's file may hold, and how many were tried."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from site_builder.contract.schema import FILE_KINDS
from site_builder.results import Results

# Escaped on every page: tags, ends of attributes and scripts, template and entity syntax, addresses that run.
ESCAPED = (
    "</script><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "<!--<svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&lt;b&gt;&#0;&quot;",
    "javascript:alert(1)//",
    "../../etc/passwd",
)
# Refused by the check of texts: invisible characters, and more than a page can hold.
REFUSED = ("a\u0000b", "\u202egnp.exe\u202c", "a\u2066b", "\u200fa", "a\u001b[2Jb", "x" * 1_000_000)


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every text in parsed JSON: of lists the first entry only; provenance and hashes as well."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, list) and value:
        yield from places(value[0], (*place, 0))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*place, key))


def replaced(value: Any, place: tuple[str | int, ...], text: str) -> Any:
    """Parsed JSON with another text at a place."""
    if not place:
        return text
    if isinstance(value, list):
        return [replaced(v, place[1:], text) if i == place[0] else v for i, v in enumerate(value)]
    return {k: replaced(v, place[1:], text) if k == place[0] else v for k, v in value.items()}


def text_fields(results: Results) -> list[tuple[str, tuple[str | int, ...]]]:
    """(path, place) of every text field of every kind of file of the contract, once."""
    found: dict[tuple[str, tuple[str | int, ...]], tuple[str, tuple[str | int, ...]]] = {}
    for path, file in results.files.items():
        kind = str(type(file).model_fields["kind"].default)
        for place in places(file.model_dump(mode="json")):
            found.setdefault((kind, tuple("" if isinstance(p, int) else p for p in place)), (path, place))
    return list(found.values())


def with_text(results: Results, path: str, place: tuple[str | int, ...], text: str) -> Results:
    """Results with another text in one field.

    Raises:
        ValidationError: the contract does not take it.
    """
    content = replaced(results.files[path].model_dump(mode="json"), place, text)
    kind = str(type(results.files[path]).model_fields["kind"].default)
    changed = results.files | {path: FILE_KINDS[kind].model_validate(content)}
    return Results(results.root, results.index, changed, results.undrawn, results.places)


def card(text: str) -> bytes:
    return text.ljust(80).encode("ascii", "replace")


def header(*cards: str) -> bytes:
    raw = b"".join(map(card, (*cards, "END")))
    return raw + b" " * (-len(raw) % 2880)


PRIMARY = header("SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0")
HUGE = 10_000_000_000


def claims() -> dict[str, bytes]:
    """Files of a few kB whose headers claim 10 GB or more, by name."""
    table = ["XTENSION= 'BINTABLE'", "BITPIX  =                    8", "NAXIS   =                    2"]
    three = ["PCOUNT  =                    0", "GCOUNT  =                    1", "TFIELDS =                    3"]
    named = ["TTYPE1  = 'wave    '", "TTYPE2  = 'flux    '", "TTYPE3  = 'ivar    '"]
    doubles = [f"TFORM{i}  = 'D       '" for i in (1, 2, 3)]
    wide = [f"TFORM{i}  = '{HUGE // 24}D'" for i in (1, 2, 3)]
    packed = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 1"]
    packed += ["PCOUNT  = 0", "GCOUNT  = 1", "TFIELDS = 1", "TTYPE1  = 'COMPRESSED_DATA'", "TFORM1  = '1PB(8)'"]
    packed += ["ZIMAGE  = T", "ZCMPTYPE= 'RICE_1  '", "ZBITPIX = -64", "ZNAXIS  = 1"]
    packed += [f"ZNAXIS1 = {HUGE}", f"ZTILE1  = {HUGE}"]
    rows = PRIMARY + header(*table, "NAXIS1  = 24", f"NAXIS2  = {HUGE}", *three, *named, *doubles)
    return {
        "rows.fits": rows,
        "rows.fits.gz": gzip.compress(rows),
        "row.fits": PRIMARY + header(*table, f"NAXIS1  = {HUGE}", "NAXIS2  = 1", *three, *named, *wide),
        "heap.fits": PRIMARY
        + header(*table, "NAXIS1  = 24", "NAXIS2  = 1", f"PCOUNT  = {HUGE}", *three[1:], *named, *doubles),
        "image.fits": header("SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 2", f"NAXIS1  = {HUGE}", "NAXIS2  = 9")
        + b"\0" * 2880,
        "tiles.fits": PRIMARY + header(*packed) + b"\0" * 2880,
        "axes.fits": header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1000000000") + b"\0" * 2880,
        "shape.ecsv": (
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wave, datatype: float64}\n"
            f"# - {{name: flux, datatype: string, subtype: 'float64[{HUGE}]'}}\n# - {{name: ivar, datatype: float64}}\n"
            "wave flux ivar\n8000.0 [1.0] 1.0\n8001.0 [1.0] 1.0\n"
        ).encode(),
    }


def bomb(size: int = 1 << 30) -> bytes:
    """A gzip file of about a megabyte that unpacks to ``size`` bytes of a FITS file."""
    import io

    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as packed:
        packed.write(PRIMARY)
        for _ in range(size >> 24):
            packed.write(bytes(1 << 24))
    return out.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
