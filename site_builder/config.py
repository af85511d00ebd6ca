"""What a site says of itself: name, authors, citation, links, logo, accent colour; one file, ``site.toml``.

Every field may be left out. Colours are held to WCAG 2.2 (success criterion 1.4.3): text of the accent colour needs a
contrast of 4.5 to the page, in both themes.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from site_builder import design
from site_builder.contract import BadInput
from site_builder.contract.base import Strict
from site_builder.contract.io import read_bytes, sentence

CONTRAST = 4.5
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Address = Annotated[str, Field(pattern=r"^https?://[^\s\"'<>]+$", max_length=500)]
KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"<svg": "svg", b"<?xml": "svg"}


class Link(Strict):
    """A link in the footer of every page."""

    text: Line = Field(description="what it says")
    url: Address = Field(description="where it leads, http or https")


class Accent(Strict):
    """The colour of links, marks and what is chosen."""

    light: Colour = Field(description="on the light page, as #rrggbb")
    dark: Colour | None = Field(
        default=None, description="on the dark page; left out: the light one, made as bright as it must be"
    )


class Cite(Strict):
    """How to cite the site; what is left out comes from CITATION.cff."""

    title: Line | None = Field(default=None, description="title of the entry")
    author: Line | None = Field(default=None, description="authors of the entry, as BibTeX has them")
    version: Line | None = Field(default=None, description="version that is cited")
    date: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$", description="date of that version")
    url: Address | None = Field(default=None, description="address of the code or the paper")
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]+$")] | None = Field(
        default=None, description="key of the BibTeX entry"
    )


class SiteConfig(Strict):
    """``site.toml``."""

    name: Line = Field(default="SpecViT", description="name of the site, at the top of every page")
    headline: Line | None = Field(default=None, description="heading of the home page")
    description: Annotated[str, Field(min_length=40, max_length=180)] | None = Field(
        default=None, description="one sentence for search engines and cards, 40 to 180 characters"
    )
    authors: list[Line] = Field(default=[], description="who made it, in the footer of every page")
    citation: Cite = Field(default=Cite(), description="how to cite it")
    links: list[Link] = Field(default=[], description="links in the footer, for example to code and paper")
    logo: Line | None = Field(default=None, description="SVG or PNG file, at most 100 kB, relative to this file")
    accent: Accent | None = Field(default=None, description="accent colour")
    results: list[Line] = Field(default=[], description="results folders, relative to this file (--results overrules)")
    out: Line | None = Field(default=None, description="folder of the site, relative to this file (--out overrules)")
    base_url: Address | None = Field(default=None, description="address of the site (--base-url overrules)")


class Own:
    """A validated configuration with what it refers to: colours, and the logo's content."""

    def __init__(self, config: SiteConfig | None = None, path: Path | None = None) -> None:
        """Check colours and read the logo.

        Raises:
            BadInput: one sentence that names the field and the mend.
        """
        self.config = config or SiteConfig()
        self.path = path
        self.colours = _colours(self.config.accent, path) if self.config.accent else ({}, {})
        self.logo = _logo(self.config.logo, path) if self.config.logo and path else None

    @classmethod
    def read(cls, path: Path) -> "Own":
        """Read ``site.toml``.

        Raises:
            BadInput: not there, no TOML, or a field that is wrong.
        """
        try:
            values: dict[str, Any] = tomllib.loads(read_bytes(path, "give the path of a site.toml").decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} is no TOML ({str(error).rstrip('.')}); correct it.") from None
        try:
            config = SiteConfig.model_validate(values)
        except ValidationError as error:
            raise BadInput(f"{path}: {sentence(error)}; correct it.") from None
        return cls(config, path)

    @property
    def is_specvit(self) -> bool:
        """True if the site has SpecViT's own name, which is set in two colours."""
        return self.config.name == "SpecViT"

    def titled(self, title: str) -> str:
        """The title of a page with the name of this site in it."""
        if title.endswith("· SpecViT"):
            return title.removesuffix("SpecViT") + self.config.name
        if self.is_specvit:
            return title
        return f"{self.config.name}: {self.config.headline}" if self.config.headline else self.config.name

    def folder(self, name: str) -> Path:
        """A path of the file, as seen from where the file lies."""
        return (self.path.parent if self.path else Path()) / name

    def css(self) -> str:
        """Custom properties that differ from those of the design."""
        light, dark = ("".join(f"--{k}:{v};" for k, v in theme.items()) for theme in self.colours)
        if not light:
            return ""
        return (
            f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
            f":root[data-theme=dark]{{{dark}}}\n"
        )

    def key(self) -> str:
        """What drawings depend on."""
        return f"{self.config.name}|{self.config.headline}"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """``colour`` with so large a share of ``other``."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


GROUNDS = ("paper", "paper-2", "paper-3")


def _worst(colour: str, theme: dict[str, str]) -> float:
    return min(contrast(colour, theme[ground]) for ground in GROUNDS)


def readable(colour: str, theme: dict[str, str], towards: str) -> str:
    """The colour, moved as little towards black or white as its contrast to the page needs."""
    steps = (mixed(colour, towards, i / 50) for i in range(51))
    return next(one for one in steps if _worst(one, theme) >= CONTRAST)


def _colours(accent: Accent, path: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    out = []
    for name, given, theme, towards in (
        ("light", accent.light, design.LIGHT, "#000000"),
        ("dark", accent.dark, design.DARK, "#ffffff"),
    ):
        if given is None:
            given = readable(accent.light, theme, towards)
        found = _worst(given, theme)
        if found < CONTRAST:
            raise BadInput(
                f"{path}: field accent.{name}: {given} has a contrast of {found:.1f} to the {name} page where "
                f"{CONTRAST} is needed; {readable(given, theme, towards)} would do."
            )
        out.append({"accent": given, "link": given, "accent-soft": mixed(theme["paper"], given, 0.14)})
    return out[0], out[1]


def _logo(name: str, path: Path) -> tuple[str, bytes]:
    """Kind and content of the logo.

    Raises:
        BadInput: not there, outside of the folder of the file, too large, or neither SVG nor PNG.
    """
    file = path.parent / name
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise BadInput(f"{path}: field logo: {name} lies outside of the folder of {path.name}; put it inside.")
    content = read_bytes(file, f"correct the field logo of {path}")
    kind = next((kind for start, kind in KINDS.items() if content.lstrip()[: len(start)] == start), None)
    if kind is None or len(content) > 100_000:
        raise BadInput(f"{path}: field logo: {name} is no SVG or PNG file of at most 100 kB; give another.")
    if kind == "svg" and re.search(rb"<script|\son\w+\s*=|javascript:|<foreignObject|<!ENTITY", content, re.IGNORECASE):
        raise BadInput(f"{path}: field logo: {name} holds scripts; give a plain drawing.")
    return kind, content
