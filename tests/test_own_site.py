"""A site of one's own: its configuration, several results folders on it, how it begins, and what the docs say of it."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.figure import Figure

from site_builder import __main__ as command
from site_builder import comparisons, design, results_docs
from site_builder.cli import build, main
from site_builder.config import CONTRAST, GROUNDS, Own, SiteConfig, contrast
from site_builder.contract import BadInput
from site_builder.contract.schema import FILE_KINDS, Index
from site_builder.figures import svg
from site_builder.results import Results
from tests.factory import make_results
from tests.pages import derive, read

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'


def no_drawing(draw: object, size: tuple[int, int], narrow: bool, margins: object) -> str:
    return f'<?xml?><svg width="1" height="1" viewBox="0 0 {size[0]} {size[1]}" version="1.1"></svg>'


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one run with as little as is needed."""
    root = make_results(tmp_path_factory.mktemp("one") / "results", n_stars=120, n_pixels=256, transfer=False)
    return only(root)


def only(root: Path) -> Path:
    index = json.loads((root / "index.json").read_text())
    needed = {"instrument", "run", "metrics", "predictions"}
    index["files"] = [e for e in index["files"] if e["kind"] in needed and "lamost" not in e["path"]]
    (root / "index.json").write_text(json.dumps(index))
    return root


def renamed(root: Path, to: Path, name: str) -> Path:
    """The same results as those of another run."""
    import hashlib

    shutil.copytree(root, to)
    index = json.loads((to / "index.json").read_text())
    old = index["main_run"]
    (to / "runs" / old).rename(to / "runs" / name)
    index["main_run"] = name
    for entry in index["files"]:
        path = entry["path"] = entry["path"].replace(old, name)
        raw = (to / path).read_bytes().replace(f'"run":"{old}"'.encode(), f'"run":"{name}"'.encode())
        (to / path).write_bytes(raw)
        entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
    (to / "index.json").write_text(json.dumps(index))
    return to


# Configuration


def test_everything_of_the_configuration_is_shown(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", no_drawing)
    (tmp_path / "logo.svg").write_text(LOGO)
    (tmp_path / "site.toml").write_text(
        """
name = "Gravity <Lab>"
headline = "Gravities & more"
description = "What our model reads from stellar spectra, with every number traced to its run."
authors = ["A. Author", "B. Author"]
logo = "logo.svg"
results = ["r"]
out = "site"
base_url = "https://example.org/g/"
[accent]
light = "#1d5b79"
[citation]
title = "Our title"
author = "Author, A."
version = "7"
date = "2020-02-03"
key = "author2020"
[[links]]
text = "Paper"
url = "https://example.org/paper"
"""
    )
    shutil.copytree(one, tmp_path / "r")
    assert main(["--config", str(tmp_path / "site.toml"), "--no-cache"]) == 0
    home = (tmp_path / "site/index.html").read_text()
    for text in (
        "Gravity &lt;Lab&gt;",
        "<h1>Gravities &amp; more</h1>",
        "A. Author, B. Author",
        'href="https://example.org/paper"',
        "traced to its run",
        'content="https://example.org/g/card.png"',
        "logo.svg",
    ):
        assert text in home, text
    assert "Spec<span>ViT" not in home
    assert read(home.encode()).forbidden == []
    data = (tmp_path / "site/data.html").read_text()
    assert "@software{author2020," in data
    assert "Our title" in data
    assert "<title>Data and provenance: every file behind these pages · Gravity &lt;Lab&gt;</title>" in data
    css = next((tmp_path / "site/assets").rglob("site.css")).read_text()
    assert "--accent:#1d5b79;" in css
    assert (tmp_path / "site/card.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "is no TOML"),
        ('nmae = "x"', "field nmae: extra inputs are not permitted"),
        ('name = ""', "field name"),
        ('accent = "red"', "field accent"),
        ('[accent]\nlight = "red"', "field accent.light"),
        ('[accent]\nlight = "#ffcc00"', "has a contrast of 1.2 to the light page where 4.5 is needed; #"),
        ('[accent]\nlight = "#1d5b79"\ndark = "#222222"', "field accent.dark: #222222 has a contrast"),
        ('[[links]]\ntext = "x"\nurl = "javascript:alert(1)"', "field links.0.url"),
        ('logo = "none.svg"', "none.svg cannot be read"),
        ('logo = "../secret.svg"', "lies outside of the folder"),
        ('logo = "bad.svg"', "holds scripts"),
        ('logo = "text.svg"', "is no SVG or PNG file"),
        ('[citation]\ndate = "yesterday"', "field citation.date"),
        ("[citation]\nkey = 'a,b'", "field citation.key"),
    ],
)
def test_what_is_wrong_in_a_configuration(text: str, told: str, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (tmp_path / "secret.svg").write_text(LOGO)
    (folder / "bad.svg").write_text(LOGO.replace("<path", '<path onload="x()"'))
    (folder / "text.svg").write_text("no drawing")
    (folder / "site.toml").write_text(text)
    assert main(["--config", str(folder / "site.toml")]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "site.toml" in said
    assert said.count("\n") == 1


def test_no_configuration(tmp_path: Path, capsys: Any) -> None:
    assert main(["--config", str(tmp_path / "site.toml")]) == 2
    assert "give the path of a site.toml" in capsys.readouterr().err


@pytest.mark.parametrize("light", ["#1d5b79", "#000000", "#7a1f5c", "#0b5d1e", "#4b3f00"])
def test_a_dark_accent_is_found(light: str) -> None:
    own = Own(SiteConfig.model_validate({"accent": {"light": light}}))
    for theme, colours in zip((design.LIGHT, design.DARK), own.colours, strict=True):
        assert min(contrast(colours["accent"], theme[g]) for g in GROUNDS) >= CONTRAST


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ffffff", "#ffffff") == 1


# Several results


def test_runs_of_two_folders_side_by_side(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", no_drawing)
    other = renamed(one, tmp_path / "other", "second-run")
    files = build([one, other])
    results = Results.load(one, other)
    assert list(results.runs) == ["specvit-test-pfs-mr", "second-run"]
    page = read(files["results.html"])
    assert {"shared-1", "fig-shared-specvit-test-pfs-mr-test"} <= set(page.ids)
    assert "others" not in page.ids
    text = files["results.html"].decode()
    assert text.count('data-src="data/results/runs/second-run/metrics.test.json') > 5
    cache: dict[str, Any] = {}
    for shown in page.numbers:
        assert shown.says(derive(files, shown, cache))
    listed = {entry["path"] for entry in json.loads(files["data/results/index.json"])["files"]}
    assert {path for path in listed if path.startswith("runs/second-run/")}
    for path in listed:
        assert f"data/results/{path}" in files
    for shown in read(files["data.html"]).numbers:
        assert shown.says(derive(files, shown, cache))


def test_models_of_two_runs_are_drawn_from_the_best_down(one: Path, tmp_path: Path) -> None:
    results = Results.load(one, renamed(one, tmp_path / "other", "second-run"))
    shared = comparisons.shared_sets(list(results.runs.values()))[0]
    figure = Figure()
    comparisons.draw(shared)(figure, False)
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == [judged.title for judged in shared.models]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is at the top"
    bars = [bar.lines[0] for bar in ax.containers]
    marks = {round(bar.get_ydata()[0]): (bar.get_xdata()[0], bar.get_marker()) for bar in bars}
    expected = {run.name: mark for run, mark in zip(shared.runs, "os", strict=True)}
    for i, judged in enumerate(shared.models):
        assert marks[i] == (judged.row.row.r2.value, expected[judged.run.name])
    # both have one title
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["specvit-test-pfs-mr", "second-run"]


def test_two_of_one_name_are_refused(one: Path, tmp_path: Path, capsys: Any) -> None:
    other = make_results(tmp_path / "other", n_stars=120, n_pixels=256, seed=9, transfer=False)
    assert main(["--results", str(one), "--results", str(only(other)), "--out", str(tmp_path / "site")]) == 2
    said = capsys.readouterr().err
    assert "is another than" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "site").exists()
    assert list(Results.load(one, one).runs) == ["specvit-test-pfs-mr"]  # the same twice is the same


# The beginning of a site


def test_a_new_site(tmp_path: Path, one: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    folder = tmp_path / "my-site"
    assert command.main(["new", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert sorted(told) == sorted(str(p) for p in folder.rglob("*") if p.is_file())
    config = SiteConfig.model_validate(tomllib.loads((folder / "site.toml").read_text()))
    assert config.name == "my-site"
    workflow = yaml.safe_load((folder / ".github/workflows/pages.yml").read_text())
    ours = yaml.safe_load((Path(__file__).parent.parent / ".github/workflows/pages.yml").read_text())
    assert workflow["permissions"] == ours["permissions"]
    assert workflow["jobs"]["deploy"] == ours["jobs"]["deploy"]
    known = {step["uses"] for job in ours["jobs"].values() for step in job["steps"] if "uses" in step}
    assert {s["uses"] for job in workflow["jobs"].values() for s in job["steps"] if "uses" in s} == known
    assert command.main(["new", str(folder)]) == 2
    assert "is not empty" in capsys.readouterr().err
    monkeypatch.setattr(svg, "_draw", no_drawing)
    shutil.copytree(one, folder / "results")
    assert main(["--config", str(folder / "site.toml"), "--no-cache"]) == 0
    assert (folder / "public/index.html").is_file()


def test_commands_say_what_they_need(capsys: Any) -> None:
    for arguments in (["new"], ["schema", "folder"], ["nothing"]):
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 2
        capsys.readouterr()


# What the docs say


def test_the_docs_of_the_contract_are_current() -> None:
    assert results_docs.PAGE.read_text() == results_docs.document(), "run python -m site_builder docs"


def test_every_field_has_a_meaning() -> None:
    text = results_docs.document()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert len(rows) > 400
    assert all(len(meaning) > 4 for _, _, meaning in rows)
    for kind, cls in {"index": Index, **FILE_KINDS}.items():
        assert f"### {kind}\n" in text
        assert all(f"| `{field}` |" in text for field in cls.model_fields)
    for target in re.findall(r"\]\(#(\w+)\)", text):
        assert re.search(rf"^### {target}$", text, re.MULTILINE | re.IGNORECASE), target


def test_a_field_without_a_meaning_is_noticed() -> None:
    from site_builder.contract.base import Strict
    from site_builder.contract.words import meaning

    class Made(Strict):
        unheard_of: int

    with pytest.raises(KeyError):
        meaning(Made, "unheard_of")


def test_bad_results_in_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        build([tmp_path / "none"])
