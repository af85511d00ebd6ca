"""Presets: everything that one ``python -m model run`` needs to know, as dataclasses; and files that change them."""

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from model.train import TrainConfig
from model.vit import PRESETS as SHAPES
from model.vit import VitConfig
from site_builder.contract import BadInput


@dataclass(frozen=True)
class RunConfig:
    """One run: one SpecViT and its baselines on one instrument, evaluated and exported."""

    preset: str  # name of the preset
    instrument: str  # pfs-mr or lamost
    vit: VitConfig  # shape of SpecViT
    training: TrainConfig  # recipe of SpecViT
    mlp_training: TrainConfig  # recipe of the MLP baseline
    cnn_training: TrainConfig  # recipe of the CNN baseline
    published: TrainConfig | None = None  # the published recipe, trained beside the best one at the same size
    mlp_hidden: tuple[int, ...] = (512, 256, 128)  # hidden widths of the MLP
    ridge_spectra: int = 200_000  # fresh spectra behind Ridge's normal equations
    boosting_spectra: int = 200_000  # fresh spectra that LightGBM is fitted to
    validation_spectra: int = 2_000  # fixed validation set
    test_spectra: int = 10_000  # fixed test set
    curve_spectra: int = 4_000  # spectra at each magnitude of the SNR curve
    bootstrap: int = 1_000  # resamples behind each interval
    examples: int = 9  # synthetic stars exported for the pages
    noise_seeds: int = 12  # noise realisations per synthetic example star
    seed: int = 0  # seed that all random streams derive from
    scale_down: int = 1  # every number of spectra was divided by this

    @property
    def command(self) -> str:
        """The command that makes the run again."""
        options = {"seed": (self.seed, 0), "scale-down": (self.scale_down, 1)}
        extra = "".join(f" --{name} {value}" for name, (value, default) in options.items() if value != default)
        source = f"--config configs/{self.preset}.toml" if self.preset not in PRESETS else f"--preset {self.preset}"
        return f"python -m model run {source}{extra}"

    @property
    def published_recipe(self) -> str:
        """The published recipe in words."""
        t = self.published
        assert t is not None
        assert t.distinct is not None
        return (
            f"Huber loss (delta {t.huber_delta:g}) on the labels, AdamW at {t.learning_rate:g}, cosine, batch "
            f"{t.batch_size}, {t.presentations / t.distinct:g} epochs of {t.distinct} spectra with fresh noise"
        )

    @property
    def run_id(self) -> str:
        """Identifier of the run, also its folder."""
        return f"{self.preset}-{self.instrument}" + (f"-seed{self.seed}" if self.seed else "")


@dataclass(frozen=True)
class Preset:
    """A named size: recipe per instrument, and the patch size where a spectrum has 960 pixels."""

    lamost_patch: int  # pixels of a patch on LAMOST's pixels
    pfs: TrainConfig  # recipe of SpecViT on pfs-mr
    lamost: TrainConfig  # recipe of SpecViT on lamost
    mlp: TrainConfig  # recipe of the MLP baseline
    cnn: TrainConfig  # recipe of the CNN baseline
    overrides: dict[str, int | tuple[int, ...]] = field(default_factory=dict)  # other fields of the run


# what every network of a run shares: the loss is the distance to the posterior mean, which is computed as the
# spectra are simulated (PFS); LAMOST has no such teacher and learns from the labels
POSTERIOR: dict[str, Any] = {"loss": "mse", "targets": "posterior", "precision": "bfloat16"}
LABEL: dict[str, Any] = {"loss": "mse", "precision": "bfloat16"}

PRESETS: dict[str, Preset] = {
    # the published size with the best recipe found (docs/training.md); wants a GPU
    "specvit-s": Preset(
        lamost_patch=15,
        pfs=TrainConfig(presentations=20_000_000, batch_size=1024, learning_rate=1e-3, **POSTERIOR),
        lamost=TrainConfig(presentations=5_000_000, batch_size=1024, learning_rate=1e-3, **LABEL),
        mlp=TrainConfig(presentations=8_000_000, batch_size=512, learning_rate=1e-3, **POSTERIOR),
        cnn=TrainConfig(presentations=8_000_000, batch_size=512, learning_rate=1e-3, **POSTERIOR),
    ),
    # two CPU cores, an evening with all baselines and limits
    "specvit-ti": Preset(
        lamost_patch=60,
        pfs=TrainConfig(
            presentations=5_000_000, learning_rate=1e-3, cooldown_from=2_406_400, cooldown=800_000, **POSTERIOR
        ),
        lamost=TrainConfig(presentations=1_024_000, learning_rate=1e-3, loss="mse"),
        mlp=TrainConfig(presentations=2_048_000, batch_size=512, learning_rate=1e-3, **POSTERIOR),
        cnn=TrainConfig(presentations=1_024_000, batch_size=512, learning_rate=1e-3, **POSTERIOR),
    ),
    # the whole chain in minutes
    "specvit-nano": Preset(
        lamost_patch=60,
        pfs=TrainConfig(presentations=192_000, learning_rate=2e-3, log_every=25_600, calibration=8_000, **POSTERIOR),
        lamost=TrainConfig(presentations=128_000, learning_rate=2e-3, log_every=25_600, calibration=8_000, **LABEL),
        mlp=TrainConfig(
            presentations=128_000, batch_size=512, learning_rate=1e-3, log_every=25_600, calibration=8_000, **POSTERIOR
        ),
        cnn=TrainConfig(
            presentations=64_000, batch_size=512, learning_rate=1e-3, log_every=25_600, calibration=8_000, **POSTERIOR
        ),
        overrides={
            "mlp_hidden": (128, 64),
            "ridge_spectra": 20_000,
            "boosting_spectra": 20_000,
            "test_spectra": 2_000,
            "curve_spectra": 200,
            "bootstrap": 300,
            "examples": 6,
            "noise_seeds": 6,
        },
    ),
}
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def run_config(preset: str, instrument: str, seed: int = 0) -> RunConfig:
    """Configuration of a preset on an instrument.

    Raises:
        BadInput: unknown preset or instrument.
    """
    if preset not in PRESETS:
        raise BadInput(f"--preset: {preset:.60} is not known; choose one of {', '.join(PRESETS)}.")
    if instrument not in ("pfs-mr", "lamost"):
        raise BadInput(f"--instrument: {instrument} is not known; choose pfs-mr or lamost.")
    chosen = PRESETS[preset]
    vit, training = SHAPES[preset], chosen.pfs
    if instrument == "lamost":
        vit, training = replace(vit, n_pixels=960, patch_size=chosen.lamost_patch), chosen.lamost

    def for_instrument(t: TrainConfig) -> TrainConfig:
        return replace(t, seed=seed, targets=t.targets if instrument == "pfs-mr" else "label")

    config = RunConfig(
        preset=preset,
        instrument=instrument,
        vit=vit,
        training=replace(training, seed=seed),
        mlp_training=for_instrument(chosen.mlp),
        cnn_training=for_instrument(chosen.cnn),
        seed=seed,
    )
    if preset == "specvit-ti" and instrument == "pfs-mr":
        config = replace(config, published=from_file(CONFIGS / "published.toml", instrument, seed).training)
    return replace(config, **chosen.overrides)  # type: ignore[arg-type]


def from_file(path: Path, instrument: str, seed: int = 0) -> RunConfig:
    """Configuration from a TOML file: a preset, and what differs from it in the tables ``vit`` and ``training``.

    Raises:
        BadInput: the file cannot be read, or names a field that there is not.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as TOML ({error}); give a file like configs/published.toml.") from None
    config = run_config(repr(str(table.get("preset", "")))[1:-1], instrument, seed)  # one line, whatever it holds
    unknown = set(table) - {"preset", "vit", "training"}
    if unknown:
        raise BadInput(f"{path}: field {min(unknown):.60} is not known; use preset, [vit] and [training].")
    vit = _filled(path, "vit", config.vit, table.get("vit", {}))
    training = _filled(path, "training", replace(config.training, seed=seed), table.get("training", {}))
    return replace(config, preset=path.stem, vit=vit, training=training)


Settings = TypeVar("Settings", VitConfig, TrainConfig)


def _filled(path: Path, name: str, base: Settings, given: object) -> Settings:
    """``base`` with the fields of a file's table ``name``.

    Raises:
        BadInput: a field is not known, or its value is of another type or out of range.
    """
    if not isinstance(given, dict):
        raise BadInput(f"{path}: field {name} is no table; write [{name}], then one setting a line.")
    known = {f.name for f in fields(base)}
    if unknown := set(given) - known:
        raise BadInput(f"{path}: field {name}.{min(unknown):.60} is not known; use one of {', '.join(sorted(known))}.")
    try:
        return TypeAdapter(type(base)).validate_python(asdict(base) | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(f"{path}: field {name}.{first['loc'][0]}: {first['msg']}; correct it.") from None
