"""Every number of every page comes from somewhere, and ``build.py --explain`` says from where."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from site_builder import cli, explain
from site_builder.contract import BadInput
from site_builder.derived import RULES
from site_builder.explain import Found, Texts
from site_builder.i18n import LANGUAGES
from tests.factory import make_results
from tests.pages import at

ROOT = Path(__file__).resolve().parent.parent
TYPED = (
    "<p>R² is 0.93.</p>",
    "<p>in 7 of 13 bins</p>",
    "<td>0.412</td>",
    "<option>log g 2.71</option>",
    '<svg><text x="1">0.87</text></svg>',
    '<span data-src="">5.5</span>',
    "<span class=num>1</span>",
    '<span class=num data-src="">1</span>',
)
Explained = dict[str, list[Found]]


class Folder(Mapping[str, bytes]):
    """The files of a site in a folder, read when they are looked at."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise KeyError(path) from error

    def __iter__(self) -> Iterator[str]:
        return (p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def explained(results: Path, out: Path) -> tuple[Folder, Explained]:
    command = [sys.executable, "-m", "tests.provenance_program", str(results), str(out)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    found = json.loads((out / "found.json").read_text())
    pages = {path: [Found(**one | {"sources": tuple(one["sources"])}) for one in rows] for path, rows in found.items()}
    return Folder(out / "site"), pages


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Explained]:
    out = tmp_path_factory.mktemp("made-up")
    return explained(make_results(out / "results", n_stars=240, n_pixels=256), out)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Explained]:
    return explained(ROOT / "results", tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="module", params=["made_up", "shipped"])
def site(request: pytest.FixtureRequest) -> tuple[Folder, Explained]:
    result: tuple[Folder, Explained] = request.getfixturevalue(request.param)
    return result


def test_no_number_comes_from_nowhere(site: tuple[Folder, Explained]) -> None:
    _, pages = site
    lost = [f"{path}: {f.text!r} in {f.where!r}" for path, found in pages.items() for f in found if f.kind == "nothing"]
    assert not lost, "\n".join(lost)
    kinds = Counter(f.kind for found in pages.values() for f in found)
    assert kinds["value"] > 1000
    assert kinds["convention"] < kinds["value"] / 10
    assert {path.rpartition("/")[2] for path, found in pages.items() if not found} <= {"404.html"}


def test_every_pointer_leads_somewhere(site: tuple[Folder, Explained]) -> None:
    files, pages = site
    cache: dict[str, object] = {}
    sources = {source for found in pages.values() for f in found for source in f.sources}
    beside = {s for s in sources if not s.startswith("data/")}
    assert all(
        (ROOT / s.partition("#")[0]).is_file() for s in beside - {s for s in beside if s.startswith("site.toml")}
    )
    for source in sources - beside:
        at(files, source, cache)
    assert all(f.op in RULES or f"{f.op.split(' ')[0]} " in RULES
               for found in pages.values() for f in found if f.kind == "value")  # fmt: skip


def test_every_number_has_a_mark_that_opens_its_record(site: tuple[Folder, Explained]) -> None:
    """A page that shows a number of a run has a card of that run (the Data page has its whole record)."""
    files, pages = site
    runs: dict[str, str] = {}

    def run_of(source: str) -> str | None:
        path = source.partition("#")[0]
        if not path.startswith("data/results/") or path.endswith("/index.json"):
            return None
        if path not in runs:
            runs[path] = json.loads(files[path])["provenance"]["run"]
        return runs[path]

    for path, found in pages.items():
        opened = {run_of(s) for f in found if f.kind == "record" for s in f.sources}
        shown = {run_of(s) for f in found if f.kind == "value" for s in f.sources} - {None}
        if path.rpartition("/")[2] != "data.html":
            assert shown <= opened, path
        for run in shown if path.rpartition("/")[2] == "data.html" else ():
            assert f"<dd>{run}</dd>" in files[path].decode()


def test_a_typed_number_is_found(made_up: tuple[Folder, Explained]) -> None:
    files, _ = made_up
    texts = Texts(files, LANGUAGES[0])
    page = "<main><p>DR10 and <time datetime='2026-01-02T03:04:05Z'>2026-01-02</time> with 95 % intervals</p></main>"
    assert [f.kind for f in explain.explain({"page.html": page.encode()}, "page.html", texts)] == ["text", "convention"]
    for typed in TYPED:
        changed = {"page.html": page.replace("</main>", f"{typed}</main>", 1).encode()}
        lost = [f for f in explain.explain(changed, "page.html", texts) if f.kind == "nothing"]
        assert lost, typed


def test_conventions_are_few_reasoned_and_used(shipped: tuple[Folder, Explained]) -> None:
    rows = json.loads(explain.LIST.read_text(encoding="utf-8"))["rows"]
    assert len(rows) < 20
    assert all(re.fullmatch(r"[^\n]{20,}", row["why"]) for row in rows)
    used = {f.op for found in shipped[1].values() for f in found if f.kind == "convention"}
    assert used == {row["why"] for row in rows}


def test_explain_prints_numbers_pointers_and_records(made_up: tuple[Folder, Explained]) -> None:
    root = made_up[0].root.parent / "results"
    command = [sys.executable, "build.py", "--results", str(root), "--explain", "snr", "--no-cache"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600).stdout
    lines = [line.split("\t") for line in told.splitlines()]
    assert lines[0] == ["number", "rule", "from", "run", "config", "commit", "data", "seed", "machine"]
    rows = [line for line in lines[1:] if line[0] == "21.0"]
    assert rows
    (rule, source, run, config, commit, data, seed, machine) = rows[0][1:]
    assert rule == "is"
    assert source.startswith("data/results/runs/specvit-test-pfs-mr/")
    assert "#/ladder/" in source
    record = json.loads((root / source.removeprefix("data/results/").partition("#")[0]).read_text())["provenance"]
    assert (run, config, commit, seed) == (
        record["run"], record["config_sha256"][:12], record["commit"][:12], str(record["seed"]))  # fmt: skip
    assert all(f"{name} {sha[:12]}" in data for name, sha in record["data_sha256"].items())
    assert record["machine"]["cpu"] in machine
    assert all(len(line) == len(lines[0]) for line in lines)


def test_who_reads_the_first_lines_alone_sees_no_traceback(made_up: tuple[Folder, Explained]) -> None:
    root = made_up[0].root.parent / "results"
    command = [sys.executable, "build.py", "--results", str(root), "--explain", "results", "--no-cache"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as told:
        assert told.stdout is not None
        assert told.stderr is not None
        told.stdout.close()
        assert told.stderr.read() == b""
        assert told.wait(600) == 0


def test_only_numbers_of_runs_have_a_record(made_up: tuple[Folder, Explained]) -> None:
    files, _ = made_up
    rows = list(explain.listing(files, "tokens.html"))[1:]
    of_runs = [row for row in rows if row[2].startswith("data/results/")]
    of_lists = [row for row in rows if row[2].startswith("data/") and row not in of_runs]
    assert of_lists
    assert {row[3:] for row in of_lists} == {("",) * 6}
    assert all(row[3] for row in of_runs)


def test_a_page_that_results_leave_out_is_told() -> None:
    with pytest.raises(BadInput, match=r"--explain snr\.html: these results have nothing for that page"):
        next(explain.listing({}, "snr.html"))


@pytest.mark.parametrize("page", ["nowhere", "../index", "zh/nowhere.html", "data/results/index.json", ""])
def test_explain_of_an_unknown_page(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--results", "nowhere", "--explain", page]) == 2  # known without looking at the results
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "--explain" in told.err
    assert "snr" in told.err
    assert told.err.endswith(".\n")
