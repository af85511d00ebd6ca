"""The documents cannot lie: every command, option, setting, page and check is documented, as the code is."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from site_builder import checks
from site_builder import cli as build_cli
from site_builder.pages import registry

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
DECORATION = re.compile(r"[─-╿]+|-{3,}")


@cache
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


@cache
def options() -> dict[str, set[str]]:
    """Options of every command, as its help lists them."""
    every = reference().commands()
    return {
        " ".join([program.words, *words]): set(re.findall(r"^\W{0,4}(?:-h, )?(--[a-z-]+)", text, re.MULTILINE))
        for program, words, text in every
    }


@pytest.mark.parametrize("name", ["cli.md", "configuration.md", "pages.md"])
def test_page_is_what_the_code_says(name: str) -> None:
    assert set(reference().PAGES) == {"cli.md", "configuration.md", "pages.md"}
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == reference().PAGES[name](), "run make docs"


@pytest.mark.parametrize(
    "words", ["build.py", "-m site_builder", "-m model", "-m model predict"], ids=lambda w: w.replace(" ", "_")
)
def test_page_has_what_the_command_prints(words: str) -> None:
    """In a process of its own, as a user types it; drawn with other lines, but with the same words."""
    environment = os.environ | {"COLUMNS": str(reference().COLUMNS)}
    command = [sys.executable, *words.split(), "--help"]
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    section = re.search(rf"^###? python {re.escape(words)}\n.*?^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert DECORATION.sub(" ", section[1]).split() == DECORATION.sub(" ", said).split()


def said_of_options(text: str) -> dict[str, str]:
    """What a help text of tyro says of each option, without its default."""
    found = {}
    for part in re.split(r"\n {1,2}(?=-)", text)[1:]:
        head, _, said = re.sub(r"\n {6,}", "  ", part.partition("\n\n")[0]).partition("  ")
        said = re.sub(r"\((default:.*|required)\)$", "", " ".join(said.split()))
        if not head.startswith("---"):
            found[head] = said.strip()
    return found


def test_every_option_says_what_it_does() -> None:
    seen = {
        (*words, option): said
        for program, words, text in reference().commands()
        if program.words == "python -m model"
        for option, said in said_of_options(text).items()
    }
    assert len(seen) > 100
    assert [option for option, said in seen.items() if not said] == []
    for parser in (build_cli.parser(), importlib.import_module("site_builder.__main__").parser()):
        assert [a.dest for a in parser._actions if not a.help] == []


def used_commands(text: str) -> list[tuple[str, list[str]]]:
    """Our commands in the code of a document, with their options."""
    code = "\n".join(re.findall(r"```.*?```|^    .+$|`[^`\n]+`", text, re.MULTILINE | re.DOTALL))
    found = re.findall(r"(python -m (?:model|site_builder)|build\.py)\b([^\n`#|]*)", code)
    return [(start if start.startswith("python") else "python build.py", rest.split()) for start, rest in found]


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p.name != "cli.md"], ids=lambda p: p.name)
def test_commands_in_documents_exist_with_their_options(path: Path) -> None:
    for start, rest in used_commands(path.read_text(encoding="utf-8")):
        name = start
        while rest and f"{name} {rest[0]}" in options():
            name = f"{name} {rest.pop(0)}"
        if start == "python -m model" and rest:
            assert name != start or not re.match(r"[a-z]", rest[0]), f"{path.name}: {start} {rest[0]} does not exist"
        used = {word for word in rest if re.match(r"--[a-z]", word)} - {"--help"}
        assert used <= options()[name], f"{path.name}: {name} has no {sorted(used - options()[name])}"


def test_a_command_that_does_not_exist_is_noticed() -> None:
    found = used_commands("`python -m model predict --colour red`\n\n```sh\nbuild.py --check # --nonsense\n```\n")
    assert found == [("python -m model", ["predict", "--colour", "red"]), ("python build.py", ["--check"])]
    assert "--check" in options()["python build.py"]
    assert "--unit" in options()["python -m model predict"]
    assert "--healpix" in options()["python -m model fetch desi"]


# Settings


def environment_names(path: Path) -> set[str]:
    """Variables of the environment that a module reads, by constants where it names them so."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        n.targets[0].id: n.value.value
        for n in tree.body
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and isinstance(n.value, ast.Constant)
    }
    found: set[Any] = set()
    for node in ast.walk(tree):
        key: ast.AST | None = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
            key = node.args[0]
        if isinstance(key, ast.Constant):
            found.add(key.value)
        elif isinstance(key, ast.Name):
            found.add(constants.get(key.id, key.id))
    return found


def test_every_variable_of_the_environment_is_documented() -> None:
    read = {
        n for folder in ("model", "site_builder") for p in (ROOT / folder).rglob("*.py") for n in environment_names(p)
    }
    named = set(reference().VARIABLES)
    assert read - {"k"} <= named  # k: torchrun's three, in a loop
    assert named - read == {"RANK", "WORLD_SIZE", "LOCAL_RANK"}


def test_what_says_nothing_of_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "silent.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Silent:\n"
        "    said: int = 1  # what it is\n    silent: int = 2\n\ndef check_silent(results):\n    return\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    silent = importlib.import_module("silent")
    with pytest.raises(reference().Undocumented, match=r"Silent\.silent has no comment"):
        list(reference()._fields(silent.Silent))
    with pytest.raises(reference().Undocumented, match="check_silent has no sentence"):
        reference()._said(silent.check_silent)


# Pages and checks


def test_every_page_and_check_is_in_its_list() -> None:
    modules = {
        p.stem for p in (ROOT / "site_builder/pages").glob("*.py") if re.search(r"^PAGE = ", p.read_text(), re.M)
    }
    assert modules == {Path(str(m.__file__)).stem for m in registry.MODULES}  # type: ignore[attr-defined]
    written = {
        name
        for p in (ROOT / "site_builder/checks").glob("*.py")
        for name in re.findall(r"^def (check_\w+)", p.read_text(), re.M)
    }
    assert written - {check.__name__ for check in checks.CHECKS} == {"check_undrawn"}


# Links


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)|<[^>]*>", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {slug(h) for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)} | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), f"{path.name}: {target}"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{path.name}: {target}#{anchor}"


def test_every_document_is_linked() -> None:
    linked = {
        (path.parent / target).resolve()
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#\s:]+)", path.read_text(encoding="utf-8"))
    }
    assert {p.name for p in (ROOT / "docs").glob("*.md") if p.resolve() not in linked} == set()
