"""The budgets, and which of them a measurement breaks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# At least, of 100.
SCORES = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
# At most: milliseconds, milliseconds, a shift score, bytes.
MOST = {"lcp": 1500.0, "tbt": 200.0, "cls": 0.02, "bytes": 150_000.0}
# Bytes at most of pages with a large library, also once a reader has scrolled through them and the library is there.
WITH_READER = {"results": 550_000.0, "spectra": 550_000.0}
NAMES = {"lcp": "LCP", "tbt": "TBT", "cls": "CLS", "bytes": "first view", "used": "with a reader"}
UNITS = {"lcp": " ms", "tbt": " ms", "cls": "", "bytes": " bytes", "used": " bytes"}
MISSING_PAGE = "404"  # it is not to be found by search engines, which Lighthouse's SEO asks of every page


@dataclass
class Measured:
    """One page in one language, on one kind of screen, in one theme."""

    page: str  # "index", "zh/index"
    form: str  # "phone", "screen"
    scheme: str  # "light", "dark"
    scores: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)  # see MOST, and "used"
    axe: list[str] = field(default_factory=list)  # rule and element of each violation
    foreign: list[str] = field(default_factory=list)  # addresses of other hosts
    failed: list[str] = field(default_factory=list)  # audits of Lighthouse that cost points
    error: str = ""

    @property
    def slug(self) -> str:
        """The page without its language."""
        return self.page.rpartition("/")[2]

    def broken(self) -> list[str]:
        """Every budget that this page does not keep, in words; [] if it keeps all."""
        found = [self.error] if self.error else []
        for name, least in SCORES.items():
            if name == "seo" and self.slug == MISSING_PAGE:
                continue
            if self.scores.get(name, least) < least:
                found.append(f"{name} {self.scores[name]} < {least}")
        large = WITH_READER.get(self.slug)
        limits = MOST | ({"used": large, "bytes": large} if large else {})
        for name, most in limits.items():
            value = self.values.get(name, 0.0)
            if value > most:
                found.append(f"{NAMES[name]} {value:.{3 if name == 'cls' else 0}f}{UNITS[name]} > {most:g}")
        found += [f"axe: {one}" for one in self.axe]
        found += [f"another host: {one}" for one in self.foreign]
        return found


def merge(runs: Iterable[Measured]) -> Measured:
    """Several runs of the same page as one: the median of each value, every complaint of any of them."""
    runs = list(runs)
    first = runs[0]

    def middle(values: list[Any]) -> Any:
        return sorted(values)[len(values) // 2]

    return Measured(
        first.page,
        first.form,
        first.scheme,
        {k: middle([r.scores[k] for r in runs if k in r.scores]) for k in first.scores},
        {k: middle([r.values[k] for r in runs if k in r.values]) for k in first.values},
        sorted({one for r in runs for one in r.axe}),
        sorted({one for r in runs for one in r.foreign}),
        sorted({one for r in runs for one in r.failed}),
        first.error,
    )
