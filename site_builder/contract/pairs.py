"""Models against each other on the same stars."""

from typing import Annotated, Literal

from pydantic import Field

from site_builder.contract.base import ContractFile, Interval, Slug, Strict

PairKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*(/(synthetic|survey|two-stage)/(augmented|plain))?$")]


class PairRow(Strict):
    """A metric of the first model minus that of the second, over the same resampled stars each time."""

    set: Slug
    slice: Literal["all", "magnitude", "snr", "class"]
    label: str = Field(description="as in the metrics")
    n: int = Field(ge=1, description="stars")
    first: PairKey = Field(description="model; of an experiment: model/strategy/augmented or plain, on all real stars")
    second: PairKey = Field(description="the model that it is held against")
    r2: Interval
    mae: Interval
    nmad: Interval


class PairsFile(ContractFile):
    """``pairs/<run>.<set>.json`` and ``pairs/<experiment>.json``: differences between models on the same stars.

    Stars that are hard for one model are hard for the others, so that a difference is known better than the values:
    whether two models differ is read from here, and only without this file from whether their own intervals overlap.
    """

    kind: Literal["pairs"] = "pairs"
    of: str = Field(description="the file of predictions, or the experiment, that it was computed from")
    bootstrap: int = Field(ge=1, description="resamples behind each interval")
    rows: list[PairRow]
