"""Damaged files for every reader: what became of them (counts of `make fuzz`)."""

import json

from common import ROOT, Section

STATE = ROOT / "fuzz.json"
READERS = {
    "spectra": "FITS files for `predict`",
    "text": "CSV and ECSV files for `predict`",
    "surveys": "FITS files as the surveys give them",
    "catalogues": "catalogues that are joined to spectra",
    "configs": "recipes in TOML",
    "contract": "files of a results folder, one by one",
    "results": "a results folder with one such file, loaded and checked",
}


def measure() -> Section:
    section = Section(
        "Damaged files",
        "Whole files with bytes, cards, words and numbers changed, cut, repeated or replaced by noise (`make fuzz`, "
        "`tests/fuzz.py`; each case can be made again from its number). A reader must give content that is finite and "
        "in order, or one sentence; lost is what raised anything else, warned, hung or took memory.",
        ["reader", "files", "read", "refused in one sentence", "lost", "processor minutes"],
    )
    total = [0, 0, 0, 0, 0.0]
    for target, found in json.loads(STATE.read_text()).items():
        lost = len(found["failed"])
        row = [found["next"], found["read"], found["refused"], lost, found["seconds"]]
        total = [a + b for a, b in zip(total, row, strict=True)]
        section.rows.append(_row(READERS[target], row))
    section.rows.append(_row("all", total))
    section.note = "What such runs found is mended, and stands in `tests/test_fuzz.py` with the file that showed it."
    return section


def _row(name: str, counts: list[float]) -> list[str]:
    *whole, seconds = counts
    return [name, *(f"{n:.0f}" for n in whole), f"{seconds / 60:.1f}"]
