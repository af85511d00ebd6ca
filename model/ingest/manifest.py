"""What is written down: a record for each file as it is finished, and the manifest of the whole folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.ingest.layout import STATE, VERSION
from site_builder.contract import BadInput
from site_builder.contract.io import write_atomic
from site_builder.contract.schema import WaveAxis

MANIFEST = "manifest.json"
SETTINGS = "settings.json"
RECORDS = "records"
T = TypeVar("T", bound=BaseModel)


class Strict(BaseModel):
    """No field but those declared."""

    model_config = ConfigDict(extra="forbid")


class Shard(Strict):
    """One Parquet file."""

    path: str = Field(description="relative to the manifest")
    rows: int = Field(ge=1, description="spectra")
    bytes: int
    sha256: str


class Record(Strict):
    """What became of one survey file."""

    source: str = Field(description="absolute path")
    bytes: int
    mtime_ns: int
    outcome: Literal["done", "empty", "damaged"] = Field(description="empty: read, but no star passes the cuts")
    reason: str = Field(default="", description="why it is damaged, in one sentence")
    instrument: str = ""
    resolution: float | None = Field(default=None, description="lambda / FWHM")
    report: dict[str, int] = Field(default={}, description="spectra left after each cut, in order")
    spectra: int = 0
    repeats_dropped: int = Field(default=0, description="spectra left out because an earlier file has the object")
    shards: list[Shard] = []


class Settings(Strict):
    """What every shard of a folder was made with."""

    schema_version: str = VERSION
    survey: str
    wave: WaveAxis = Field(description="pixels of flux, ivar, lambda and mask: vacuum, at rest")
    catalogue_sha256: str = Field(default="", description="of the columns used; empty without a catalogue")
    unlabelled: bool = Field(description="spectra without labels were kept")
    repeats: Literal["keep", "drop"] = Field(description="what was done with objects that an earlier file has")
    row_group: int = Field(description="spectra in each row group of a shard but its last")


class Manifest(Settings):
    """The whole folder: ``manifest.json``."""

    instrument: str
    files: dict[str, int] = Field(description="survey files by outcome")
    spectra: int
    objects: int = Field(description="distinct object_id")
    repeated: int = Field(description="spectra whose object_id an earlier shard has")
    bytes: int = Field(description="of all shards")
    report: dict[str, int] = Field(description="spectra left after each cut, over all files")
    records: list[Record] = Field(description="by source path")

    @property
    def shards(self) -> list[Shard]:
        """All shards, in the order that streams number spectra in."""
        return [shard for record in self.records for shard in record.shards]


def dump(path: Path, content: BaseModel) -> None:
    """Write as JSON, whole or not at all."""
    write_atomic(path, content.model_dump_json(indent=1).encode() + b"\n")


def parse(path: Path, kind: type[T], mend: str) -> T:
    """Read JSON that ``dump`` wrote.

    Raises:
        BadInput: it is missing, damaged or of another version; ``mend`` says what to do.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); {mend}.") from None
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        field = ".".join(str(p) for p in first["loc"]) or "(whole file)"
        raise BadInput(f"{path}: field {field} is not valid ({first['msg'].lower()}); {mend}.") from None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder of shards.

    Raises:
        BadInput: there is none, or it is of another version.
    """
    manifest = parse(folder / MANIFEST, Manifest, "write the shards with python -m model ingest")
    if manifest.schema_version != VERSION:
        raise BadInput(
            f"{folder / MANIFEST}: field schema_version is {manifest.schema_version} but this code reads {VERSION}; "
            "ingest the files again."
        )
    return manifest


def records(out: Path) -> Iterator[tuple[str, Record]]:
    """(key, record) of every file that was finished in ``out``; records that cannot be read are as if not there."""
    for path in sorted((out / STATE / RECORDS).glob("[!.]*.json")):
        try:
            yield path.stem, parse(path, Record, "")
        except BadInput:
            path.unlink()


def check_settings(out: Path, settings: Settings) -> None:
    """Write the settings, or compare them with those that the folder has.

    Raises:
        BadInput: the folder's shards were made otherwise.
    """
    path = out / STATE / SETTINGS
    if not path.exists():
        dump(path, settings)
        return
    old = parse(path, Settings, "choose a new folder")
    for name in Settings.model_fields:
        if getattr(old, name) != getattr(settings, name):
            raise BadInput(f"--out {out}: field {name} differs from that of the shards there; choose a new folder.")
