"""The spectra inspector: a Bokeh document with empty sources, which the page's script fills.

Everything that Bokeh draws is declared here; the script computes (smoothing, frames, air or vacuum)
and sets data. Colours are tokens: each model carries tags like ``"line_color=specvit"``, which the
script resolves again when the theme changes.
"""

import json
import re
from typing import Any

from site_builder import i18n
from site_builder.design import LIGHT, SANS
from site_builder.i18n import _
from site_builder.publish import Site

TARGET = "inspector"
_ID = re.compile(r'"(p\d{4,})"')


def _tokens(**colors: str) -> dict[str, Any]:
    """Keyword arguments that set colours of the light theme and remember their tokens."""
    return {**{k: LIGHT[v] for k, v in colors.items()}, "tags": [f"{k}={v}" for k, v in colors.items()]}


def _figure(name: str, height: int, x_range: Any, y_label: str, **options: Any) -> Any:
    from bokeh.models import AdaptiveTicker, Range1d
    from bokeh.plotting import figure

    plot = figure(
        name=name,
        height=height,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=Range1d(start=0, end=1),
        toolbar_location=None,
        output_backend="canvas",
        min_border_left=62,
        min_border_right=14,
        y_axis_label=y_label,
        **options,
    )
    plot.update(background_fill_alpha=0, border_fill_alpha=0, outline_line_color=None)
    plot.xaxis.ticker = AdaptiveTicker(desired_num_ticks=8)
    plot.yaxis.ticker = AdaptiveTicker(desired_num_ticks=5)
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        axis.update(
            axis_label_text_font_style="normal",
            axis_label_text_font=SANS,
            major_label_text_font=SANS,
            axis_label_text_font_size="12px",
            major_label_text_font_size="12px",
            minor_tick_line_color=None,
            **_tokens(
                axis_label_text_color="ink-2",
                major_label_text_color="ink-2",
                axis_line_color="rule-strong",
                major_tick_line_color="rule-strong",
            ),
        )
    for grid in (plot.xgrid[0], plot.ygrid[0]):
        grid.update(**_tokens(grid_line_color="grid"))
    return plot


def _sources() -> dict[str, Any]:
    from bokeh.models import ColumnDataSource

    columns = {
        "spectrum": ("x", "flux", "low", "high"),
        "model": ("x", "flux"),
        "residual": ("x", "value", "low", "high"),
        "lines": ("x", "y", "label"),
        "bands": ("x0", "x1", "x", "y", "label"),
    }
    return {name: ColumnDataSource(data={c: [] for c in names}, name=f"data-{name}") for name, names in columns.items()}


def _names(plot: Any, sources: dict[str, Any]) -> None:
    """Lines with their names: positions along x in data units, along y as a share of the height."""
    from bokeh.core.properties import value
    from bokeh.models import Range1d, Text, VSpan, VStrip

    plot.extra_y_ranges = {"share": Range1d(start=0, end=1)}
    plot.add_glyph(
        sources["bands"], VStrip(x0="x0", x1="x1", line_color=None, fill_alpha=0.2, **_tokens(fill_color="sky"))
    )
    plot.add_glyph(sources["lines"], VSpan(x="x", line_dash=[3, 4], line_width=1, **_tokens(line_color="rule-strong")))
    for source in ("bands", "lines"):
        text = Text(
            x="x",
            y="y",
            text="label",
            text_font=value(SANS),
            text_font_size="11px",
            text_align="center",
            text_baseline="top",
            **_tokens(text_color="ink-2", background_fill_color="paper"),
        )
        text.update(background_fill_alpha=0.75)
        plot.add_glyph(sources[source], text, y_range_name="share")


def _main(sources: dict[str, Any], x_range: Any) -> Any:
    from bokeh.models import BoxZoomTool, PanTool, WheelZoomTool
    from bokeh.models.annotations import Span

    tools = [
        PanTool(dimensions="width", name="pan"),
        BoxZoomTool(dimensions="width", name="box"),
        WheelZoomTool(dimensions="width", modifiers="ctrl", name="wheel"),
    ]
    plot = _figure(
        "main", 400, x_range, _("flux / {by}", by="median"), tools=tools, active_drag=tools[0], active_scroll=tools[2]
    )
    band = plot.varea(
        "x", "low", "high", source=sources["spectrum"], fill_alpha=0.45, name="band", **_tokens(fill_color="band")
    )
    flux = plot.line("x", "flux", source=sources["spectrum"], line_width=1.1, name="flux", **_tokens(line_color="flux"))
    model = plot.line(
        "x", "flux", source=sources["model"], line_width=1.3, name="model", **_tokens(line_color="specvit")
    )
    for renderer in (band, flux, model):
        renderer.nonselection_glyph = None
    _names(plot, sources)
    plot.add_layout(Span(location=0, dimension="height", visible=False, name="cursor", **_tokens(line_color="focus")))
    return plot


def _residual(sources: dict[str, Any], x_range: Any) -> Any:
    from bokeh.models.annotations import Span

    plot = _figure("residual", 120, x_range, _("observed − model"), tools=[])
    plot.varea("x", "low", "high", source=sources["residual"], fill_alpha=0.45, **_tokens(fill_color="band"))
    plot.line("x", "value", source=sources["residual"], line_width=0.9, **_tokens(line_color="flux"))
    plot.xaxis[0].update(visible=False)
    plot.add_layout(Span(location=0, dimension="width", line_dash=[5, 4], **_tokens(line_color="ink")))
    return plot


def _overview(sources: dict[str, Any], x_range: Any) -> Any:
    from bokeh.models import Range1d, RangeTool

    plot = _figure("overview", 110, Range1d(start=0, end=1), "", tools=[])
    plot.line("x", "flux", source=sources["spectrum"], line_width=0.7, **_tokens(line_color="flux-noisy"))
    tool = RangeTool(x_range=x_range, start_gesture="none")
    tool.overlay.update(
        fill_alpha=0.12, line_width=1, name="window", **_tokens(fill_color="accent", line_color="accent")
    )
    plot.add_tools(tool)
    plot.xaxis.axis_label = _("vacuum wavelength (Å)")
    plot.yaxis[0].update(major_label_text_alpha=0, major_tick_line_alpha=0, axis_line_alpha=0)
    plot.ygrid[0].update(visible=False)
    return plot


def document() -> str:
    """The inspector as the JSON that ``Bokeh.embed.embed_item`` takes; the same at every call."""
    from bokeh.embed import json_item
    from bokeh.layouts import column
    from bokeh.models import Range1d

    sources = _sources()
    x_range = Range1d(start=0, end=1, name="window-range")
    root = column(
        _main(sources, x_range),
        _residual(sources, x_range),
        _overview(sources, x_range),
        sizing_mode="stretch_width",
        name="root",
    )
    return renumber(json.dumps(json_item(root, TARGET), allow_nan=False, separators=(",", ":")))  # type: ignore[arg-type]


def publish(site: Site) -> str:
    """Publish the document, made once and with the words of the language, and return its address."""

    def make() -> bytes:
        with i18n.speaking(i18n.ENGLISH):
            return document().encode()

    def use(content: bytes) -> None:
        with i18n.speaking(language):
            words = i18n.figure_words(json.loads(content))
        site.publish(address, json.dumps(words, allow_nan=False, separators=(",", ":")).encode())

    language = i18n.language()
    address = f"data/{language.folder}inspector.json"
    site.later("inspector", make, use)
    return address


def renumber(text: str) -> str:
    """Bokeh counts its ids through the life of the process; here they are counted from one."""
    numbers: dict[str, int] = {}
    return _ID.sub(lambda match: f'"p{numbers.setdefault(match[1], len(numbers) + 1)}"', text)
