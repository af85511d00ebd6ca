"""Colour, type and spacing tokens: the one source for CSS, Plotly, Bokeh, matplotlib and canvas.

CSS gets them as custom properties (``css()``), JavaScript reads those, Python figures draw with
``paint(name)``: a stand-in colour that ``markup`` turns into ``var(--name)``, so that one SVG serves
both themes. The accent is the deep red at the edge of vision, where the band of the spectra begins.
"""

from dataclasses import dataclass

LIGHT: dict[str, str] = {
    "paper": "#fbf9f4",
    "paper-2": "#f3efe6",
    "paper-3": "#e9e3d6",
    "ink": "#1c1a17",
    "ink-2": "#4b463e",
    "ink-3": "#6a645a",
    "rule": "#d8d1c2",
    "rule-strong": "#8d8576",
    "grid": "#e6e0d3",
    "accent": "#9c1a20",
    "accent-soft": "#f3dcd6",
    "link": "#8f171d",
    "focus": "#1f5fae",
    "flux": "#2b2723",
    "flux-noisy": "#8a8172",
    "band": "#d9b9ae",
    "specvit": "#b3202a",
    "published": "#a8476f",
    "mlp": "#2a5b9c",
    "lightgbm": "#137a6c",
    "ridge": "#9a6700",
    "svr": "#4f6b14",
    "cnn": "#75469a",
    "template": "#5f5343",
    "other": "#2f6b3a",
    "mean": "#77726a",
    "bayes": "#1c1a17",
    "crlb": "#56646f",
    "giant": "#b4481a",
    "subgiant": "#7d6f00",
    "dwarf": "#3546a8",
    "sky": "#5b7f95",
    "ok": "#2c6e49",
    "warn": "#8a5a00",
}
DARK: dict[str, str] = {
    "paper": "#0d1118",
    "paper-2": "#141a24",
    "paper-3": "#1e2632",
    "ink": "#ece8df",
    "ink-2": "#c3beb3",
    "ink-3": "#9a968d",
    "rule": "#2b3442",
    "rule-strong": "#6d7685",
    "grid": "#1f2835",
    "accent": "#ff8370",
    "accent-soft": "#3a1d1f",
    "link": "#ff9583",
    "focus": "#8fc0ff",
    "flux": "#efe9dc",
    "flux-noisy": "#7d8794",
    "band": "#5a3634",
    "specvit": "#ff7b6b",
    "published": "#f0a6c0",
    "mlp": "#82b2f2",
    "lightgbm": "#58c7b3",
    "ridge": "#e3b04b",
    "svr": "#aed06a",
    "cnn": "#c99ce8",
    "template": "#c4b19a",
    "other": "#8fd694",
    "mean": "#a09b91",
    "bayes": "#ece8df",
    "crlb": "#9fb0bf",
    "giant": "#ff9b6a",
    "subgiant": "#d9c84a",
    "dwarf": "#93a4ff",
    "sky": "#86aec6",
    "ok": "#7fcf9f",
    "warn": "#e6b85c",
}

# Chinese has no font of its own here (they weigh megabytes): the system's, after ours for Latin and figures.
CJK = '"PingFang SC", "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei"'
SERIF = '"Spectral", "Iowan Old Style", "Palatino Linotype", Georgia, serif'
SANS = f'"SpecViT Sans", "IBM Plex Sans", "Segoe UI", "Helvetica Neue", Arial, {CJK}, sans-serif'
MONO = 'ui-monospace, "SFMono-Regular", "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace'

# A scale of 1.2 up to body headings, then wider steps; sizes in rem of a 17 or 18 px root.
TYPE: dict[str, str] = {
    "font-serif": SERIF,
    "font-sans": SANS,
    "font-mono": MONO,
    "size-0": "0.72rem",
    "size-1": "0.8rem",
    "size-2": "0.89rem",
    "size-3": "1rem",
    "size-4": "1.2rem",
    "size-5": "1.5rem",
    "size-6": "clamp(1.65rem, 1.3rem + 1.3vw, 2.1rem)",
    "size-7": "clamp(2.1rem, 1.4rem + 2.8vw, 3.5rem)",
    "measure": "38rem",
}
SPACE: dict[str, str] = {
    "s-1": "0.25rem",
    "s-2": "0.5rem",
    "s-3": "0.75rem",
    "s-4": "1rem",
    "s-5": "1.5rem",
    "s-6": "2.25rem",
    "s-7": "3.5rem",
    "s-8": "5.5rem",
}


@dataclass(frozen=True)
class SeriesStyle:
    """How one model family or limit is told apart: colour token, marker (matplotlib, Plotly) and dash."""

    token: str
    marker: str
    plotly_marker: str
    dash: tuple[int, ...]
    plotly_dash: str
    hollow: bool = False


FAMILIES: dict[str, SeriesStyle] = {
    "specvit": SeriesStyle("specvit", "o", "circle", (), "solid"),
    "published": SeriesStyle("published", "o", "circle-open", (4, 2), "dash", hollow=True),
    "mlp": SeriesStyle("mlp", "s", "square", (6, 2), "dash"),
    "cnn": SeriesStyle("cnn", "P", "cross", (8, 2, 2, 2), "longdashdot"),
    "lightgbm": SeriesStyle("lightgbm", "^", "triangle-up", (2, 2), "dot"),
    "ridge": SeriesStyle("ridge", "D", "diamond", (6, 2, 1, 2), "dashdot"),
    "svr": SeriesStyle("svr", "h", "hexagon", (4, 1), "dash"),
    "template": SeriesStyle("template", "X", "x", (9, 3), "longdash"),
    "other": SeriesStyle("other", "*", "star", (3, 1), "dot"),
    "mean": SeriesStyle("mean", "_", "line-ew-open", (1, 3), "dot"),
}

# Models have colours, limits have none: what any estimator could reach is drawn in ink, bounds in grey.
LIMITS: dict[str, SeriesStyle] = {
    "bayes": SeriesStyle("bayes", "", "line-ew", (), "solid"),
    "crlb3": SeriesStyle("crlb", "", "line-ew", (1, 2), "dot"),
    "crlb5": SeriesStyle("crlb", "", "line-ew", (7, 3), "dash"),
}


@dataclass(frozen=True)
class ClassStyle:
    """How one star class is told apart: colour token and shape."""

    token: str
    marker: str
    plotly_marker: str
    bokeh_marker: str


STAR_CLASSES: dict[str, ClassStyle] = {
    "giant": ClassStyle("giant", "o", "circle", "circle"),
    "subgiant": ClassStyle("subgiant", "D", "diamond", "diamond"),
    "dwarf": ClassStyle("dwarf", "v", "triangle-down", "inverted_triangle"),
}

_NAMES = sorted(LIGHT)


def paint(name: str) -> str:
    """Stand-in colour of token ``name`` for Python figures; ``markup.svg`` replaces it.

    Raises:
        ValueError: no such token.
    """
    return f"#fe01{_NAMES.index(name):02x}"


def stand_ins() -> dict[str, str]:
    """Token name by its stand-in colour."""
    return {paint(name): name for name in _NAMES}


def _block(values: dict[str, str], prefix: str = "") -> str:
    return "".join(f"--{prefix}{name}:{value};" for name, value in values.items())


def css() -> str:
    """The tokens as CSS custom properties, in both themes.

    The page follows the system; ``data-theme`` on the root element (set by ``theme.js``) overrules it. Paper is light.
    """
    light = "color-scheme:light;" + _block(LIGHT)
    dark = "color-scheme:dark;" + _block(DARK)
    return (
        f":root{{{light}{_block(TYPE)}{_block(SPACE)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{{dark}}}\n"
        f"@media print{{:root:root:root{{{light}}}}}\n"
    )
