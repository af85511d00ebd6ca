"""What all Plotly figures share: axes, layout, publishing.

They are written as Plotly's JSON, without its Python package, which takes a second to check what does not change from
one build to the next; a test holds every published figure against that package. Colours are the stand-ins of
``design.paint``; ``static/js/plots.js`` puts the colours of the theme in.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from site_builder import i18n
from site_builder.design import FAMILIES, SANS, paint
from site_builder.publish import Site

AXIS = {
    "gridcolor": paint("grid"),
    "linecolor": paint("rule-strong"),
    "zeroline": False,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": paint("rule-strong"),
    "showline": True,
    "automargin": True,
}
HOVER = {
    "bgcolor": paint("paper"),
    "bordercolor": paint("rule-strong"),
    "font": {"family": SANS, "color": paint("ink")},
}
LAYOUT: dict[str, Any] = {
    "font": {"family": SANS, "size": 13, "color": paint("ink-2")},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 56, "r": 16, "t": 48, "b": 52},
    "hoverlabel": HOVER,
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    "height": 440,
    "hovermode": "closest",
}


# On a narrow screen a long legend stands below the axes, and the figure grows by it.
LEGEND_BELOW: dict[str, Any] = {
    "legend": {"orientation": "h", "x": 0, "y": -0.24, "yanchor": "top"},
    "margin": {"l": 46, "r": 8, "t": 16, "b": 52},
}


def publish(
    site: Site,
    name: str,
    traces: list[Any],
    narrow: dict[str, Any] | None = None,
    by_part: dict[str, Any] | None = None,
    **layout: Any,
) -> str:
    """Publish ``data/figures/<name>.plotly.json`` and return its address.

    Only called by a function that is decorated with ``once``.

    Args:
        narrow: fields of the layout that differ on a narrow screen (axes are merged field by field).
        by_part: what a part that a control chooses changes: ``{"layout": ..., "traces": [fields of each trace]}``.
    """
    axes = {key: AXIS | value for key, value in layout.items() if key.startswith(("xaxis", "yaxis"))}
    rest = {key: value for key, value in layout.items() if key not in axes}
    content: dict[str, Any] = {"data": traces, "layout": LAYOUT | rest | axes}
    content |= {"narrow": narrow} if narrow else {}
    content |= {"byPart": by_part} if by_part else {}
    site.shared[f"plotly {name}"] = content
    return site.publish_json(f"figures/{name}.plotly.json", content)


P = ParamSpec("P")
Make = Callable[Concatenate[Site, str, P], str]


def once(make: Make[P]) -> Make[P]:
    """A figure is made once, with English words; other languages publish it with theirs in the same places."""

    @wraps(make)
    def made(site: Site, name: str, /, *args: P.args, **more: P.kwargs) -> str:
        address = f"data/figures/{i18n.language().folder}{name}.plotly.json"
        key = f"plotly {address}"
        kept = site.cache.get(key)
        if kept is not None:
            return site.publish(address, kept)
        if f"plotly {name}" not in site.shared:
            with i18n.speaking(i18n.ENGLISH):
                make(site, name, *args, **more)
        if i18n.language() is not i18n.ENGLISH:
            site.publish_json(address.removeprefix("data/"), i18n.figure_words(site.shared[f"plotly {name}"]))
        site.cache.put(key, site.files[address])
        return address

    return made


def scatter(**fields: Any) -> dict[str, Any]:
    """A Plotly scatter trace."""
    return {"type": "scatter", **fields}


def bar(**fields: Any) -> dict[str, Any]:
    """A Plotly bar trace."""
    return {"type": "bar", **fields}


def title(text: str, **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": text}} | more


def bars(below: list[float], above: list[float]) -> dict[str, Any]:
    """Error bars with unequal arms."""
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2, "width": 0}


def style(family: str, lead: bool = False) -> dict[str, Any]:
    """Line and marker of a model family; ``lead`` draws it stronger."""
    own = FAMILIES[family]
    colour = paint(own.token)
    return {
        "line": {"color": colour, "dash": own.plotly_dash, "width": 2.6 if lead else 1.6},
        "marker": {"color": colour, "symbol": own.plotly_marker, "size": 9 if lead else 7},
    }


def panel(k: int) -> tuple[str, dict[str, str]]:
    """Suffix of the axes of panel ``k`` (from 0), and the fields that put a trace there."""
    suffix = "" if k == 0 else str(k + 1)
    return suffix, {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}


def rows_domain(k: int, rows: int, gap: float) -> list[float]:
    """Vertical share of row ``k`` (from the top) of ``rows``, with a gap between neighbours."""
    height = (1 - gap * (rows - 1)) / rows
    top = 1 - k * (height + gap)
    return [max(0.0, round(top - height, 4)), round(top, 4)]
