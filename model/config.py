"""Presets: everything that one ``python -m model run`` needs to know, as dataclasses."""

from dataclasses import dataclass, field, replace

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
    mlp_hidden: tuple[int, ...] = (512, 256, 128)  # hidden widths of the MLP
    ridge_spectra: int = 200_000  # fresh spectra behind Ridge's normal equations
    boosting_spectra: int = 200_000  # fresh spectra that LightGBM is fitted to
    validation_spectra: int = 2_000  # fixed validation set
    test_spectra: int = 10_000  # fixed test set
    curve_spectra: int = 12_000  # fixed set over the wide magnitude range, for the SNR curve
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
        return f"python -m model run --preset {self.preset}{extra}"

    @property
    def run_id(self) -> str:
        """Identifier of the run, also its folder."""
        return f"{self.preset}-{self.instrument}" + (f"-seed{self.seed}" if self.seed else "")


@dataclass(frozen=True)
class Preset:
    """A named size: recipe per instrument, and the patch size where a spectrum has 960 pixels."""

    lamost_patch: int
    pfs: TrainConfig
    lamost: TrainConfig
    mlp: TrainConfig
    overrides: dict[str, int | tuple[int, ...]] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    # the published recipe: 50 epochs of 50 000 spectra, Huber 0.5, AdamW 3e-4; wants a GPU
    "specvit-s": Preset(
        lamost_patch=15,
        pfs=TrainConfig(presentations=2_500_000, learning_rate=3e-4, loss="huber"),
        lamost=TrainConfig(presentations=2_500_000, learning_rate=3e-4, loss="huber"),
        mlp=TrainConfig(presentations=4_000_000, batch_size=512, learning_rate=1e-3, loss="mse"),
    ),
    # two CPU cores, an evening with all baselines and limits
    "specvit-ti": Preset(
        lamost_patch=60,
        pfs=TrainConfig(
            presentations=5_000_000,
            learning_rate=1e-3,
            loss="mse",
            targets="posterior",
            precision="bfloat16",
        ),
        lamost=TrainConfig(presentations=1_024_000, learning_rate=1e-3, loss="mse"),
        mlp=TrainConfig(presentations=3_000_000, batch_size=512, learning_rate=1e-3, loss="mse", log_every=102_400),
    ),
    # the whole chain in minutes
    "specvit-nano": Preset(
        lamost_patch=60,
        pfs=TrainConfig(presentations=256_000, learning_rate=2e-3, loss="mse", log_every=25_600),
        lamost=TrainConfig(presentations=128_000, learning_rate=2e-3, loss="mse", log_every=25_600),
        mlp=TrainConfig(presentations=256_000, batch_size=512, learning_rate=1e-3, loss="mse", log_every=25_600),
        overrides={
            "mlp_hidden": (128, 64),
            "ridge_spectra": 20_000,
            "boosting_spectra": 20_000,
            "test_spectra": 4_000,
            "curve_spectra": 6_000,
            "bootstrap": 300,
            "examples": 6,
            "noise_seeds": 6,
        },
    ),
}


def run_config(preset: str, instrument: str, seed: int = 0) -> RunConfig:
    """Configuration of a preset on an instrument.

    Raises:
        BadInput: unknown preset or instrument.
    """
    if preset not in PRESETS:
        raise BadInput(f"--preset: {preset} is not known; choose one of {', '.join(PRESETS)}.")
    if instrument not in ("pfs-mr", "lamost"):
        raise BadInput(f"--instrument: {instrument} is not known; choose pfs-mr or lamost.")
    chosen = PRESETS[preset]
    vit, training = SHAPES[preset], chosen.pfs
    if instrument == "lamost":
        vit, training = replace(vit, n_pixels=960, patch_size=chosen.lamost_patch), chosen.lamost
    config = RunConfig(
        preset=preset,
        instrument=instrument,
        vit=vit,
        training=replace(training, seed=seed),
        mlp_training=replace(chosen.mlp, seed=seed),
        seed=seed,
    )
    return replace(config, **chosen.overrides)  # type: ignore[arg-type]
