"""A site is whole at every moment: killed builds, full disks, two builds at once, and the same bytes everywhere."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from site_builder import publish
from site_builder.cli import main
from site_builder.contract import BadInput, folders
from site_builder.contract.folders import replacing_folder
from site_builder.publish import Files, write_site
from tests.factory import make_results

ROOT = Path(__file__).resolve().parent.parent
ONE = {f"data/{i}.json": b"one" * 2000 for i in range(60)} | {"index.html": b"one"}
TWO = {f"data/{i}.json": b"two" * 2000 for i in range(60)} | {"index.html": b"two"}
WRITER = """
import sys
from pathlib import Path
from tests.test_atomic import ONE, TWO
from site_builder.publish import write_site
while True:
    for files in (ONE, TWO):
        write_site(Path(sys.argv[1]), files)
        print("written", flush=True)
"""


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def start(program: str, out: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, str(out)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("exchange", [True, False], ids=["one step", "two renames"])
def test_a_killed_write_leaves_a_whole_site(exchange: bool, tmp_path: Path) -> None:
    out = tmp_path / "site"
    two_renames = "from site_builder.contract import folders\nfolders._exchange = lambda *_: False\n"
    rng = random.Random(int(exchange))
    whole = [files | {publish.MARKER: b""} for files in (ONE, TWO)]
    for _ in range(4):
        process = start(("" if exchange else two_renames) + WRITER, out)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if exchange:
            assert content(out) | {publish.MARKER: b""} in whole
    write_site(out, ONE)
    assert content(out) | {publish.MARKER: b""} == whole[0]
    assert [p.name for p in tmp_path.iterdir()] == ["site"], "what killed runs left is removed"


def test_a_site_that_was_moved_aside_is_put_back(tmp_path: Path) -> None:
    aside = tmp_path / ".site.old-1"
    write_site(aside, ONE)

    def fails() -> None:
        with replacing_folder(tmp_path / "site"):
            raise BadInput("the build itself fails")

    with pytest.raises(BadInput, match="itself fails"):
        fails()
    assert content(tmp_path / "site")["index.html"] == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_what_was_moved_aside_goes_where_there_is_a_newer_site(tmp_path: Path) -> None:
    write_site(tmp_path / "site", ONE)
    write_site(tmp_path / ".site.old-1", ONE)
    write_site(tmp_path / "site", TWO)
    assert content(tmp_path / "site")["index.html"] == TWO["index.html"]
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_two_at_once_one_refuses(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, ONE)
    with replacing_folder(out) as first:
        (first / "index.html").write_text("first")
        with pytest.raises(BadInput, match="is being written by another run"):
            write_site(out, TWO)
        assert content(out)["index.html"] == b"one"
        write_site(tmp_path / "other", TWO)  # another folder is free
    assert content(out) == {"index.html": b"first"}


def test_two_processes_into_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "site"
    both = [start(WRITER, out) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        process.stdout.readline()  # until it has written once, or was refused
    time.sleep(0.5)
    told = []
    for process in both:
        process.kill()
        told.append(process.communicate()[1])
    assert all(not text or "is being written by another run" in text for text in told)
    assert content(out) | {publish.MARKER: b""} in [files | {publish.MARKER: b""} for files in (ONE, TWO)]


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = Path.write_bytes, []

    def some_then_none(self: Path, data: bytes) -> int:
        calls.append(self)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", some_then_none)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(folders.tempfile, "mkdtemp", refused)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [(full_disk, "No space left on device"), (no_folder, "Read-only file system")],
    ids=["full", "read-only"],
)
def test_trouble_is_one_sentence(
    trouble: Callable[[pytest.MonkeyPatch], None],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    out = tmp_path / "site"
    write_site(out, ONE)
    before = content(out)
    monkeypatch.setattr("site_builder.cli.build", lambda *_: TWO)
    trouble(monkeypatch)
    assert main(["--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "--out" in told
    assert told.count("\n") == 1
    assert content(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_a_limit_of_the_system_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, ONE)
    program = (
        "import sys\nfrom site_builder import cli\nfrom tests.test_atomic import TWO\n"
        "cli.build = lambda *_: TWO\nsys.exit(cli.main(['--out', sys.argv[1]]))"
    )
    unmeasured = {
        k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")
    }  # its file would be too large, too
    limit = resource.RLIMIT_FSIZE
    process = start(program, out, env=unmeasured, preexec_fn=lambda: resource.setrlimit(limit, (4000, 4000)))
    _, told = process.communicate()
    assert process.returncode == 2, told
    assert "File too large" in told
    assert told.count("\n") == 1
    assert content(out)["index.html"] == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_builds_are_alike_everywhere(tmp_path: Path) -> None:
    results = make_results(tmp_path / "results", n_stars=90, n_pixels=256)
    sites = []
    for i, (zone, language, hashes) in enumerate((("UTC", "C", "1"), ("Asia/Shanghai", "zh_CN.UTF-8", "random"))):
        out = tmp_path / f"deep{'er' * i}" / "site"
        env = {"TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": hashes, "SOURCE_DATE_EPOCH": "1700000000"}
        options = ["--no-cache"] if i else []
        command = [sys.executable, str(ROOT / "build.py"), "--results", str(results), "--out", str(out), *options]
        done = subprocess.run(command, env=os.environ | env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        sites.append(content(out))
        assert {p.stat().st_mtime for p in out.rglob("*")} == {1.7e9}
    assert sites[0] == sites[1]
    assert len(sites[0]) > 40


def test_a_time_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(BadInput, match="not a number of seconds"):
        write_site(tmp_path / "site", ONE)


def test_results_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.json"
    source.write_bytes(b"{}")
    files = Files({"index.html": b"page"})
    files.copy("data/a.json", source, "0" * 64)
    assert set(files) == {"index.html", "data/a.json"}
    with pytest.raises(BadInput, match="changed while"):
        write_site(tmp_path / "site", files)
    assert not (tmp_path / "site").exists()
