"""What every class of the contract is made of: versions, names, provenance, a value with its interval."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = "1.4"  # 1.1 to 1.4 add files and optional fields: a file of an earlier version is still valid
READABLE_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
Version = Literal["1.0", "1.1", "1.2", "1.3", "1.4"]

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
StarClass = Literal["giant", "subgiant", "dwarf"]
Origin = Literal["synthetic", "observed", "emulated"]
Survey = Literal["synthetic", "LAMOST DR10", "LAMOST DR1", "APOGEE DR17", "DESI", "SDSS", "Gaia DR3 RVS"]


class Strict(BaseModel):
    """Base: unknown fields and non-finite numbers are refused; instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class WaveAxis(Strict):
    """A wavelength axis that is affine in wavelength or in its decimal logarithm."""

    scale: Literal["linear", "log10"]
    start: float = Field(description="first wavelength (linear) or its log10, vacuum Angstrom")
    step: float = Field(gt=0, description="step in Angstrom (linear) or in dex (log10)")
    n: int = Field(ge=2, description="number of pixels")


class Machine(Strict):
    """The computer that a run was made on."""

    cpu: str = Field(description="processor name as the system reports it")
    cores: int = Field(ge=1, description="cores that the run could use")
    memory_gb: float = Field(gt=0, description="main memory in GB")
    gpu: str | None = Field(description="accelerator, or null when none was used")
    system: str = Field(description="operating system and architecture")
    python: str = Field(description="Python version")


class Provenance(Strict):
    """Where the numbers of a file come from."""

    run: Slug = Field(description="identifier of the run that made the file")
    command: str = Field(description="command that makes it again")
    commit: str = Field(pattern=r"^([0-9a-f]{40}|unknown)$", description="git commit of the code")
    dirty: bool = Field(description="true if the code differed from that commit")
    config_sha256: Sha256 = Field(description="hash of the run's full configuration")
    data_sha256: dict[str, Sha256] = Field(description="hash of every input file, by name")
    seed: int = Field(ge=0, description="seed that all random streams of the run derive from")
    created: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC time of writing")
    machine: Machine
    versions: dict[str, str] = Field(description="versions of the libraries that computed it")


class ContractFile(Strict):
    """Fields that every exported file has."""

    schema_version: Version = "1.4"
    provenance: Provenance

    @property
    def attachments(self) -> dict[str, tuple[str, int]]:
        """Files beside this one that belong to it, each with its hash and its bytes."""
        return {}


class Interval(Strict):
    """A measured value with its 95 % bootstrap interval."""

    value: float
    lo: float
    hi: float

    @model_validator(mode="after")
    def _ordered(self) -> "Interval":
        if not self.lo <= self.hi:
            raise ValueError(f"interval [{self.lo}, {self.hi}] is reversed")
        return self


class Prior(Strict):
    """Uniform ranges that the training labels are drawn from."""

    teff: tuple[float, float]
    logg: tuple[float, float]
    mh: tuple[float, float]
    magnitude: tuple[float, float] | None
    snr: tuple[float, float] | None = Field(description="log-uniform range of the SNR per pixel, where no magnitude is")


def class_of(logg: float) -> StarClass:
    """Class of a star by its surface gravity."""
    return "giant" if logg < 2.5 else "subgiant" if logg < 3.5 else "dwarf"
