"""What several pages need."""

from typing import Any

from site_builder.design import stand_ins
from site_builder.publish import Site


def plots_setup(site: Site) -> dict[str, Any]:
    """What ``static/js/plots.js`` reads: where Plotly is, and which stand-in is which token."""
    return {"plotly": site.asset("vendor/plotly/plotly-basic.min.js"), "standIns": stand_ins()}


def brightness_label(slice_name: str) -> str:
    """Axis label of the brightness slice."""
    if slice_name == "magnitude":
        return "Magnitude"
    return "SNR per pixel"
