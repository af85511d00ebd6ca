"""What a build keeps for the next one: never out of date, harmless when damaged, alike on any number of cores."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from jinja2 import Environment

from site_builder import cache as cache_module
from site_builder.cache import KEPT, Cache
from site_builder.cli import build, main
from site_builder.figures import inspector, svg
from site_builder.jobs import Job, run
from site_builder.publish import Site
from site_builder.render import compile_all, environment
from tests.factory import make_results


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=120, n_pixels=256)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def files(results_dir: Path, kept: Path) -> dict[str, bytes]:
    """A site drawn by two processes with nothing kept before."""
    return build(results_dir, cache_folder=kept, processes=2)


def no_drawing(*_: Any) -> str:
    raise AssertionError("drawn again")


def test_the_next_build_draws_nothing(
    results_dir: Path, kept: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(svg, "_draw", no_drawing)
    monkeypatch.setattr(inspector, "document", no_drawing)
    assert build(results_dir, cache_folder=kept) == files


def test_templates_are_compiled_with_the_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(cache=Cache(None), processes=2)
    compile_all(site)
    site.make_all()
    monkeypatch.setattr(Environment, "compile", no_drawing)
    env = environment(site.cache)
    names = env.list_templates(extensions=["j2"])
    assert len(names) > 20
    for name in names:
        assert env.get_template(name).name == name


def test_what_was_begun_is_waited_for_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(cache=Cache(tmp_path), processes=2)
    compile_all(site)
    asked = list(site.jobs.values())
    site.begin()
    monkeypatch.setattr(Environment, "compile", no_drawing)  # not in this process
    site.make_all()
    assert len(asked) > 20
    assert all(job.made for job in asked)
    again = Site(cache=Cache(tmp_path), processes=2)
    compile_all(again)
    assert again.jobs == {}


def test_other_results_are_drawn(
    results_dir: Path, kept: Path, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_results(tmp_path / "other", n_stars=120, n_pixels=256, seed=5)
    monkeypatch.setattr(svg, "_draw", no_drawing)
    with pytest.raises(AssertionError, match="drawn again"):
        build(other, cache_folder=kept)


def test_what_is_damaged_is_made_again(results_dir: Path, kept: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    spoilt = tmp_path / "cache"
    shutil.copytree(kept, spoilt)
    folder = Cache(spoilt, (results_dir / "index.json").read_bytes()).folder
    assert folder is not None
    entries = sorted(folder.iterdir())
    assert len(entries) > 40
    for i, path in enumerate(entries):
        raw = path.read_bytes()
        path.write_bytes([raw[: len(raw) // 2], b"", raw[:-1] + b"?", b"\0" * len(raw)][i % 4])
    assert build(results_dir, cache_folder=spoilt, processes=2) == files
    assert all(path.stat().st_size for path in entries)  # whole again


@pytest.mark.parametrize("place", ["a file", "/proc/nothing"])
def test_no_place_to_keep_it(place: str, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("in the way")
    cache = Cache(tmp_path / place, b"results")
    cache.put("key", b"content")
    assert cache.get("key") is None


def test_old_states_are_cleared_away(tmp_path: Path) -> None:
    for i in range(KEPT + 3):
        cache = Cache(tmp_path, str(i).encode())
        cache.put("key", str(i).encode())
        assert cache.folder is not None
        os.utime(cache.folder, (i, i))
    Cache(tmp_path, b"the last")
    assert len(list(tmp_path.iterdir())) == KEPT
    assert Cache(tmp_path, str(KEPT + 2).encode()).get("key") == str(KEPT + 2).encode()
    assert Cache(tmp_path, b"0").get("key") is None


def test_code_and_libraries_are_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(tmp_path, b"results").put("key", b"content")
    assert Cache(tmp_path, b"results").get("key") == b"content"
    monkeypatch.setattr(cache_module, "code_digest", lambda: "other code")
    assert Cache(tmp_path, b"results").get("key") is None


def test_code_digest_holds_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    own = cache_module.code_digest.__wrapped__()
    assert own == cache_module.code_digest()
    monkeypatch.setattr(cache_module, "version", lambda _: "99")
    assert cache_module.code_digest.__wrapped__() != own


def test_jobs_are_made_once_in_order_whoever_makes_them() -> None:
    for processes in (1, 2):
        used: list[bytes] = []
        jobs = [Job(str(i), lambda i=i: str(i * i).encode(), [used.append]) for i in range(9)]
        assert jobs[3].content == b"9"
        run(jobs, Cache(None), processes)
        assert [job.content for job in jobs] == [str(i * i).encode() for i in range(9)]
        assert sorted(used) == sorted(job.content for job in jobs)


def test_a_drawing_that_fails_fails_the_build() -> None:
    def fails() -> bytes:
        raise ValueError("no such line")

    with pytest.raises(ValueError, match="no such line"):
        run([Job(str(i), fails) for i in range(9)], Cache(None), 2)


def test_no_cache(results_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", lambda *_: '<svg width="1" height="1" viewBox="0 0 9 9"></svg>')
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPECVIT_CACHE", str(folder))
    for options, there in ((["--no-cache"], False), (["--check"], False), ([], True)):
        assert main(["--results", str(results_dir), "--out", str(tmp_path / "site"), *options]) == 0
        assert folder.exists() == there


def test_figures_are_what_plotly_takes(files: dict[str, bytes]) -> None:
    figures = [path for path in files if path.endswith(".plotly.json")]
    assert len(figures) > 10
    for path in figures:
        content = json.loads(files[path])
        again = go.Figure(data=content["data"], layout=content["layout"] | {"template": {}}, skip_invalid=False)
        layout = {key: value for key, value in again.to_plotly_json()["layout"].items() if key != "template"}
        assert layout == content["layout"], path
        assert again.to_plotly_json()["data"] == content["data"], path
        go.Layout(content.get("narrow", {}))
        parts = content.get("byPart", {}).values()
        for part in parts:
            go.Layout(part.get("layout", {}))
