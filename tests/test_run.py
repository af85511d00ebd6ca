"""The whole chain at a tiny size: train, evaluate, export, build; and the backend's bad input."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import cli, data, provenance, studies
from model.config import run_config
from model.pipeline import smaller
from model.provenance import config_sha256, flat
from model.surveys import lamost
from site_builder import cli as site_cli
from site_builder.results import Results

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_whole_chain_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``run`` makes a results folder that the builder accepts; a second call continues, not repeats."""
    out, runs, weights = tmp_path / "results", tmp_path / "runs", tmp_path / "weights"
    arguments = ["run", "--preset", "specvit-nano", "--scale-down", "40", "--out", str(out), "--runs", str(runs)]
    assert cli.main([*arguments, "--weights", str(weights)]) == 0
    results = Results.load(out)
    assert results.main.name == "specvit-nano-pfs-mr"
    assert {p.name for p in weights.glob("*.safetensors")} == {
        "specvit-nano-pfs-mr.safetensors",
        "specvit-nano-lamost.safetensors",
    }
    steps = {p: p.read_bytes() for p in sorted(runs.rglob("*.ckpt"))}
    assert len(steps) == 6
    first = json.loads((out / "runs/specvit-nano-pfs-mr/predictions.test.json").read_text())
    assert cli.main(arguments) == 0
    assert {p: p.read_bytes() for p in sorted(runs.rglob("*.ckpt"))} == steps
    again = json.loads((out / "runs/specvit-nano-pfs-mr/predictions.test.json").read_text())
    assert again["predicted"] == first["predicted"]
    assert again["sigma"] == first["sigma"]
    assert first["provenance"]["command"] == "python -m model run --preset specvit-nano --scale-down 40"
    capsys.readouterr()
    before = (out / "index.json").read_bytes()
    assert cli.main(["export", "specvit-nano", "--runs", str(runs), "--out", str(out)]) == 2
    assert "specvit.ckpt: field step is 19 of 750; train on with" in capsys.readouterr().err
    assert (out / "index.json").read_bytes() == before
    assert site_cli.main(["--results", str(out), "--out", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / "index.html").exists()
    capsys.readouterr()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m model ARGUMENTS`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "model", *arguments], capture_output=True, text=True, cwd=ROOT
    )


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    result = command("train", "--preset", "specvit-xl")
    assert result.returncode == 2
    assert result.stdout == ""
    assert (
        result.stderr
        == "error: --preset: specvit-xl is not known; choose one of specvit-s, specvit-ti, specvit-nano.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--scale-down", "0"], "--scale-down 0 is no divisor"),
        (["run", "--threads", "0"], "--threads 0 is no number of threads"),
        (["train", "--seed", "-1"], "--seed -1 is negative"),
        (["train", "--instrument", "hubble"], "--instrument: hubble is not known; choose pfs-mr or lamost"),
        (["export"], "no preset was named"),
        (["predict"], "predict: no file was named"),
        (["export", "specvit-nano", "--runs", "nowhere"], "ridge.npz is not there; train the run with python -m model"),
        (["simulate", "--out", "x.fits", "--n", "0"], "--n 0 is no number of spectra"),
    ],
)
def test_bad_options(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_run_replaces_only_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert cli.main(["run", "--out", str(tmp_path)]) == 2
    assert "holds something else than results" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_configurations_are_told_apart_by_their_hash() -> None:
    base = run_config("specvit-ti", "pfs-mr")
    assert config_sha256(base) == config_sha256(run_config("specvit-ti", "pfs-mr"))
    others = [run_config("specvit-ti", "lamost"), run_config("specvit-ti", "pfs-mr", 1), smaller(base, 2)]
    assert len({config_sha256(c) for c in [base, *others]}) == 4
    assert flat(base)["vit.patch_size"] == 256
    assert flat(base)["training.learning_rate"] == 1e-3


def test_without_git_or_a_list_of_processors_the_record_says_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() == ("unknown", True)

    def refuse(*_: object, **__: object) -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("platform.processor", lambda: "")
    assert provenance.machine.__wrapped__().cpu == platform.machine()


@pytest.mark.parametrize("kind", ["scaling", "ablations"])
def test_a_study_is_of_the_run_that_is_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for name in ("scaling", "ablations"):
        monkeypatch.setattr(studies.Study, name, lambda self, name=name: made.append((name, self.pipeline.folder)))
    assert cli.main(["study", kind, "--preset", "specvit-nano", "--seed", "3", "--runs", str(tmp_path)]) == 0
    assert made == [(kind, tmp_path / run_config("specvit-nano", "pfs-mr", 3).run_id)]


@pytest.mark.skipif(not lamost.available(), reason="the observed spectra are not here")
def test_the_relative_noise_of_lamost_is_what_its_stars_say(tmp_path: Path) -> None:
    assert cli.main(["lamost-noise", "--out", str(tmp_path / "noise.npz")]) == 0
    made, kept = (data.read_npz(p) for p in (tmp_path / "noise.npz", data.DATA / "lamost_relative_noise.npz"))
    assert set(made) == set(kept)
    np.testing.assert_allclose(made["wave_vac"], kept["wave_vac"])
    np.testing.assert_allclose(made["shape"], kept["shape"], rtol=1e-6)


def test_the_published_recipe_in_words() -> None:
    config = run_config("specvit-ti", "pfs-mr")
    recipe = config.published
    assert recipe is not None
    assert recipe.distinct is not None
    epochs = recipe.presentations / recipe.distinct
    words = config.published_recipe
    assert f"AdamW at {recipe.learning_rate:g}" in words
    assert f"{epochs:g} epochs of {recipe.distinct} spectra" in words
    more = replace(config, published=replace(recipe, presentations=2 * recipe.presentations))
    assert f"{2 * epochs:g} epochs of" in more.published_recipe
