"""The report of an audit, as Markdown."""

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from audit.budgets import MOST, SCORES, WITH_READER, Measured

COLUMNS = [
    "page",
    "on a",
    "performance",
    "accessibility",
    "best practices",
    "SEO",
    "LCP (s)",
    "TBT (ms)",
    "CLS",
    "first view (kB)",
    "with a reader (kB)",
    "axe",
]
INTRODUCTION = """\
Written by `make audit`, which builds the site from `results/`, serves it gzipped below a sub-path on the loopback
interface and measures every page with Lighthouse (its simulated slow phone and its desktop, in both themes) and with
axe (all tabs, tables and charts open, both themes). Speed is that of the light theme, with nothing stored yet; where
one run was beyond a budget, the median of three counts. A first view is what a page transfers while nobody does
anything; "with a reader" is what it takes once somebody has scrolled through it.
"""


@dataclass(frozen=True)
class Audit:
    """All that was measured, when, and with what."""

    date: datetime.date
    tools: dict[str, str]
    measured: list[Measured]

    def broken(self) -> list[str]:
        """Every budget that is not kept, with its page."""
        return [f"{where(one)}: {what}" for one in self.measured for what in one.broken()]

    def markdown(self) -> str:
        """The report."""
        broken = self.broken()
        verdict = (
            "Every page is within every budget."
            if not broken
            else "Not within budget:\n\n" + "\n".join(f"- {one}" for one in broken)
        )
        tools = ", ".join(f"{name} {version}" for name, version in self.tools.items())
        rows = [COLUMNS, ["---"] * len(COLUMNS), _budgets(), *map(_row, _by_page(self.measured))]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        head = f"# How fast and how accessible every page is\n\n{INTRODUCTION}\n{self.date}; {machine()}; {tools}."
        return f"{head}\n\n{verdict}\n\n{table}\n"


def machine() -> str:
    """Processor and cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def where(one: Measured) -> str:
    """A page in words."""
    return f"{one.page}, {one.form}, {one.scheme}"


def line(one: Measured) -> str:
    """One measurement on one line, for the terminal."""
    scores = "/".join(str(one.scores.get(name, "-")) for name in SCORES)
    values = ", ".join(f"{k} {v:.{3 if k == 'cls' else 0}f}" for k, v in one.values.items())
    failed = f"; {', '.join(one.failed)}" if one.failed else ""
    return f"{where(one)}: {scores}; {values}; axe {len(one.axe)}{failed} {'; '.join(one.broken()) or 'ok'}"


def _budgets() -> list[str]:
    largest = f"{max(WITH_READER.values()) / 1000:.0f} ({', '.join(WITH_READER)})"
    speed = [f"{MOST['lcp'] / 1000:.1f}", f"{MOST['tbt']:.0f}", f"{MOST['cls']:g}", f"{MOST['bytes'] / 1000:.0f}"]
    return ["*budget*", "", *(str(least) for least in SCORES.values()), *speed, largest, "0"]


def _by_page(measured: list[Measured]) -> list[list[Measured]]:
    """What belongs on one row: both themes of a page on one kind of screen."""
    rows: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        rows.setdefault((one.page, one.form), []).append(one)
    return list(rows.values())


def _row(themes: list[Measured]) -> list[str]:
    """The worst of both themes."""
    first = themes[0]

    def worst(name: str) -> str:
        scores = [one.scores[name] for one in themes if name in one.scores]
        return str(min(scores)) if scores else "–"

    def value(name: str, scale: float, digits: int) -> str:
        values = [one.values[name] for one in themes if name in one.values]
        return f"{max(values) / scale:.{digits}f}" if values else "–"

    speed = [value("lcp", 1000, 2), value("tbt", 1, 0), value("cls", 1, 3), value("bytes", 1000, 0)]
    axe = sum(len(one.axe) for one in themes)
    return [first.page, first.form, *map(worst, SCORES), *speed, value("used", 1000, 0), str(axe)]
