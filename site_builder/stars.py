"""Example stars as the interactive pages offer them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from site_builder import lines
from site_builder.contract.schema import AttentionFile, ExampleFile, InstrumentFile, SpectrumFile, WaveAxis
from site_builder.i18n import N_, _, said
from site_builder.markup import addresses
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW, Quantity, Results, RunResults

CLASS_ORDER = ("giant", "subgiant", "dwarf")
CLASS_TITLES = {"giant": N_("Giants"), "subgiant": N_("Subgiants"), "dwarf": N_("Dwarfs")}
_CLASSES = {"giant": N_("giants"), "subgiant": N_("subgiants"), "dwarf": N_("dwarfs")}
# Words of the contract that pages print with ``_``.
WORDS: tuple[str, ...] = (N_("giant"), N_("subgiant"), N_("dwarf"), N_("synthetic"), N_("observed"), N_("emulated"))
WORDS += (N_("cross-validated"), N_("independent"), N_("median"), N_("continuum"))


def class_word(name: str, form: str) -> str:
    """A class of stars: "many" (giants) or "Many" (Giants); a name that is no class stays as it is."""
    return _((CLASS_TITLES if form == "Many" else _CLASSES).get(name, name))


@dataclass(frozen=True)
class Star:
    """One example with the run that it belongs to."""

    results: Results
    run: RunResults
    file: ExampleFile

    @property
    def key(self) -> str:
        """Name of the star in links: run and star."""
        return f"{self.run.name}/{self.file.id}"

    @property
    def path(self) -> str:
        """Path of the contract file within the results folder."""
        return self.run.file(f"examples/{self.file.id}.json")

    @property
    def url(self) -> str:
        """Address of the contract file in the site."""
        return PUBLISHED_BELOW + self.path

    @property
    def instrument(self) -> InstrumentFile:
        """The instrument that the star is seen with."""
        return self.results.instruments[self.file.instrument]

    @property
    def instrument_path(self) -> str:
        """Path of the instrument's contract file."""
        return self.results.path_of(self.instrument)

    @property
    def attention(self) -> AttentionFile | None:
        """Attention weights for this star, where they were exported."""
        return self.run.attention.get(self.file.id)

    @property
    def attention_path(self) -> str:
        """Path of the attention file within the results folder."""
        return self.run.file(f"attention/{self.file.id}.json")

    @property
    def attribution_path(self) -> str:
        """Path of the file of where the answer comes from."""
        return self.run.file(f"attribution/{self.file.id}.json")

    @property
    def label(self) -> str:
        """Text of the star in a list to choose from."""
        f = self.file
        mh = f"{f.mh:+.2f}".replace("-", "\u2212")
        return _(
            "{title}: log g {logg}, {teff} K, [M/H] {mh}",
            title=said(f.title),
            logg=f"{f.logg:.2f}",
            teff=f"{f.teff:.0f}",
            mh=mh,
        )

    @property
    def sources(self) -> str:
        """Addresses of the numbers of ``label``, in their order."""
        return addresses(*(self.q(pointer) for pointer in ("/logg", "/teff", "/mh")))

    @property
    def kind(self) -> str:
        """Origin and class in words."""
        return _("{origin} {kind}", origin=_(self.file.origin), kind=_(self.file.star_class))

    def q(self, pointer: str) -> Quantity:
        """A value of the example file."""
        return self.results.quantity(self.path, pointer)


@dataclass(frozen=True)
class Loose:
    """A spectrum of any survey that belongs to no run: to look at, without an answer, with labels or without."""

    results: Results
    file: SpectrumFile

    @property
    def key(self) -> str:
        """Name of the spectrum in links."""
        return f"spectra/{self.file.id}"

    @property
    def path(self) -> str:
        """Path of the contract file within the results folder."""
        return f"spectra/{self.file.id}.json"

    @property
    def url(self) -> str:
        """Address of the contract file in the site."""
        return PUBLISHED_BELOW + self.path

    @property
    def label(self) -> str:
        """Text of the spectrum in a list to choose from."""
        f = self.file
        about = said(f.what) if f.logg is None else f"log g {f.logg:.2f}, {f.teff:.0f} K"
        return _("{survey}: {title} ({about})", survey=said(f.survey), title=said(f.title), about=about)

    @property
    def sources(self) -> str:
        """Addresses of the numbers of ``label``, in their order."""
        return "" if self.file.logg is None else addresses(self.q("/logg"), self.q("/teff"))

    @property
    def kind(self) -> str:
        """Origin and what it is of, in words."""
        f = self.file
        kind = said(f.what).removeprefix("a ") if f.star_class == "unknown" else _(f.star_class)
        return _("{origin} {kind}", origin=_(f.origin), kind=kind)

    def q(self, pointer: str) -> Quantity:
        """A value of the file."""
        return self.results.quantity(self.path, pointer)


def loose_spectra(results: Results) -> list[Loose]:
    """Every loose spectrum: observed ones first, then emulated and computed ones, by survey."""
    order = {"observed": 0, "emulated": 1, "synthetic": 2}
    found = [Loose(results, file) for file in results.spectra.values()]
    return sorted(found, key=lambda s: (order[s.file.origin], s.file.survey, s.file.id))


def all_stars(results: Results) -> list[Star]:
    """Every example, by run (the main run first), class and gravity."""
    stars = [Star(results, run, file) for run in results.runs.values() for file in run.examples.values()]
    runs = list(results.runs)
    return sorted(
        stars, key=lambda s: (runs.index(s.run.name), CLASS_ORDER.index(s.file.star_class), s.file.logg, s.key)
    )


def options(stars: list[Star]) -> list[dict[str, Any]]:
    """Stars for a <select>: one group per run and class, the run named where there are several."""
    several = len({s.run.name for s in stars}) > 1
    groups: dict[str, list[Star]] = {}
    for star in stars:
        name = star.file.star_class
        title = class_word(name, "Many")
        if several:
            title = _("{run}: {kind}", run=said(star.run.run.title), kind=class_word(name, "many"))
        groups.setdefault(title, []).append(star)
    return [{"title": title, "stars": members} for title, members in groups.items()]


def wavelengths(axis: WaveAxis) -> np.ndarray:
    """Wavelengths of an axis, vacuum Angstrom, shape (n,)."""
    values = axis.start + axis.step * np.arange(axis.n)
    return 10.0**values if axis.scale == "log10" else values


def wavelength_at(axis: WaveAxis, pixel: float) -> float:
    """Wavelength at a fractional pixel (edges lie at k - 1/2), vacuum Angstrom."""
    value = axis.start + axis.step * pixel
    return float(10.0**value if axis.scale == "log10" else value)


def lines_of(axis: WaveAxis, groups: tuple[str, ...] | None = None) -> list[dict[str, object]]:
    """Named lines within an axis, as scripts read them; of some groups only, if given."""
    found = lines.for_browser(wavelength_at(axis, -0.5), wavelength_at(axis, axis.n - 0.5))
    return [line for line in found if groups is None or line["group"] in groups]


def seen_by(star: Star | Loose) -> dict[str, Any]:
    """What scripts must know of the instrument: the unit of flux, and bands that the network does not see."""
    if isinstance(star, Loose):
        return {"unit": _("flux / {by}", by=_(star.file.normalisation)), "masked": []}
    return {
        "unit": _("flux / {by}", by=_(star.instrument.normalisation)),
        "masked": [list(b) for b in star.instrument.masked],
    }


def publish_lines(site: Site) -> str:
    """Put the list of lines, with sources, into the site and return its address."""
    groups, found = lines.load()
    return site.publish_json("lines.json", {"groups": [asdict(g) for g in groups], "lines": [asdict(x) for x in found]})


def paths_by_run(stars: list[Star]) -> dict[str, list[str]]:
    """Contract files behind a page's stars, by run: what its source marks open."""
    out: dict[str, list[str]] = {}
    for star in stars:
        files = [star.path] + ([star.attention_path] if star.attention is not None else [])
        files += [star.attribution_path] if star.file.id in star.run.attribution else []
        out.setdefault(star.run.name, []).extend(files)
    return out
