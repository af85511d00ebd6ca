"""A full disk and a folder that may not be written: one sentence, the old file as it was, and no half file beside it.

The disk is full by a limit of the system on the size of files, the folder is read-only by its permissions (for root, by
the rights of another user): what the programs meet is real.
"""

import ast
import os
import resource
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_program import small_trainer

from model import cli
from model.checkpoint import save_checkpoint, save_weights
from model.data import write_npz
from model.ingest.layout import in_place
from model.simulator import Simulator, fixed_set
from model.vit import PRESETS, SpecViT
from site_builder import __main__ as site_cli
from site_builder import cli as build_cli
from site_builder import i18n
from site_builder.contract import BadInput
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import write_atomic
from site_builder.translate import write_catalogues

ROOT = Path(__file__).resolve().parent.parent
SITE = {f"data/{i}.json": b"new" * 2000 for i in range(9)} | {"index.html": b"new"}
NOBODY = 65534


@contextmanager
def full(_: Path, room: int = 1500) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(folder: Path, room: int = 0, rights: int = 0o555) -> Iterator[None]:
    """The folder, and what lies in it, may be read and not written."""
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (folder, *folder.rglob("*"))}
    for path in reversed(modes):
        path.chmod(rights)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


TROUBLES = {"full": (full, "File too large"), "read-only": (read_only, "Permission denied")}


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def checkpoint(path: Path) -> None:
    save_checkpoint(path, {"net": {"weight": torch.zeros(3000)}})


def weights(path: Path) -> None:
    save_weights(path, SpecViT(PRESETS["specvit-nano"]), {})


def arrays(path: Path) -> None:
    write_npz(path, flux=np.random.default_rng(0).random(2000))


def shard(path: Path) -> None:
    with in_place(path) as temp:
        temp.write_bytes(bytes(4000))


def one_file(path: Path) -> None:
    write_atomic(path, bytes(4000))


def folder(path: Path) -> None:
    with replacing_folder(path.parent / "results") as temp:
        (temp / "index.json").write_bytes(bytes(4000))


WRITERS = (checkpoint, weights, arrays, shard, one_file, folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter (pytest's own are root's alone), with something old in it."""
    with tempfile.TemporaryDirectory(prefix="specvit-") as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "results").mkdir()
        (path / "results/index.json").write_bytes(b"old")
        (path / "old.bin").write_bytes(b"old")
        yield path


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("write", WRITERS, ids=lambda w: w.__name__)
def test_every_writer_says_it_in_one_sentence(write: Callable[[Path], None], trouble: str, place: Path) -> None:
    meet, words = TROUBLES[trouble]
    before = content(place)
    with meet(place), pytest.raises(BadInput, match=words) as error:
        write(place / "old.bin")
    said = str(error.value)
    assert said.count("\n") == 0
    assert said.endswith(".")
    assert str(place) in said
    assert content(place) == before
    write(place / "old.bin")  # with room and rights, it goes
    assert content(place) != before


@pytest.mark.parametrize("trouble", TROUBLES)
def test_training_stops_with_one_sentence_and_goes_on_later(trouble: str, place: Path) -> None:
    """The first thing that a training writes is its log; then checkpoints."""
    simulator = Simulator.of("lamost")
    trainer = small_trainer(simulator, fixed_set(simulator, 20, "validation"), place / "run")
    (place / "run").mkdir()
    meet, words = TROUBLES[trouble]
    with meet(place), pytest.raises(BadInput, match=words):
        trainer.run()
    assert {p.name for p in (place / "run").iterdir()} <= {"specvit.jsonl"}
    again = small_trainer(simulator, trainer.validation, place / "run")
    again.train_step = stop_after(again, 3)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        again.run()
    assert (place / "run/specvit.ckpt").exists()


def stop_after(trainer: Any, steps: int) -> Callable[[], Any]:
    step = trainer.train_step

    def counted() -> Any:
        if trainer.step == steps:
            raise KeyboardInterrupt
        return step()

    return counted


def test_a_log_that_cannot_grow_is_one_sentence(place: Path) -> None:
    simulator = Simulator.of("lamost")
    trainer = small_trainer(simulator, fixed_set(simulator, 20, "validation"), place / "run")
    trainer.log.parent.mkdir()
    trainer.running.fill_(1.0)
    with full(place, 10), pytest.raises(BadInput, match=r"specvit\.jsonl cannot be written \(File too large\)"):
        trainer._record({})


COMMANDS = {
    "simulate": lambda place: cli.main(["simulate", "--out", str(place / "old.bin"), "--n", "1"]),
    "build": lambda place: build_cli.main(["--out", str(place / "site")]),
    "new": lambda place: site_cli.main(["new", str(place / "mine")]),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_end_with_code_2(
    command: str, trouble: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("site_builder.cli.build", lambda *_: SITE)
    before = content(place)
    meet, words = TROUBLES[trouble]
    with meet(place, 100):
        code = COMMANDS[command](place)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert words in err
    assert err.count("\n") == 1
    assert content(place) == before
    assert COMMANDS[command](place) == 0
    capsys.readouterr()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_may_not_be_entered(
    command: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("site_builder.cli.build", lambda *_: SITE)
    (place / "inside").mkdir()
    with read_only(place / "inside", rights=0o000):
        code = COMMANDS[command](place / "inside")
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert "Permission denied" in err
    assert err.count("\n") == 1
    assert list((place / "inside").iterdir()) == []


def test_catalogues_keep_what_was_translated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a translator is in them."""
    shutil.copytree(i18n.LOCALE, place / "locale")
    monkeypatch.setattr("site_builder.i18n.LOCALE", place / "locale")
    before = content(place / "locale")
    with full(place), pytest.raises(BadInput, match="File too large"):
        write_catalogues()
    assert content(place / "locale") == before


# Who writes

# The helpers above, and the folders of `model fetch` and of the build's cache, whose trouble is told by who calls them.
MAY_WRITE = {
    "site_builder/contract/io.py",
    "site_builder/contract/folders.py",
    "model/ingest/layout.py",
    "model/checkpoint.py",
    "model/train.py",
    "model/fetch/collect.py",
    "model/fetch/download.py",
    "site_builder/cache.py",
    "site_builder/publish.py",
    "site_builder/new.py",
    "model/ingest/catalogue.py",
}


def writes(path: Path) -> list[str]:
    """Calls of a module that write a file on their own."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        modes = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
        opened = name.endswith("open") and any(isinstance(m, str) and set(m) <= set("wabx+") and m for m in modes)
        if opened or name.endswith((".write_text", ".write_bytes", "torch.save", "np.save", "json.dump", ".writeto")):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    return found


def test_files_are_written_by_few() -> None:
    """A new place that writes takes ``write_atomic`` or ``replacing_folder``, or gets a test above and a line here."""
    found = [
        w for folder in ("model", "site_builder") for p in sorted((ROOT / folder).rglob("*.py")) for w in writes(p)
    ]
    places = {w.partition(":")[0] for w in found}
    buffers = {w.partition(":")[0] for w in found if w.endswith(".writeto")}  # into memory, then by write_atomic
    assert places - buffers <= MAY_WRITE, [w for w in found if w.partition(":")[0] not in MAY_WRITE]
    assert len(places) > 5
