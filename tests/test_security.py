"""What docs/security.md promises is held by tests that exist; nothing is unpickled; what make lint asks of others."""

import ast
import re
from pathlib import Path

import pytest

from tests import advisories

ROOT = Path(__file__).resolve().parent.parent
PICKLES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")


def unpickles(source: str) -> list[str]:
    """What in a Python source may run code that a file holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found += [name for name in names if name.partition(".")[0] in PICKLES]
        if not isinstance(node, ast.Call):
            continue
        called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if called in ("torch.load", "load") and "torch" in source and given.get("weights_only") != "True":
            found.append(called if called == "torch.load" else "")
        if given.get("allow_pickle") not in (None, "False"):
            found.append(f"{called} allow_pickle")
        if called.endswith("read_pickle") or called in ("eval", "exec"):
            found.append(called)
    return [name for name in found if name]


@pytest.mark.parametrize("folder", ["model", "site_builder", "benchmarks", "docs", "examples"])
def test_nothing_is_unpickled(folder: str) -> None:
    sources = sorted((ROOT / folder).rglob("*.py"))
    assert sources
    for path in sources:
        assert unpickles(path.read_text()) == [], path


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "import torch\ntorch.load(p)", "np.load(p, allow_pickle=True)",
     "import torch\ntorch.load(p, weights_only=False)", "pd.read_pickle(p)", "eval(text)"],
)  # fmt: skip
def test_what_unpickles_is_found(source: str) -> None:
    assert unpickles(source)
    assert unpickles("import torch\ntorch.load(p, weights_only=True)\nnp.load(p, allow_pickle=False)") == []


def test_weights_are_safetensors() -> None:
    kinds = {p.suffix for p in (ROOT / "weights").rglob("*") if p.is_file()}
    assert kinds <= {".safetensors", ".json", ".md"}
    assert not [p for p in ROOT.glob("[a-z]*/**/*.pkl") if ".venv" not in p.parts]


def test_every_promise_names_a_test_that_exists() -> None:
    text = (ROOT / "docs/security.md").read_text()
    promises = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.M)[1:]
    assert len(promises) >= 14
    for promise, held in promises:
        tests = re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", held)
        assert tests, promise
        for path, name in tests:
            assert f"def {name}" in (ROOT / path).read_text(), (path, name)


@pytest.mark.parametrize(
    ("out", "status", "says"),
    [
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": []}], "fixes": []}',
            0,
            "vulnerability in 1 of",
        ),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}]}', 1, "a 1: CVE-1"),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', 0, "knows none"),
        ("", 0, "could not be asked"),
        ("{}", 0, "could not be asked"),
    ],
)
def test_what_pip_audit_answers_is_one_sentence(out: str, status: int, says: str) -> None:
    code, sentence = advisories.told(0, out, "Traceback\nConnectionError: no route to host")
    assert code == status
    assert says in sentence
    assert sentence.count("\n") == 0
    assert sentence.endswith(".")
