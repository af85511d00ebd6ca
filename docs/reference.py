"""The reference pages, made from the code: ``python docs/reference.py --check | --write``.

cli.md holds what every command prints with ``--help``; configuration.md every setting with its comment; pages.md every
page of the site and every consistency check. What says nothing of itself is refused, so nothing is undocumented.
"""

import argparse
import ast
import contextlib
import inspect
import io
import os
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from model import cli as model_cli  # noqa: E402
from model import config, explain, train, vit  # noqa: E402
from model.transfer import experiment, fit  # noqa: E402
from site_builder import __main__ as site_cli  # noqa: E402
from site_builder import checks, cli  # noqa: E402
from site_builder.config import Accent, Cite, Link, SiteConfig  # noqa: E402
from site_builder.pages import registry  # noqa: E402
from site_builder.results_docs import kind_of, limits_of  # noqa: E402

COLUMNS = 100
WRITTEN = "<!-- Written by docs/reference.py (make docs). -->"


class Undocumented(Exception):
    """Something says nothing of itself."""


# cli.md


@dataclass(frozen=True)
class Program:
    """A command line: what a user types before its options, and what runs it."""

    words: str
    main: Callable[[list[str]], Any]
    about: str


PROGRAMS = (
    Program("python build.py", cli.main, "Builds the site from results; needs neither torch nor a network."),
    Program("python -m site_builder", site_cli.main, "What is written from the contract and the templates."),
    Program("python -m model", model_cli.main, "Everything that computes. Each command has options of its own."),
)


def help_of(program: Program, words: tuple[str, ...] = (), columns: int = COLUMNS) -> str:
    """What a command prints with ``--help``."""
    said, width = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            program.main([*words, "--help"])
    finally:
        del os.environ["COLUMNS"]
        if width is not None:
            os.environ["COLUMNS"] = width
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


def subcommands(text: str) -> list[str]:
    """Names of the commands that a help text of tyro lists."""
    return re.findall(r"^\W*• (\S+)", text, re.MULTILINE)


@cache
def commands() -> list[tuple[Program, tuple[str, ...], str]]:
    """Every command with its help text, those inside of others after them."""
    found = []
    for program in PROGRAMS:
        todo: list[tuple[str, ...]] = [()]
        while todo:
            words = todo.pop(0)
            text = help_of(program, words)
            found.append((program, words, text))
            todo[:0] = [(*words, name) for name in subcommands(text)]
    return found


def cli_page() -> str:
    """Every command with what it prints when it is asked for help."""
    parts = [
        f"# The commands\n\n{WRITTEN}\n",
        "What each command prints with `--help`. `python` is the one of the environment that `make` sets up,\n"
        "`.venv/bin/python`. Input that cannot be used is refused in one sentence, with exit code 2.\n"
        "`make help` lists the targets of `make`.\n",
    ]
    for program, words, text in commands():
        head = f"{'###' if words else '##'} {' '.join([program.words, *words])}"
        parts.append("\n\n".join([head, *([] if words else [program.about]), f"```text\n{text}\n```\n"]))
    return "\n".join(parts)


# configuration.md

SETTINGS: tuple[tuple[type, str], ...] = (
    (vit.VitConfig, "Table `[vit]` of a file in `configs/`."),
    (train.TrainConfig, "Table `[training]` of a file in `configs/`; the recipe of every network."),
    (config.RunConfig, "What `python -m model run` and `train` make of a preset or a file; `results/` has its hash."),
    (config.Preset, "An entry of `PRESETS` in `model/config.py`."),
    (experiment.TransferConfig, "`python -m model transfer`."),
    (fit.FitConfig, "The parts of `TransferConfig` that learn from real stars."),
    (explain.ExplainConfig, "`python -m model attention`."),
)
SITE = (
    (SiteConfig, "The file itself."),
    (Cite, "Table `[citation]`."),
    (Link, "Each table `[[links]]`."),
    (Accent, "Table `[accent]`."),
)
VARIABLES = {
    "SPECVIT_CACHE": "folder of drawings that are kept from one build to the next (default: the user's cache folder)",
    "SPECVIT_GRID": "folder of BOSZ spectra that are used in place of the embedded grid ([surveys.md](surveys.md))",
    "SPECVIT_OBSERVED": "folder of the observed spectra (default: `../shared/data/observed` beside the repository; "
    "[data/README.md](../data/README.md#observed-spectra-not-here))",
    "SOURCE_DATE_EPOCH": "time that all files of a built site bear, in seconds since 1970",
    "XDG_CACHE_HOME": "the user's cache folder, where there is no `SPECVIT_CACHE` (Linux)",
    "LOCALAPPDATA": "the same on Windows",
    "RANK": "number of this process of a training; `torchrun` sets it",
    "WORLD_SIZE": "number of all processes of a training; `torchrun` sets it",
    "LOCAL_RANK": "number of this process on its machine, and of its GPU; `torchrun` sets it",
}


def _fields(cls: type) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, meaning) of each field of a dataclass, from its source.

    Raises:
        Undocumented: a field without a comment.
    """
    source = inspect.getsource(cls)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, meaning = node.target.id, comments.get(node.end_lineno or 0, "")
            if not meaning:
                raise Undocumented(f"{cls.__module__}.{cls.__name__}.{name} has no comment behind it")
            default = f"`{_default(node.value)}`" if node.value else "needed"
            yield name, f"`{ast.unparse(node.annotation)}`", default, meaning


def _default(value: ast.expr) -> str:
    """The default of a field, or what its factory makes."""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        return ast.unparse(value)
    factory = value.keywords[0].value
    return ast.unparse(factory.body) if isinstance(factory, ast.Lambda) else f"{ast.unparse(factory)}()"


def _site_fields(cls: type) -> Iterator[tuple[str, str, str, str]]:
    """The same of a class of ``site.toml``.

    Raises:
        Undocumented: a field without a description.
    """
    assert issubclass(cls, SiteConfig.__mro__[1])
    for name, field in cls.model_fields.items():
        if not field.description:
            raise Undocumented(f"{cls.__module__}.{cls.__name__}.{name} has no description")
        kind = kind_of(field.annotation, {}).replace(" or `null`", "").replace("(#", "(#table-") + limits_of(field)
        default = field.get_default(call_default_factory=True)
        shown = "needed" if field.is_required() else f"`{default!r}`" if isinstance(default, str) else "none"
        yield name, kind, shown, field.description


def table(head: list[str], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; bars inside of cells are escaped."""
    body = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *body])


def configuration_page() -> str:
    """Every setting of runs and of sites, and every variable of the environment."""
    head = ["field", "type", "default", "meaning"]
    parts = [
        f"# Settings\n\n{WRITTEN}\n",
        "Runs are set by presets in [model/config.py](../model/config.py) and by files in [configs/](../configs),\n"
        "which name a `preset` and change fields of it in the tables `[vit]` and `[training]`. Sites are set by\n"
        "[`site.toml`](#sitetoml). Options of commands are in [cli.md](cli.md).\n",
        "## Runs\n",
    ]
    for cls, about in SETTINGS:
        assert is_dataclass(cls)
        rows = [(f"`{name}`", *rest) for name, *rest in _fields(cls)]
        parts.append(f"### {cls.__name__}\n\n{cls.__doc__} {about}\n\n{table(head, rows)}\n")
    parts.append("## site.toml\n\nEvery field may be left out, but those inside of a table that is given.\n")
    for cls, about in SITE:
        rows = [(f"`{name}`", *rest) for name, *rest in _site_fields(cls)]
        parts.append(f'### <a id="table-{cls.__name__.lower()}"></a>{cls.__name__}\n\n{about}\n\n{table(head, rows)}\n')
    variables = table(["variable", "meaning"], [(f"`{name}`", text) for name, text in VARIABLES.items()])
    parts.append(f"## Variables of the environment\n\n{variables}\n")
    return "\n".join(parts)


# pages.md


def _said(thing: Any) -> str:
    """First sentence of a docstring, on one line.

    Raises:
        Undocumented: there is none.
    """
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    if not text.endswith("."):
        raise Undocumented(f"{thing.__module__}.{thing.__qualname__} has no sentence as its docstring")
    return text


def _where(thing: Any) -> str:
    """A link to the file of a module or function."""
    module = thing if inspect.ismodule(thing) else sys.modules[thing.__module__]
    path = Path(str(module.__file__)).relative_to(ROOT).as_posix()
    return f"[{Path(path).name}](../{path})"


def pages_page() -> str:
    """Every page and every check."""
    pages = []
    for module in registry.MODULES:
        page, needs = module.PAGE, getattr(module, "available", None)
        when = "always" if needs is None else _said(needs)
        template = f"[{Path(page.template).name}](../templates/{page.template})"
        pages.append(
            (f"`{page.file}`", page.nav or "not in the menu", page.description, when, _where(module), template)
        )
    every = [(f"`{check.__name__}`", _said(check), _where(check)) for check in checks.CHECKS]
    return "\n".join(
        [
            f"# Pages and checks\n\n{WRITTEN}\n",
            f"## Pages\n\nIn the order of the menu ([registry.py](../site_builder/pages/registry.py)). A page that "
            f"has nothing to\nshow is left out. Each is there in Chinese below `zh/`, too.\n\n"
            f"{table(['address', 'menu', 'what it shows', 'shown if', 'made by', 'template'], pages)}\n",
            f"## Checks\n\nWhat must hold between the files of a results folder before it is published, in the order\n"
            f"in which it is checked, at every build and by `python build.py --check`. The first that does not hold\n"
            f"is told in one sentence.\n\n{table(['check', 'what must hold', 'file'], every)}\n",
        ]
    )


PAGES = {"cli.md": cli_page, "configuration.md": configuration_page, "pages.md": pages_page}


def main() -> int:
    """Check or write the pages; 1 when one differs from the code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="say which pages do not agree with the code")
    mode.add_argument("--write", action="store_true", help="write the pages again")
    args = parser.parse_args()
    old = []
    for name, make in PAGES.items():
        path, text = ROOT / "docs" / name, make()
        if args.write:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            old.append(name)
    if old:
        print(f"{', '.join(f'docs/{name}' for name in old)}: not as the code is; run make docs.", file=sys.stderr)
    return bool(old)


if __name__ == "__main__":
    sys.exit(main())
