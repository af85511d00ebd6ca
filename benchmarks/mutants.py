"""Faults put into the consistency checks: how many their tests notice (counts of `python -m tests.mutate`)."""

import json
import re

from common import ROOT, Section

STATE = ROOT / "mutants.json"
SAME_BUT_EQUAL = ({"<", "<="}, {">", ">="})  # comparisons that differ for equal numbers only


def at_equality(fault: str) -> bool:
    """Whether a fault turns a comparison into the one that differs for two equal numbers only."""
    before, _, after = fault.partition(": ")[2].partition(" -> ")
    signs = [re.findall(r"[<>]=?", side) for side in (before, after)]
    differ = [{a, b} for a, b in zip(*signs, strict=False) if a != b]
    return len(differ) == 1 and differ[0] in SAME_BUT_EQUAL


def measure() -> Section:
    section = Section(
        "Faults in the consistency checks",
        "Each comparison, connective, number and refusal of these modules of `site_builder/checks/` is changed once, "
        "by itself (`python -m tests.mutate --state mutants.json`). A fault is noticed if the made-up results, or "
        "those that are just allowed, are refused, or if broken results are not, or with other words.",
        [
            "module",
            "broken results",
            "faults",
            "noticed",
            "share",
            "left: differs for equal numbers only",
            "left: other",
        ],
    )
    total = [0] * 5
    for module, found in json.loads(STATE.read_text()).items():
        left = found["survivors"]
        equal = sum(map(at_equality, left))
        row = [found["broken"], found["faults"], found["faults"] - len(left), equal, len(left) - equal]
        total = [a + b for a, b in zip(total, row, strict=True)]
        section.rows.append(_row(f"`{module}.py`", row))
    section.rows.append(_row("all", total))
    without = sum(
        ": without " in fault for found in json.loads(STATE.read_text()).values() for fault in found["survivors"]
    )
    section.note = (
        f"Refusals that can be left out unnoticed: {without}. What differs for equal numbers only compares rounded or "
        "measured numbers with a tolerance or an edge, which meet it exactly in none of these results. The others make "
        "a tolerance wider, or change conditions that another part of the same line or a later check also holds."
    )
    return section


def _row(name: str, counts: list[int]) -> list[str]:
    broken, faults, noticed, equal, other = counts
    return [name, str(broken), str(faults), str(noticed), f"{100 * noticed / faults:.0f} %", str(equal), str(other)]
