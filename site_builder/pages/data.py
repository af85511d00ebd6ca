"""data.html: every exported file, the run records, how to cite, how to publish one's own results."""

from dataclasses import dataclass
from typing import Any

from site_builder.citation import read_changes, read_citation
from site_builder.contract.schema import IndexEntry
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results, RunResults

PAGE = Page(
    slug="data",
    nav="Data",
    title="Data and provenance: every file behind these pages · SpecViT",
    description="Every exported file with schema, hash and download; run records; citing; publishing your own results.",
    template="pages/data.html.j2",
)
KINDS = {
    "interpolation": "error of the spectral grid",
    "instrument": "wavelengths and noise model",
    "run": "what was trained, how, on what, at what cost",
    "history": "training curves",
    "metrics": "metrics of every model with intervals",
    "predictions": "every answer, star by star",
    "example": "one star with its spectrum",
    "attention": "attention weights for one star",
    "limits": "the exact posterior and the Cramér-Rao bound on one set",
    "calibration": "where the truth falls in the stated distribution",
    "scaling": "accuracy against the number of distinct training spectra",
    "ablations": "one choice changed at a time",
    "stress": "spectra unlike those trained on",
}


@dataclass(frozen=True)
class Group:
    """Files of one run, or those that runs share."""

    title: str
    id: str
    entries: list[tuple[IndexEntry, Quantity]]

    @property
    def bytes(self) -> int:
        """Size of all files of the group."""
        return sum(entry.bytes for entry, _ in self.entries)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _groups(results: Results) -> list[Group]:
    entries = [
        (entry, Quantity(entry.bytes, (f"index.json#/files/{i}/bytes",))) for i, entry in enumerate(results.index.files)
    ]
    groups = [
        Group(run.run.title, f"files-{i}", [e for e in entries if e[0].path.startswith(f"runs/{run.name}/")])
        for i, run in enumerate(results.runs.values())
    ]
    shared = [e for e in entries if not e[0].path.startswith("runs/")]
    return [*groups, Group("Shared by the runs", "files-shared", shared)]


def _config(run: RunResults) -> list[tuple[str, Quantity]]:
    found = []
    for key, value in run.run.config.items():
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            found.append((key, run.q("/config/" + key.replace("~", "~0").replace("/", "~1"))))
    return found


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    citation = read_citation()
    return {
        "groups": _groups(results),
        "kinds": KINDS,
        "size": _size,
        "below": PUBLISHED_BELOW,
        "runs": [(run, run.run.provenance, _config(run)) for run in results.runs.values()],
        "main": results.index.main_run,
        "citation": citation,
        "changes": read_changes(),
        "version": results.index.schema_version,
    }
