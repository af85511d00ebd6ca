"""Where an answer comes from: measures over wavelength of each example star, and tests of what they are worth.

``runs/<run>/attribution/<star>.json`` has the measures and the activations of one spectrum, and
``runs/<run>/faithfulness.json`` holds the measures against each other, against deleting pixels, and against
chance, on spectra of the test set.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from site_builder.contract.base import ContractFile, Interval, Slug, Strict

Measure = Literal["attention", "last-layer", "rollout", "gradient", "occlusion", "fisher", "fisher-plain"]
Share = Annotated[float, Field(ge=0, le=1)]


class Cut(Strict):
    """The measures of one spectrum over windows of equal size, in order of wavelength; one entry per window."""

    size: int = Field(ge=1, description="pixels of a window")
    fisher: list[Share] = Field(
        description="share of the Fisher information on log g, all other labels and the amplitude unknown; sums to 1"
    )
    fisher_plain: list[Share] = Field(description="the same if all but log g were known; sums to 1")
    gradient: list[Share] = Field(
        description="share of the variance that pixel noise gives the answer to first order; sums to 1"
    )
    occlusion: list[Annotated[float, Field(ge=0)]] = Field(
        description="mean |change| of the predicted log g, dex, when the window is set to its mean training spectrum"
    )

    @model_validator(mode="after")
    def _same_length(self) -> "Cut":
        lengths = {k: len(getattr(self, k)) for k in ("fisher", "fisher_plain", "gradient", "occlusion")}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns differ in length: {lengths}")
        return self


class Activations(Strict):
    """One spectrum on its way through the network (the spectrum of its attention file)."""

    input_rms: list[float] = Field(description="per patch: root mean square of the scaled pixels, in reference sigmas")
    token_norm: list[list[float]] = Field(
        description="Euclidean norm of each token before the first layer (with its position) and after each layer"
    )
    change: list[list[float]] = Field(description="per layer and token: norm of what the layer added")
    reading: list[float] = Field(
        description="log g read off the pooled token by the last norm and head before the first layer and after each "
        "layer; trained for the last entry alone, which is the answer"
    )


class AttributionFile(ContractFile):
    """``runs/<run>/attribution/<star>.json``: where the answer for one example star comes from."""

    kind: Literal["attribution"] = "attribution"
    id: Slug = Field(description="the example it belongs to")
    magnitude: float = Field(description="of the spectra that the measures are averaged over")
    draws: int = Field(ge=1, description="noise seeds 1 to draws, averaged over")
    crlb: float = Field(gt=0, description="Cramer-Rao bound on log g, dex: information**-0.5")
    information: float = Field(gt=0, description="Fisher information on log g, all else unknown, dex**-2")
    information_plain: float = Field(gt=0, description="the same if all but log g were known, dex**-2")
    noise_dex: float = Field(gt=0, description="standard deviation that pixel noise gives the answer, first order, dex")
    cuts: list[Cut] = Field(description="the network's patches, then finer windows where patches are wide")
    activations: Activations


class Correlation(Strict):
    """Spearman rank correlation of two measures over the windows of a spectrum, averaged over stars.

    Null: the same displacement of the second measure's windows for every star.
    """

    size: int = Field(ge=1, description="pixels of a window")
    first: Measure
    second: Measure
    rho: Interval = Field(description="mean over stars; 95 % bootstrap over stars")
    null_lo: float = Field(description="2.5 % quantile of the null")
    null_hi: float = Field(description="97.5 % quantile of the null")
    p: float = Field(gt=0, le=1, description="share of the null at least as far from 0")


class Captured(Strict):
    """Share of the Fisher information (all else unknown) that lies in the quarter of the windows ranked first."""

    size: int = Field(ge=1, description="pixels of a window")
    measure: Measure
    share: Interval = Field(description="mean over stars; 95 % bootstrap over stars")
    null_lo: float = Field(description="2.5 % quantile with displaced windows")
    null_hi: float = Field(description="97.5 % quantile with displaced windows")
    p: float = Field(gt=0, le=1, description="share of the null that captures at least as much")


class Deletion(Strict):
    """Accuracy while windows are set to their mean training spectrum, in an order chosen star by star."""

    size: int = Field(ge=1, description="pixels of a window")
    order: Literal["most", "least", "random"] = Field(description="which windows go first; random has no measure")
    measure: Measure | None
    removed: list[Share] = Field(description="share of the windows that is gone")
    r2: list[Interval]
    mae: list[Interval]

    @model_validator(mode="after")
    def _same_length(self) -> "Deletion":
        if not len(self.removed) == len(self.r2) == len(self.mae):
            raise ValueError("removed, r2 and mae differ in length")
        if (self.order == "random") != (self.measure is None):
            raise ValueError("measure is null for the random order, and only for it")
        return self


class Area(Strict):
    """Mean over the removed shares of differences of MAE, dex; paired 95 % bootstrap over stars."""

    size: int = Field(ge=1, description="pixels of a window")
    measure: Measure
    most: Interval = Field(description="most important first minus random: above 0 if the measure finds what matters")
    least: Interval = Field(description="random minus least important first: above 0 if it knows what does not matter")
    between: Interval = Field(description="most minus least important first: their sum")


class LineSet(Strict):
    """Lines of one species, and the windows that hold them."""

    id: Slug
    title: str
    vacuum: list[float] = Field(min_length=1, description="vacuum Angstrom; of bands, the edge")
    patches: list[int] = Field(min_length=1, description="patches that hold a line, from 0")
    windows: list[int] = Field(min_length=1, description="fine windows that touch a line, from 0")


class HeadTest(Strict):
    """Does one head favour one set of lines?"""

    kind: Literal["attention", "response"] = Field(
        description="attention: weight of the pooled query on the patches with the lines, over an even share; "
        "response: how far the head's row moves when fine windows with the lines are set to the mean spectrum, "
        "over that of the average head (each as a share of its response to all windows)"
    )
    layer: int = Field(ge=0, description="from 0")
    head: int = Field(ge=0, description="from 0")
    lines: Slug
    enrichment: Interval = Field(description="ratio; 1: no preference; 95 % bootstrap over stars")
    p: float = Field(gt=0, le=1, description="share of all circular shifts of the lines with at least this ratio")
    q: float = Field(gt=0, le=1, description="p corrected for the number of tests of its kind")
    specialises: bool = Field(description="q is at most level, and the interval lies above 1")


class FaithfulnessFile(ContractFile):
    """``runs/<run>/faithfulness.json``: what attention and other measures say about what the answers depend on."""

    kind: Literal["faithfulness"] = "faithfulness"
    set: Slug = Field(description="set that the spectra are from: its first n")
    n: int = Field(ge=2, description="spectra")
    draws: int = Field(ge=1, description="noise draws that the measures of a star are averaged over")
    bootstrap: int = Field(ge=1, description="resamples behind each interval, by star")
    null: dict[int, str] = Field(description="by window size: how windows are displaced")
    correlations: list[Correlation]
    captured: list[Captured]
    deletion: list[Deletion]
    areas: list[Area]
    level: float = Field(gt=0, lt=1, description="false discovery rate at which a head is said to specialise")
    correction: str = Field(description="how p became q, with its source")
    lines: list[LineSet]
    heads: list[HeadTest]
    seconds: float = Field(ge=0, description="wall-clock time of the computation")
