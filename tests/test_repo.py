"""The repository agrees with itself: data hashes, versions, documented commands, workflows."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import lowest

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = json.loads((ROOT / "data/manifest.json").read_text())["files"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")]


def normal(name: str) -> str:
    """A distribution's name as package indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def tracked() -> list[str]:
    return subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
        "\0"
    )[:-1]


# Data


def test_manifest_lists_exactly_the_data_files():
    assert {p.name for p in (ROOT / "data").glob("*.npz")} == set(MANIFEST)


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_data_file_is_what_the_manifest_says(name):
    entry = MANIFEST[name]
    content = (ROOT / "data" / name).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert all(isinstance(entry[key], str) and entry[key] for key in ("licence", "source", "credit"))
    assert f"## {name}" in (ROOT / "data/README.md").read_text()


def test_no_observed_survey_file_is_tracked():
    allowed = {f"data/{name}" for name in MANIFEST}
    assert {p for p in tracked() if p.endswith((".npz", ".fits", ".fits.gz", ".npy", ".h5", ".pkl"))} <= allowed | {
        p for p in tracked() if p.startswith("tests/")
    }


# Versions


def test_every_result_was_made_by_a_commit_of_this_history():
    """A number leads a reader to a commit; one that was rewritten since leads nowhere."""
    git = ["git", "-C", str(ROOT)]
    history = set(subprocess.run([*git, "rev-list", "HEAD"], check=True, capture_output=True, text=True).stdout.split())
    files = sorted((ROOT / "results").rglob("*.json"))
    stamps = {p: json.loads(p.read_text())["provenance"]["commit"] for p in files if p.name != "index.json"}
    if not history & set(stamps.values()):
        pytest.skip("this clone has no history of the project (git clone without --depth has it)")
    assert {str(path.relative_to(ROOT)): one for path, one in stamps.items() if one not in history} == {}


def test_version_is_the_same_everywhere():
    version = PYPROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## \[(\d[^\]]*)\] - (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (str(citation["version"]), str(citation["date-released"]))
    assert version == citation["version"]
    assert citation["cff-version"] == "1.2.0"
    assert PYPROJECT["project"]["license"] == citation["license"] == "MIT"


def test_every_dependency_is_pinned_in_constraints():
    lines = [x for x in (ROOT / "constraints.txt").read_text().splitlines() if not x.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    pins = {normal(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    assert declared("model", "test") <= set(pins)
    assert f"torch=={pins['torch']}" in PYPROJECT["project"]["optional-dependencies"]["model"]


def test_every_core_dependency_names_its_lowest_version_and_ci_tests_it():
    pins = lowest.floors()
    assert {normal(pin.partition("==")[0]) for pin in pins} == declared()
    assert len(lowest.tools()) == len(lowest.TOOLS)
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    assert any("make test-lowest" in step.get("run", "") for job in jobs.values() for step in job["steps"])
    named = re.search(r"^LOWEST_TESTS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named
    for path in named[1].split():
        assert not re.search(r"^(from|import) (model|torch|astropy|scipy)\b", (ROOT / path).read_text(), re.MULTILINE)


def imported_packages(*folders: str) -> dict[str, str]:
    """Third-party top-level modules imported below folders, each with one file that imports it."""
    found = {}
    for path in (p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.append(node.module)
            found |= {name.partition(".")[0]: str(path.relative_to(ROOT)) for name in names}
    ours = {"audit", "model", "site_builder", "tests", *(p.stem for p in (ROOT / "tests").glob("*.py"))}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names | ours}


def declared(*extras: str) -> set[str]:
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {normal(re.match(r"[A-Za-z0-9._-]+", x)[0]) for x in itertools.chain(*lists)}


@pytest.mark.parametrize(
    ("folder", "extras"), [("site_builder", ()), ("model", ("model",)), ("tests", ("model", "test"))]
)
def test_every_import_is_a_declared_dependency(folder, extras):
    distributions = importlib.metadata.packages_distributions()
    for name, path in imported_packages(folder).items():
        assert {normal(d) for d in distributions[name]} & declared(*extras), f"{path} imports {name}"


def test_every_core_dependency_is_imported():
    distributions = importlib.metadata.packages_distributions()
    used = {normal(d) for name in imported_packages("site_builder", "model") for d in distributions[name]}
    assert declared("model") <= used


def test_builder_needs_neither_torch_nor_model():
    code = "import sys, site_builder.cli; sys.exit(bool({'torch', 'model'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# Documented commands


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_documented_commands_exist(path):
    text = path.read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL))):
        assert target in MAKE_TARGETS, f"make {target}"
    for module in re.findall(r"python -m ([a-z_.]+)", text):
        assert importlib.util.find_spec(module), f"python -m {module}"
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / link).exists(), link


def test_make_help_lists_every_public_target():
    text = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {line.split()[1] for line in text.splitlines() if line.startswith("make ")} == MAKE_TARGETS


def test_ci_runs_make_test():
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()


# Workflows


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflow_actions_are_pinned_by_commit(path):
    uses = re.findall(r"uses: *(.+)$", path.read_text(), re.MULTILINE)
    assert uses
    for action in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflow_has_least_privilege(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        writes = {k for k, v in job.get("permissions", {}).items() if v == "write"}
        assert writes == ({"pages", "id-token"} if name == "deploy" else set())
        assert "timeout-minutes" in job
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", ""), "pass it through env: a run line is a template"
    if "deploy" in workflow["jobs"]:
        assert not any("run" in step for step in workflow["jobs"]["deploy"]["steps"])


@pytest.mark.parametrize("folder", ["model", "site_builder"])
def test_the_map_names_every_module(folder):
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = [p.name for p in (ROOT / folder).glob("*.py") if not p.name.startswith("_")]
    assert [m for m in modules if f"`{m}`" not in text] == []
