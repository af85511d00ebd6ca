"""docs/results.md: the results contract in words, made from its pydantic classes (``python -m site_builder docs``)."""

import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from site_builder.contract import schema
from site_builder.contract.io import write_atomic
from site_builder.contract.schema import FILE_KINDS, SCHEMA_VERSION, Index
from site_builder.contract.words import meaning

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
REQUIRED = ("instrument", "run", "metrics", "predictions")
HEAD = """# Results: what the builder reads

<!-- Written by python -m site_builder docs from the classes in site_builder/contract/. -->

A site is built from a folder of JSON files; this page has every field of them (version {version}). Who trains a model
with `python -m model run` gets such a folder. For a model of your own there is `model/own.py`: arrays in, a folder out;
[examples/sklearn_model.py](../examples/sklearn_model.py) is a whole program of less than 60 lines.

    python -m site_builder new my-site
    python examples/sklearn_model.py --out my-site/results
    python build.py --config my-site/site.toml

- Needed: `index.json`, and for each run its `run.json`, its instrument, and `metrics` and `predictions` of every set.
  At least one set of the main run is synthetic and has bins of magnitude or SNR.
- All else may be missing. A page for which there is nothing leaves the menu, and links to it become text.
- The builder holds files against each other before anything is published (`python build.py --check`): metrics follow
  from the predictions, names and numbers agree, no model is above the Bayes limit. What does not hold is told in one
  sentence.
- Of large results {drawn} example stars of each run are drawn, those with attention first, then evenly by name; all are
  checked and published. Predictions of a million stars build within seconds; they are drawn as densities.
- Several folders can be on one site: `python build.py --results A --results B`. Runs keep their names, which must
  differ; the headline is the main run of the first. Sets of the same name with the same stars are compared.

Numbers are finite, and what does not exist is `null`. Wavelengths are in vacuum and in ångström.

```
{layout}
```
"""


def layout() -> str:
    """The tree of a results folder, from the docstring of the contract."""
    lines = (schema.__doc__ or "").splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith("index.json"))
    rest = lines[first:]
    return "\n".join(line[4:] for line in rest[: rest.index("")])


def kind_of(annotation: Any, nested: dict[str, type[BaseModel]]) -> str:
    """A type in words; classes that it is made of are added to ``nested``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(args[0], nested)
    if origin in (Union, types.UnionType):
        return " or ".join(kind_of(a, nested) for a in args)
    if origin is Literal:
        return ", ".join(f"`{a}`" for a in args)
    if origin is list:
        return f"list of: {kind_of(args[0], nested)}"
    if origin is tuple:
        return f"{len(args)} of: {kind_of(args[0], nested)}"
    if origin is dict:
        return f"by name: {kind_of(args[1], nested)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        nested[annotation.__name__] = annotation
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    names = {str: "text", float: "number", int: "whole number", bool: "true or false", type(None): "`null`"}
    return "list of: number" if annotation is np.ndarray else names[annotation]


LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def limits_of(field: FieldInfo) -> str:
    """Bounds of a number, for example ', ≥ 0'."""
    found = ((sign, getattr(one, name, None)) for one in field.metadata for name, sign in LIMITS.items())
    return "".join(f", {sign} {bound:g}" for sign, bound in found if isinstance(bound, int | float))


def table(cls: type[BaseModel], nested: dict[str, type[BaseModel]]) -> str:
    """Fields of a class as a table."""
    lines = ["| field | type | meaning |", "|---|---|---|"]
    for name, field in cls.model_fields.items():
        kind = kind_of(field.annotation, nested) + limits_of(field)
        may = "" if field.is_required() or name in ("kind", "schema_version") else " (may be left out)"
        lines.append(f"| `{name}` | {kind} | {meaning(cls, name).replace('|', chr(92) + '|')}{may} |")
    return "\n".join(lines)


def _text(cls: type[BaseModel]) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (cls.__doc__ or "").strip().split("\n\n"))


def document() -> str:
    """The whole page."""
    from site_builder.results import DRAWN

    nested: dict[str, type[BaseModel]] = {}
    parts = [HEAD.format(version=SCHEMA_VERSION, drawn=DRAWN, layout=layout())]
    kinds: dict[str, type[BaseModel]] = {"index": Index, **FILE_KINDS}
    parts.append("## Files\n")
    for kind, cls in kinds.items():
        need = "needed" if kind in ("index", *REQUIRED) else "may be missing"
        parts.append(f"### {kind}\n\n{_text(cls)} ({need})\n\n{table(cls, nested)}\n")
    parts.append("## Parts of files\n")
    done: set[str] = set()
    while left := [name for name in nested if name not in done]:
        for name in left:
            done.add(name)
            parts.append(f"### {name}\n\n{_text(nested[name])}\n\n{table(nested[name], nested)}\n")
    return "\n".join(parts)


def write_docs(path: Path = PAGE) -> Path:
    """Write the page and return its path."""
    write_atomic(path, document().encode())
    return path
