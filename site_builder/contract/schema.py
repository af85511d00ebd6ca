"""Every file that ``model`` exports and ``site_builder`` reads, as pydantic classes.

Layout of a results folder (paths are fixed, so that a link to a number stays valid)::

    index.json                                   Index: every other file with its hash
    interpolation.json                           InterpolationFile: error of the spectral grid
    instruments/<instrument>.json                InstrumentFile: wavelengths and noise model
    runs/<run>/run.json                          RunFile: what was trained, how, on what, at what cost
    runs/<run>/history.json                      HistoryFile: training curves
    runs/<run>/metrics.<set>.json                MetricsFile: metrics of every model on one set
    runs/<run>/predictions.<set>.json            PredictionsFile: what the metrics are computed from
    runs/<run>/examples/<star>.json              ExampleFile: one star, its spectrum and predictions
    runs/<run>/attention/<star>.json             AttentionFile: attention weights for that star
    runs/<run>/attribution/<star>.json           AttributionFile: where the answer for that star comes from
    runs/<run>/faithfulness.json                 FaithfulnessFile: what such measures are worth, on the test set
    runs/<run>/limits.<set>.json                 LimitsFile: how much any estimator can know on one set
    runs/<run>/calibration.<set>.json            CalibrationFile: where the truth falls in the stated distribution
    runs/<run>/scaling.json                      ScalingFile: accuracy against distinct training spectra
    runs/<run>/ablations.json                    AblationsFile: one choice changed at a time, equal budget
    runs/<run>/stress.json                       StressFile: spectra unlike those trained on
    runs/<run>/network.json                      NetworkFile: the network as ONNX (network.onnx beside it)
    transfer/<experiment>.json                   TransferFile: three ways to real stars, judged star by star
    spectra/<spectrum>.json                      SpectrumFile: a spectrum to look at, of any survey
    pairs/<run>.<set>.json                       PairsFile: models against each other on the same stars
    pairs/<experiment>.json                      the same of a transfer experiment

Wavelengths are vacuum Angstrom, log g is log10 of cm/s^2, Teff is in kelvin, [M/H] and all errors
are in dex. Fluxes and their sigmas are divided by the median flux of the spectrum, or by its continuum where
the instrument file says so. Numbers are
finite: NaN and infinity are refused, a value that does not exist is ``null``.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from site_builder.contract.attribution import AttributionFile, FaithfulnessFile
from site_builder.contract.base import (
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    ContractFile,
    Interval,
    Machine,
    Origin,
    Prior,
    Provenance,
    Sha256,
    Slug,
    StarClass,
    Strict,
    Survey,
    Version,
    WaveAxis,
    class_of,
)
from site_builder.contract.columns import Column, GappedColumn
from site_builder.contract.network import NetworkFile, Parity
from site_builder.contract.pairs import PairsFile
from site_builder.contract.spectra import SpectrumFile
from site_builder.contract.transfer import TransferFile

__all__ = [  # those only passed on
    "READABLE_VERSIONS",
    "SCHEMA_VERSION",
    "Machine",
    "Parity",
    "Prior",
    "Provenance",
    "StarClass",
    "Survey",
    "WaveAxis",
]


class IndexEntry(Strict):
    """One exported file."""

    path: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*\.json$")]
    kind: Literal[
        "interpolation",
        "instrument",
        "run",
        "history",
        "metrics",
        "predictions",
        "example",
        "attention",
        "attribution",
        "faithfulness",
        "limits",
        "calibration",
        "scaling",
        "ablations",
        "stress",
        "transfer",
        "spectrum",
        "network",
        "pairs",
    ]
    sha256: Sha256
    bytes: int = Field(ge=2)


class Index(Strict):
    """``index.json``: the table of contents; a file that it does not list is not published."""

    schema_version: Version = "1.4"
    kind: Literal["index"] = "index"
    main_run: Slug = Field(description="run that the headline numbers come from")
    files: list[IndexEntry]


class InterpolationAxis(Strict):
    """Leave-one-node-out error along one axis of the grid: twice the step the simulator bridges."""

    axis: Literal["teff", "logg", "mh"]
    n_nodes: int = Field(ge=1, description="left-out nodes")
    median: float = Field(ge=0, description="median over nodes and pixels of |error|, fraction of the median flux")
    p99: float = Field(ge=0, description="99th percentile of the same")
    worst: float = Field(ge=0, description="largest of the same")


class InterpolationFile(ContractFile):
    """``interpolation.json``: how far interpolated spectra are from computed ones."""

    kind: Literal["interpolation"] = "interpolation"
    instrument: Slug
    axes: list[InterpolationAxis]


class InstrumentFile(ContractFile):
    """``instruments/<instrument>.json``: wavelengths, resolution, and the noise model of one exposure set.

    Electrons per pixel and exposure of a star of magnitude m:
    ``S = signal_e * 10**(-0.4 (m - magnitude_zero)) * flux`` (flux is 1 at the star's median),
    variance ``background_e2 + S``; with n exposures SNR grows by ``sqrt(n_exposures)``.
    Instruments without such a model (LAMOST: SNR per star is given) have null arrays.
    """

    kind: Literal["instrument"] = "instrument"
    name: Slug
    title: str
    wave: WaveAxis
    resolution: float = Field(gt=0, description="R = lambda / FWHM of the line-spread function")
    resolution_note: str
    magnitude_zero: float | None
    n_exposures: int | None = Field(ge=1)
    exposure_s: float | None = Field(gt=0)
    signal_e: list[float] | None = Field(description="electrons per pixel and exposure at magnitude_zero")
    background_e2: list[float] | None = Field(description="variance per pixel and exposure without the star")
    sky_e: list[float] | None = Field(description="sky electrons per pixel and exposure")
    source: str = Field(description="who made the noise model, and with what")
    normalisation: Literal["median", "continuum"] = Field(
        default="median", description="fluxes are divided by their median, or by a smooth polynomial continuum"
    )
    masked: list[tuple[float, float]] = Field(
        default=[], description="bands of the pixels (vacuum Angstrom) that the networks do not see: tellurics"
    )


class VitShape(Strict):
    """The architecture of a SpecViT."""

    n_pixels: int = Field(ge=1)
    patch_size: int = Field(ge=1)
    n_patches: int = Field(ge=1)
    width: int = Field(ge=1)
    depth: int = Field(ge=1)
    heads: int = Field(ge=1)
    embedding: Literal["shared", "per-position"]
    embedding_init: Literal["random", "pca"]
    pool: Literal["cls", "mean"]


class Training(Strict):
    """The recipe of one trained network, as run."""

    optimizer: str
    learning_rate: float = Field(gt=0)
    schedule: str
    warmup: int = Field(ge=0, description="presentations of linear warm-up")
    weight_decay: float = Field(ge=0)
    batch_size: int = Field(ge=1)
    presentations: int = Field(ge=1, description="spectra shown, each with fresh noise")
    loss: str
    precision: str
    seconds: float = Field(ge=0, description="wall-clock time spent training")


class ModelInfo(Strict):
    """One model of a run and its cost on the machine named in the provenance."""

    name: Slug
    title: str
    family: Literal["specvit", "published", "mlp", "cnn", "lightgbm", "ridge", "template", "mean", "other"] = Field(
        description="published: a SpecViT trained by the published recipe, beside the best one; other: none of these"
    )
    description: str
    n_parameters: int = Field(ge=0, description="trained numbers; for trees: leaf values and split thresholds")
    n_spectra: int = Field(ge=0, description="spectra presented in training")
    train_seconds: float = Field(ge=0)
    inference_ms_1: float = Field(gt=0, description="milliseconds per spectrum, one at a time")
    inference_ms_256: float = Field(gt=0, description="milliseconds per spectrum in batches of 256")
    has_sigma: bool = Field(description="predicts its own uncertainty")
    training: Training | None = Field(description="recipe, for networks")


class SetInfo(Strict):
    """One set of spectra that the models of a run were evaluated on; none was trained on."""

    name: Slug
    title: str
    origin: Origin
    survey: Survey
    n: int = Field(ge=1)
    description: str
    label_source: str
    credit: str
    selection: dict[str, int] = Field(description="stars left after each cut, in order")


class RunFile(ContractFile):
    """``runs/<run>/run.json``: what was trained, how, on what, at what cost."""

    kind: Literal["run"] = "run"
    title: str
    preset: Slug
    instrument: Slug
    prior: Prior
    vit: VitShape | None = Field(description="shape of the run's SpecViT; null where it has none")
    sets: list[SetInfo]
    models: list[ModelInfo] = Field(description="the run's own first (its SpecViT, where it has one), then baselines")
    config: dict[str, str | int | float | bool | None] = Field(description="the full flat configuration")

    @property
    def shape(self) -> VitShape:
        """Shape of the run's SpecViT, where it has one."""
        assert self.vit is not None
        return self.vit


class Curve(Strict):
    """Training curve of one network; all lists have one entry per log point."""

    model: Slug
    presentations: list[int]
    seconds: list[float]
    learning_rate: list[float]
    train_loss: list[float]
    val_loss: list[float]
    val_r2: list[float]
    val_mae: list[float]

    @model_validator(mode="after")
    def _same_length(self) -> "Curve":
        lengths = {k: len(v) for k, v in self if isinstance(v, list)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns differ in length: {lengths}")
        return self


class HistoryFile(ContractFile):
    """``runs/<run>/history.json``: training curves on the validation set."""

    kind: Literal["history"] = "history"
    val_n: int = Field(ge=1, description="spectra in the validation set")
    curves: list[Curve]


class MetricRow(Strict):
    """Metrics of one model on one slice of a set."""

    model: Slug
    slice: Literal["all", "magnitude", "snr", "class", "teff", "mh"]
    label: str = Field(description="for example 'giant' or '21-21.5'")
    lo: float | None = Field(description="lower edge of the bin (included), null for classes and 'all'")
    hi: float | None
    n: int = Field(ge=1)
    median_snr: float
    r2: Interval
    rmse: Interval
    mae: Interval
    bias: Interval
    nmad: Interval
    coverage68: float | None = Field(description="share of stars within 1 sigma of the truth")
    coverage95: float | None = Field(description="share of stars within half95 (1.96 sigma where there is none)")


class MetricsFile(ContractFile):
    """``runs/<run>/metrics.<set>.json``."""

    kind: Literal["metrics"] = "metrics"
    set: Slug
    bootstrap: int = Field(ge=1, description="resamples behind each interval")
    rows: list[MetricRow]


class PredictionsFile(ContractFile):
    """``runs/<run>/predictions.<set>.json``: one entry per star in every column."""

    kind: Literal["predictions"] = "predictions"
    set: Slug
    id: list[str] | None = Field(description="star identifiers, for observed stars")
    logg: Column = Field(description="true (synthetic) or catalogue (observed) log g")
    teff: Column
    mh: Column
    snr: Column = Field(description="median over pixels of flux / sigma")
    magnitude: Column | None
    predicted: dict[Slug, Column] = Field(description="by model name")
    sigma: dict[Slug, Column] = Field(description="of the models that give one: half the 68 % interval")
    half95: dict[Slug, Column] = Field(
        default={}, description="half the 95 % interval, of the models that state one apart from sigma"
    )

    @model_validator(mode="after")
    def _same_length(self) -> "PredictionsFile":
        n = len(self.logg)
        columns = {"teff": self.teff, "mh": self.mh, "snr": self.snr, "id": self.id, "magnitude": self.magnitude}
        columns |= {f"predicted.{k}": v for k, v in self.predicted.items()}
        columns |= {f"sigma.{k}": v for k, v in self.sigma.items()}
        columns |= {f"half95.{k}": v for k, v in self.half95.items()}
        for name, column in columns.items():
            if column is not None and len(column) != n:
                raise ValueError(f"{name} has {len(column)} entries where logg has {n}")
        return self


class LadderLimits(Strict):
    """The exact posterior of log g for the same spectra as ``Ladder``, and the Cramer-Rao bound of the star.

    The posterior knows the noise model, the magnitude and the prior, and nothing else that the network does not.
    """

    mean: list[list[float]] = Field(description="posterior mean [seed][magnitude]")
    sd: list[list[float]] = Field(description="posterior standard deviation [seed][magnitude]")
    quantiles: list[list[tuple[float, float, float, float]]] = Field(
        description="2.5, 16, 84 and 97.5 % quantiles of the posterior [seed][magnitude]"
    )
    crlb3: list[float] = Field(description="bound on sigma(log g) per magnitude: Teff, [M/H] and amplitude unknown")
    crlb5: list[float] = Field(description="the same with [alpha/M] and [C/M] unknown as well")


class Ladder(Strict):
    """Predictions for one synthetic star over magnitudes and noise seeds.

    The noise of seed s is reproducible anywhere: unit normal number i is made from two draws of the
    mulberry32 generator started at s (``model/noise.py`` and ``static/js/noise.js`` agree bit for bit
    in the integers), so a prediction here belongs to exactly the spectrum that a page draws.
    """

    magnitudes: list[float]
    seeds: list[int]
    snr: list[float] = Field(description="per magnitude")
    logg: list[list[float]] = Field(description="SpecViT's answer [seed][magnitude]")
    sigma: list[list[float]] = Field(description="its standard deviation [seed][magnitude]")
    limits: LadderLimits | None = Field(default=None, description="what any estimator could know")

    @model_validator(mode="after")
    def _shape(self) -> "Ladder":
        tables: dict[str, list[list[float]]] = {"logg": self.logg, "sigma": self.sigma}
        if self.limits is not None:
            tables |= {f"limits.{name}": getattr(self.limits, name) for name in ("mean", "sd", "quantiles")}
            for name in ("crlb3", "crlb5"):
                if len(getattr(self.limits, name)) != len(self.magnitudes):
                    raise ValueError(f"limits.{name} does not have one entry per magnitude")
        for name, table in tables.items():
            if len(table) != len(self.seeds) or any(len(r) != len(self.magnitudes) for r in table):
                raise ValueError(f"{name} is not {len(self.seeds)} seeds x {len(self.magnitudes)} magnitudes")
        if len(self.snr) != len(self.magnitudes):
            raise ValueError("snr does not have one entry per magnitude")
        return self


class ExampleFile(ContractFile):
    """``runs/<run>/examples/<star>.json``: one star that pages draw.

    Synthetic: ``flux`` is noise-free, ``sigma`` null (the instrument's noise model gives it).
    Observed: ``flux`` and ``sigma`` as observed, resampled to the instrument's pixels, rest frame;
    pixels without data are null in both.
    """

    kind: Literal["example"] = "example"
    id: Slug
    title: str
    origin: Origin
    survey: Survey
    credit: str
    instrument: Slug
    star_class: StarClass
    logg: float
    teff: float
    mh: float
    label_source: str
    rv_kms: float | None = Field(description="radial velocity removed, km/s; null if none was known or needed")
    snr: float | None = Field(description="per pixel, observed stars")
    wave: WaveAxis
    flux: GappedColumn
    sigma: GappedColumn | None
    model_flux: Column | None = Field(description="synthetic spectrum at the catalogue labels, observed stars")
    predicted_logg: float | None = Field(description="SpecViT's answer, observed stars")
    predicted_sigma: float | None
    ladder: Ladder | None = Field(description="synthetic stars with a magnitude")

    @model_validator(mode="after")
    def _consistent(self) -> "ExampleFile":
        for name in ("flux", "sigma", "model_flux"):
            column = getattr(self, name)
            if column is not None and len(column) != self.wave.n:
                raise ValueError(f"{name} has {len(column)} entries where wave.n is {self.wave.n}")
        expected = class_of(self.logg)
        if self.star_class != expected:
            raise ValueError(f"star_class is {self.star_class} but logg {self.logg} is a {expected}")
        return self


class AttentionFile(ContractFile):
    """``runs/<run>/attention/<star>.json``: softmax attention weights for one spectrum.

    ``weights[layer][head][query][key]``; token 0 is CLS where the model has one (``pool: cls``),
    the others are the patches in order of wavelength. Each row sums to 1 within 1e-3.
    """

    kind: Literal["attention"] = "attention"
    id: Slug = Field(description="the example it belongs to")
    magnitude: float | None
    noise_seed: int | None = Field(description="seed of the noise of Ladder; null: noise as observed")
    n_tokens: int = Field(ge=1)
    has_cls: bool
    weights: list[list[list[list[float]]]]
    rollout: list[float] = Field(description="attention rollout from the pooled output to each patch, sums to 1")
    embedding_norm: list[float] = Field(description="Euclidean norm of each patch's embedding, before positions")
    predicted_logg: float
    predicted_sigma: float

    @model_validator(mode="after")
    def _square(self) -> "AttentionFile":
        n = self.n_tokens
        for i, layer in enumerate(self.weights):
            for j, head in enumerate(layer):
                if len(head) != n or any(len(row) != n for row in head):
                    raise ValueError(f"weights of layer {i}, head {j} are not {n} x {n}")
        patches = n - 1 if self.has_cls else n
        if len(self.rollout) != patches or len(self.embedding_norm) != patches:
            raise ValueError(f"rollout and embedding_norm must have one entry for each of the {patches} patches")
        return self


class Crlb(Strict):
    """Cramer-Rao bound on log g over the spectra of one bin.

    R2 is 1 - sigma^2 / variance of the prior: what an unbiased estimator that reaches the bound would have.
    """

    labels: Literal[3, 5] = Field(description="3: Teff, log g, [M/H]; 5: and [alpha/M], [C/M]; plus the amplitude")
    sigma: float = Field(gt=0, description="median over the spectra of the bound on sigma(log g), dex")
    sigma_lo: float = Field(gt=0, description="10th percentile")
    sigma_hi: float = Field(gt=0, description="90th percentile")
    r2: float = Field(le=1, description="from the median")
    r2_lo: float = Field(le=1, description="from the 90th percentile of sigma")
    r2_hi: float = Field(le=1, description="from the 10th percentile of sigma")


class LimitBin(Strict):
    """The limits on the spectra of one bin of the set (the bins are those of its metrics)."""

    slice: Literal["all", "magnitude"]
    label: str = Field(description="label of the bin, as in the metrics")
    n: int = Field(ge=1)
    median_snr: float
    r2: Interval = Field(description="R2 of the posterior mean: no estimator does better on average")
    r2_se: float = Field(ge=0, description="Monte-Carlo standard error of that R2 from importance sampling")
    rmse: Interval = Field(description="RMSE of the posterior mean, dex")
    posterior_sd: float = Field(gt=0, description="root of the mean posterior variance, dex; agrees with rmse")
    ess_median: float = Field(gt=0, description="median effective sample size of the importance weights")
    ess_p1: float = Field(gt=0, description="its 1st percentile")
    pit_ks: float = Field(ge=0, le=1, description="largest distance of the PIT's distribution from uniform")
    crlb: list[Crlb]


class Gap(Strict):
    """R2 of the posterior mean minus R2 of a model on the same spectra (paired bootstrap interval)."""

    model: Slug
    slice: Literal["all", "magnitude"]
    label: str
    r2: Interval


class SelfCheck(Strict):
    """One check that the limits were computed with; ``value`` must be within ``tolerance`` of ``expected``."""

    name: Slug
    text: str = Field(description="what is compared, one sentence")
    value: float
    expected: float
    tolerance: float = Field(ge=0)


class LimitsFile(ContractFile):
    """``runs/<run>/limits.<set>.json``: what any estimator can know of log g on one synthetic set.

    The four columns have one entry per star, in the order of the predictions of the set.
    """

    kind: Literal["limits"] = "limits"
    set: Slug
    method: str = Field(description="how the posterior was computed, one sentence")
    prior_sd: float = Field(gt=0, description="standard deviation of the prior of log g, dex")
    library: int = Field(ge=1, description="model spectra that every spectrum was compared with")
    seconds: float = Field(ge=0, description="wall-clock time of the computation")
    bins: list[LimitBin]
    gaps: list[Gap]
    checks: list[SelfCheck]
    posterior_mean: Column
    posterior_sd: Column
    ess: Column = Field(description="effective sample size of the importance weights")
    pit: Column = Field(description="posterior probability of a log g below the true one")

    @model_validator(mode="after")
    def _same_length(self) -> "LimitsFile":
        lengths = {k: len(getattr(self, k)) for k in ("posterior_mean", "posterior_sd", "ess", "pit")}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns differ in length: {lengths}")
        return self


class PitRow(Strict):
    """Histogram of Phi((true - predicted) / sigma) of one model in one bin; flat for a calibrated Gaussian."""

    model: Slug
    slice: Literal["all", "magnitude", "snr"]
    label: str
    n: int = Field(ge=1)
    counts: list[int] = Field(min_length=2, description="stars in equal bins from 0 to 1")


class CalibrationFile(ContractFile):
    """``runs/<run>/calibration.<set>.json``: probability integral transform (PIT) of the stated sigmas."""

    kind: Literal["calibration"] = "calibration"
    set: Slug
    method: str = Field(description="how sigma and half95 were calibrated, on which spectra")
    rows: list[PitRow]


class ScalingPoint(Strict):
    """One model trained on so many distinct spectra, judged on the test set."""

    model: Slug
    n_spectra: int = Field(ge=1, description="distinct training spectra (sets of labels)")
    presentations: int = Field(ge=1, description="noisy spectra shown or fitted to")
    r2: Interval
    mae: Interval
    seconds: float = Field(ge=0, description="training time")


class ScalingFile(ContractFile):
    """``runs/<run>/scaling.json``: accuracy against the number of distinct training spectra."""

    kind: Literal["scaling"] = "scaling"
    set: Slug = Field(description="the set that all were judged on")
    recipes: dict[Slug, str] = Field(description="per model: how it was trained, with which features, how tuned")
    points: list[ScalingPoint]


class AblationRow(Strict):
    """One training with one choice changed from the base."""

    group: str = Field(description="what was changed, for example 'Patch size'")
    value: str = Field(description="to what, for example '16 pixels'")
    base: bool = Field(description="true if this is the base itself, repeated in its group")
    n_parameters: int = Field(ge=1)
    presentations: int = Field(ge=1)
    seconds: float = Field(ge=0)
    r2: Interval = Field(description="on the whole set")
    r2_bright: Interval = Field(description="in its brightest magnitude bin")
    r2_faint: Interval = Field(description="in its faintest magnitude bin")


class AblationsFile(ContractFile):
    """``runs/<run>/ablations.json``: one choice changed at a time, at an equal number of presentations."""

    kind: Literal["ablations"] = "ablations"
    set: Slug
    base: str = Field(description="the base in words")
    bright: str = Field(description="label of the brightest bin")
    faint: str = Field(description="label of the faintest bin")
    rows: list[AblationRow]


class StressRow(Strict):
    """One model under one condition that it was not trained for."""

    group: Literal["none", "masked", "resolution", "noise"]
    label: str = Field(description="the condition, for example 'half of the pixels masked'")
    model: Slug
    n: int = Field(ge=1)
    r2: Interval
    mae: Interval
    bias: Interval


class StressFile(ContractFile):
    """``runs/<run>/stress.json``: trained networks on spectra unlike those trained on, the same stars each time."""

    kind: Literal["stress"] = "stress"
    set: Slug
    description: str
    rows: list[StressRow]


FILE_KINDS: dict[str, type[ContractFile]] = {
    "interpolation": InterpolationFile,
    "instrument": InstrumentFile,
    "run": RunFile,
    "history": HistoryFile,
    "metrics": MetricsFile,
    "predictions": PredictionsFile,
    "example": ExampleFile,
    "attention": AttentionFile,
    "attribution": AttributionFile,
    "faithfulness": FaithfulnessFile,
    "limits": LimitsFile,
    "calibration": CalibrationFile,
    "scaling": ScalingFile,
    "ablations": AblationsFile,
    "stress": StressFile,
    "transfer": TransferFile,
    "spectrum": SpectrumFile,
    "network": NetworkFile,
    "pairs": PairsFile,
}
