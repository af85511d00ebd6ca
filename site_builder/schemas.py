"""JSON Schema of the contract, generated from the pydantic classes."""

import json
from pathlib import Path

from pydantic import BaseModel

from site_builder.contract.io import write_atomic
from site_builder.contract.schema import FILE_KINDS, SCHEMA_VERSION, Index
from site_builder.contract.words import known

FOLDER = Path(__file__).resolve().parent.parent / "schema"


def schema_files() -> dict[str, bytes]:
    """Every schema by its file name, for example ``run.schema.json``."""
    kinds: dict[str, type[BaseModel]] = {"index": Index, **FILE_KINDS}
    files = {}
    for kind, cls in sorted(kinds.items()):
        schema = cls.model_json_schema()
        for name, part in {cls.__name__: schema, **schema.get("$defs", {})}.items():
            for field, described in part.get("properties", {}).items():
                if "description" not in described and (words := known(name, field)):
                    described["description"] = words
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "version": SCHEMA_VERSION}
        files[f"{kind}.schema.json"] = json.dumps(head | schema, indent=1, ensure_ascii=False).encode() + b"\n"
    return files


def write_schemas(folder: Path = FOLDER) -> list[Path]:
    """Write every schema into ``folder``, and remove those of kinds that are gone."""
    files = schema_files()
    for old in folder.glob("*.schema.json"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        write_atomic(folder / name, content)
    return [folder / name for name in files]
