"""``transfer/<experiment>.json``: from synthetic to real stars, by three strategies, cross-validated by star."""

from typing import Literal

from pydantic import Field, model_validator

from site_builder.contract.base import ContractFile, Interval, Origin, Slug, Strict

Strategy = Literal["synthetic", "survey", "two-stage"]


class TransferSet(Strict):
    """Stars that models are judged on."""

    name: Slug
    title: str
    origin: Origin
    survey: str = Field(description="who observed them, or what emulates them")
    role: Literal["cross-validated", "independent"] = Field(
        description="cross-validated: each star is judged by models whose training left out all of its spectra; "
        "independent: nothing was trained or tuned on any of them"
    )
    n: int = Field(ge=1)
    description: str
    label_source: str
    credit: str
    selection: dict[str, int] = Field(description="stars left after each cut, in order")
    label_error: float | None = Field(ge=0, description="error of the catalogue's log g, dex, where there is a measure")
    label_error_source: str | None


class TransferModel(Strict):
    """One kind of model of the experiment."""

    name: Slug
    title: str
    family: Literal["specvit", "mlp", "ridge", "svr", "lightgbm", "mean"]
    description: str
    n_parameters: int = Field(ge=0)


class TransferKey(Strict):
    """Which model, trained how, on how many real stars."""

    model: Slug
    strategy: Strategy = Field(
        description="synthetic: never saw a real star; survey: saw real stars only; two-stage: pre-trained on "
        "synthetic spectra, then trained on real stars"
    )
    augmented: bool = Field(description="training spectra were varied as real ones vary")
    n_real: int = Field(ge=0, description="real stars trained on (in each fold); 0 for synthetic")

    @property
    def pair_key(self) -> str:
        """What pairs call it: model/strategy/augmented or plain."""
        return f"{self.model}/{self.strategy}/{'augmented' if self.augmented else 'plain'}"


class TransferRow(TransferKey):
    """Metrics of one such model on one part of a set."""

    set: Slug
    slice: Literal["all", "class", "subset"]
    label: str = Field(description="'all', a star class, or the subset in words")
    n: int = Field(ge=1)
    repeats: int = Field(ge=1, description="independent draws of the real stars that the metrics are averaged over")
    r2: Interval
    mae: Interval
    bias: Interval
    nmad: Interval
    sigma: Interval = Field(description="standard deviation of predicted minus catalogue log g")
    coverage68: float | None = Field(ge=0, le=1, description="share of stars within half the stated 68 % interval")
    coverage95: float | None = Field(ge=0, le=1)


class TransferAnswer(TransferKey):
    """Answers to every star of a set, in the order of the set."""

    predicted: list[float]
    sigma: list[float] | None = Field(description="half the stated 68 % interval")
    half95: list[float] | None = Field(description="half the stated 95 % interval")


class TransferStars(Strict):
    """The stars of one set, with their catalogue labels and what models answer (trained on all real stars)."""

    set: Slug
    id: list[str]
    logg: list[float]
    logg_err: list[float | None]
    teff: list[float]
    mh: list[float]
    snr: list[float] = Field(description="median over pixels of flux / sigma")
    subset: list[bool] | None = Field(description="stars of the rows of slice 'subset'")
    answers: list[TransferAnswer]

    @model_validator(mode="after")
    def _same_length(self) -> "TransferStars":
        n = len(self.id)
        columns = {k: getattr(self, k) for k in ("logg", "logg_err", "teff", "mh", "snr", "subset")}
        for i, answer in enumerate(self.answers):
            columns |= {f"answers.{i}.{k}": getattr(answer, k) for k in ("predicted", "sigma", "half95")}
        for name, column in columns.items():
            if column is not None and len(column) != n:
                raise ValueError(f"{name} has {len(column)} entries where id has {n}")
        return self


class TransferFile(ContractFile):
    """``transfer/<experiment>.json``: one band, one network shape, three strategies."""

    kind: Literal["transfer"] = "transfer"
    name: Slug
    title: str
    band: str = Field(description="wavelengths and resolution in words")
    instrument: Slug = Field(description="instruments/<instrument>.json: pixels that all spectra were brought to")
    folds: int = Field(ge=2)
    bootstrap: int = Field(ge=1, description="resamples behind each interval, by star")
    subset: str | None = Field(description="in words, the stars of the rows of slice 'subset'")
    augmentation: dict[str, str] = Field(description="what is varied in training spectra, and by how much")
    recipe: dict[str, str] = Field(description="how each strategy was trained, in words")
    sets: list[TransferSet]
    models: list[TransferModel]
    rows: list[TransferRow]
    stars: list[TransferStars]
    config: dict[str, str | int | float | bool | None] = Field(description="the full flat configuration")
