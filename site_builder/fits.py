"""FITS binary tables, as far as one spectrum needs them (FITS standard 4.0, sections 4 and 7.3).

Written here so that the builder needs no astropy; a test reads the files with it.
"""

from collections.abc import Mapping

import numpy as np

BLOCK = 2880
CARD = 80


def _card(key: str, value: str | int | float | bool, comment: str = "") -> str:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        plain = "".join(c if 32 <= ord(c) < 127 else "?" for c in value)[:60]
        text = "'" + plain.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value!r:>20}".upper()  # the standard's exponents are E
    return f"{key:<8}= {text}{f' / {comment}' if comment else ''}"[:CARD].ljust(CARD)


def _header(cards: list[str]) -> bytes:
    text = "".join([*cards, "END".ljust(CARD)])
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


def table(columns: Mapping[str, tuple[np.ndarray, str]], keywords: Mapping[str, str | int | float]) -> bytes:
    """A FITS file with one binary table.

    Args:
        columns: name -> (values of equal length, unit); float64 stays double, all else becomes single precision.
        keywords: of the table's header, at most 8 capital letters each.
    """
    kinds = {name: (">f8", "1D") if v.dtype == np.float64 else (">f4", "1E") for name, (v, _) in columns.items()}
    rows = np.empty(len(next(iter(columns.values()))[0]), dtype=[(name, kinds[name][0]) for name in columns])
    for name, (values, _) in columns.items():
        rows[name] = values
    data = rows.tobytes()
    primary = [_card("SIMPLE", True), _card("BITPIX", 8), _card("NAXIS", 0), _card("EXTEND", True)]
    cards = [
        _card("XTENSION", "BINTABLE"),
        _card("BITPIX", 8),
        _card("NAXIS", 2),
        _card("NAXIS1", rows.itemsize),
        _card("NAXIS2", len(rows)),
        _card("PCOUNT", 0),
        _card("GCOUNT", 1),
        _card("TFIELDS", len(columns)),
    ]
    for i, (name, (_, unit)) in enumerate(columns.items(), 1):
        cards += [_card(f"TTYPE{i}", name), _card(f"TFORM{i}", kinds[name][1])]
        cards += [_card(f"TUNIT{i}", unit)] if unit else []
    cards += [_card(key, value) for key, value in keywords.items()]
    return _header(primary) + _header(cards) + data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")
