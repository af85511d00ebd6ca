"""data.html: every exported file, the run records, how to cite, how to publish one's own results."""

from dataclasses import dataclass
from typing import Any

from site_builder.cards import cards
from site_builder.citation import cite, read_changes, read_corrections
from site_builder.contract.schema import IndexEntry, Provenance
from site_builder.figures.label_counts import draw_labels
from site_builder.i18n import N_, _, said
from site_builder.pages.base import Page
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results

PAGE = Page(
    slug="data",
    nav=N_("Data"),
    title=N_("Data and provenance: every file behind these pages · SpecViT"),
    description=N_(
        "Every exported file with schema, hash and download; run records; citing; publishing your own results."
    ),
    template="pages/data.html.j2",
)
KINDS = {
    "interpolation": N_("error of the spectral grid"),
    "instrument": N_("wavelengths and noise model"),
    "run": N_("what was trained, how, on what, at what cost"),
    "history": N_("training curves"),
    "metrics": N_("metrics of every model with intervals"),
    "predictions": N_("every answer, star by star"),
    "example": N_("one star with its spectrum"),
    "attention": N_("attention weights for one star"),
    "attribution": N_("where the answer for one star comes from"),
    "faithfulness": N_("what attention is worth: against deletion, and against chance"),
    "limits": N_("the exact posterior and the Cramér-Rao bound on one set"),
    "calibration": N_("where the truth falls in the stated distribution"),
    "scaling": N_("accuracy against the number of distinct training spectra"),
    "ablations": N_("one choice changed at a time"),
    "stress": N_("spectra unlike those trained on"),
    "transfer": N_("from synthetic to real stars, three strategies, star by star"),
    "spectrum": N_("one spectrum of a survey, to look at"),
    "network": N_("the network as an ONNX file, as the browser runs it"),
    "pairs": N_("models against each other on the same stars"),
}


@dataclass(frozen=True)
class Group:
    """Files of one run, or those that runs share."""

    title: str
    id: str
    all: list[tuple[IndexEntry, Quantity]]
    unlisted: frozenset[str]  # paths of the stars that no page draws: index.json lists them

    @property
    def below(self) -> str:
        """First parts of the paths of its files, as a rule names them."""
        run = {"/".join(e.path.split("/")[:2]) + "/" if e.path.startswith("runs/") else e.path.split("/")[0]
               for e, _ in self.all}  # fmt: skip
        return " ".join(sorted(run))

    @property
    def count(self) -> Quantity:
        """Number of files."""
        return Quantity(len(self.all), ("index.json#/files",), f"files {self.below}")

    @property
    def size(self) -> Quantity:
        """``bytes`` with its place."""
        return Quantity(self.bytes, ("index.json#/files",), f"bytes {self.below}")

    @property
    def entries(self) -> list[tuple[IndexEntry, Quantity]]:
        """The files that the page lists."""
        return [one for one in self.all if one[0].path not in self.unlisted]

    @property
    def bytes(self) -> int:
        """Size of all files of the group."""
        return sum(entry.bytes for entry, _ in self.all)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _groups(results: Results) -> list[Group]:
    entries = [
        (entry, Quantity(entry.bytes, (f"index.json#/files/{i}/bytes",))) for i, entry in enumerate(results.index.files)
    ]
    unlisted = frozenset(entry.path for entry in results.undrawn)
    groups = [
        Group(run.run.title, f"files-{i}", [e for e in entries if e[0].path.startswith(f"runs/{run.name}/")], unlisted)
        for i, run in enumerate(results.runs.values())
    ]
    loose = {"transfer": _("Transfer experiments"), "spectra": _("Spectra of other surveys")}
    for folder, title in loose.items():
        if own := [e for e in entries if e[0].path.startswith(f"{folder}/")]:
            groups.append(Group(title, f"files-{folder}", own, unlisted))
    shared = [e for e in entries if e[0].path.split("/")[0] not in ("runs", *loose)]
    return [*groups, Group(_("Shared by the runs"), "files-shared", shared, unlisted)]


@dataclass(frozen=True)
class Record:
    """What one run or transfer experiment was made with."""

    results: Results
    title: str
    path: str
    config: dict[str, Any]

    @property
    def provenance(self) -> Provenance:
        """Where the numbers of its files come from."""
        return self.results.provenance(self.path)

    def q(self, pointer: str) -> Quantity:
        """A value of its file."""
        return self.results.quantity(self.path, pointer)

    @property
    def settings(self) -> list[tuple[str, Quantity]]:
        """The configuration, number by number and word by word."""
        plain = {k: v for k, v in self.config.items() if isinstance(v, int | float | str) and not isinstance(v, bool)}
        return [(key, self.q("/config/" + key.replace("~", "~0").replace("/", "~1"))) for key in plain]


def _records(results: Results) -> list[Record]:
    runs = [Record(results, run.run.title, run.path, run.run.config) for run in results.runs.values()]
    tried = [
        Record(results, _("Transfer: {title}", title=said(f.title)), f"transfer/{name}.json", f.config)
        for name, f in results.transfers.items()
    ]
    loose = [Record(results, _("Spectra of other surveys"), f"spectra/{name}.json", {}) for name in results.spectra]
    return [*runs, *tried, *loose[:1]]


def context(results: Results, site: Site) -> dict[str, Any]:
    """Variables of the template."""
    citation = cite(site.own.config)
    cards_of_these = {n: site.publish(f"data/{n}", text.encode()) for n, text in cards(results).items()}
    return {
        "cards": cards_of_these,
        "groups": _groups(results),
        "kinds": KINDS,
        "size": _size,
        "below": PUBLISHED_BELOW,
        "records": _records(results),
        "labels": [(run, draw_labels(site, run)) for run in results.runs.values()],
        "main": results.index.main_run,
        "citation": citation,
        "changes": read_changes(),
        "corrections": read_corrections() if site.own.is_specvit else None,  # of these pages, not of another site
        "version": Quantity(results.index.schema_version, ("index.json#/schema_version",)),
    }
