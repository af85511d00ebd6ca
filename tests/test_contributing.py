"""The recipe in CONTRIBUTING.md works: its steps, carried out on a copy of the builder, put the figure on the page."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factory import make_results
from tests.pages import read

ROOT = Path(__file__).resolve().parent.parent
PLACE = re.compile(r'^(?:# |\{# )(\S+), (at the end|(?:in \w+, )?before "(.*?)")(?: #\})?$')
RENDER = """
import sys
from pathlib import Path
from site_builder.pages import PAGES, results as page
from site_builder.publish import Site
from site_builder.render import render_page
from site_builder.results import Results
assert page.__file__.startswith(sys.argv[1]), page.__file__
results, site = Results.load(Path(sys.argv[2])), Site()
html = render_page(page.PAGE, PAGES, results, site, {"json_ld": None} | page.context(results, site))
Path(sys.argv[3]).write_bytes(html)
"""


def steps() -> list[tuple[str, str | None, str]]:
    """(file, what the code goes before or None for the end, code) of each step that is code."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text[text.index("## Add a figure") : text.index("## Text in two languages")]
    found = []
    for block in re.findall(r"^```(?:python|html)\n(.*?)^```", recipe, re.MULTILINE | re.DOTALL):
        first, _, code = block.partition("\n")
        place = PLACE.match(first)
        assert place is not None, first
        found.append((place[1], place[3], code))
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    for name in ("site_builder", "templates"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("static", "docs", "schema", "CITATION.cff", "CHANGELOG.md", "pyproject.toml"):
        (root / name).symlink_to(ROOT / name)
    for path, before, code in steps():
        old = (root / path).read_text(encoding="utf-8")
        if before is None:
            new = f"{old}\n\n{code}"
        else:
            at = old.index(before)
            at = old.rindex("\n", 0, at) + 1 if path.endswith(".py") else at
            new = old[:at] + code.removesuffix("\n" if path.endswith(".j2") else "") + old[at:]
        (root / path).write_text(new, encoding="utf-8")
    return root


def test_the_recipe_is_code_of_every_kind() -> None:
    assert {path for path, _, _ in steps()} == {
        "site_builder/figures/charts.py",
        "site_builder/pages/results.py",
        "templates/pages/results.html.j2",
    }


def test_the_figure_is_on_the_page(copy: Path, tmp_path: Path) -> None:
    results, html = make_results(tmp_path / "results", n_stars=90, n_pixels=64), tmp_path / "results.html"
    command = [sys.executable, "-c", RENDER, str(copy), str(results), str(html)]
    done = subprocess.run(command, cwd=copy, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = html.read_text(encoding="utf-8")
    document = read(page.encode())
    assert {"errors", "tab-errors", "fig-errors"} <= set(document.ids)
    assert len(document.ids) == len(set(document.ids))
    section = page[page.index('id="errors"') : page.index('id="types"')]
    assert section.count("<svg") >= 2, "drawn for wide and for narrow screens"
    assert "Distance from the truth (dex)" in section
    assert "source" in section
    assert re.search(r"Share of the <[^>]*data[^>]*>90<", section), "a number with its source"


def test_the_code_of_the_recipe_is_formatted(copy: Path) -> None:
    paths = [str(copy / path) for path, _, _ in steps() if path.endswith(".py")]
    config = f"--config={ROOT / 'pyproject.toml'}"
    for command in (["check", config], ["format", "--check", config]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *paths], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
