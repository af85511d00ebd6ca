"""Models against each other on the same stars: paired intervals, and what the pages make of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model import pairs
from model.cli import main
from model.metrics import bootstrap
from site_builder import findings
from site_builder.contract.io import read_file, read_index, take_over, write_index
from site_builder.contract.pairs import PairsFile
from site_builder.contract.schema import Index
from site_builder.results import Results
from site_builder.transfer_findings import Pair
from site_builder.transfers import experiments
from tests.factory import make_results

TEST = "pairs/specvit-test-pfs-mr.test.json"


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=120, n_pixels=64)


def read_pairs(root: Path, path: str) -> PairsFile:
    file = read_file(root, next(e for e in read_index(root).files if e.path == path))
    assert isinstance(file, PairsFile)
    return file


def test_a_small_difference_on_the_same_stars_is_seen_where_the_intervals_overlap() -> None:
    rng = np.random.default_rng(4)
    truth = rng.uniform(1, 5, 4000)
    shared = rng.normal(0, 0.5, 4000)  # what both get wrong
    answers = {"a": truth + shared, "b": truth + shared + rng.normal(0, 0.12, 4000), "c": truth + shared}
    first, twin = pairs.differences(truth, answers, [("a", "b"), ("a", "c")], 300)
    own, other = (bootstrap(truth, answers[k], 300)[:, 0] for k in "ab")
    assert own[1] < other[2]  # lower end of the better below the upper end of the worse
    assert 0 < first["r2"].lo < first["r2"].value < first["r2"].hi
    assert first["r2"].value == pytest.approx(own[0] - other[0], abs=1e-6)
    assert first["mae"].hi < 0
    assert (twin["r2"].lo, twin["r2"].hi) == (0, 0)


def test_the_interval_of_a_difference_covers_it() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(100):
        truth = rng.uniform(1, 5, 300)
        shared = rng.normal(0, 0.5, 300)
        answers = {"a": truth + shared, "b": truth + shared + rng.normal(0, 0.3, 300)}
        found = pairs.differences(truth, answers, [("b", "a")], 200)[0]["r2"]
        inside += found.lo <= -(0.3**2) / (16 / 12) <= found.hi  # noise variance over that of U(1, 5)
    assert 88 <= inside <= 100


def test_pairs_of_a_folder_are_those_of_its_predictions(results_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    before = {e.path for e in read_index(root).files}
    assert main(["pairs", "--out", str(root)]) == 0
    assert {e.path for e in read_index(root).files} == before
    made, made_up = read_pairs(root, TEST), read_pairs(results_dir, TEST)
    values = {(r.slice, r.label, r.first, r.second): (r.n, r.r2.value, r.nmad.value) for r in made.rows}
    assert values.keys() == {(r.slice, r.label, r.first, r.second) for r in made_up.rows}
    for row in made_up.rows:  # which the factory made from the metrics
        n, r2, nmad = values[row.slice, row.label, row.first, row.second]
        assert n == row.n
        assert (r2, nmad) == pytest.approx((row.r2.value, row.nmad.value), abs=3e-6)
    results = Results.load(root)
    experiment = experiments(results)[0]
    assert len(read_pairs(root, f"pairs/{experiment.file.name}.json").rows) > 0
    from site_builder import checks

    checks.run_all(results)


def test_only_what_changed_is_computed_again(results_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    main_run = read_index(results_dir).main_run
    entries = pairs.add(root, take_over(results_dir, root, read_index(results_dir).files), fresh=True)
    write_index(root, Index(main_run=main_run, files=entries))
    source = root / "runs/specvit-test-pfs-mr/predictions.test.json"
    content = json.loads(source.read_text())
    content["provenance"]["seed"] += 1
    changed = pairs.write_file(root, "runs/specvit-test-pfs-mr/predictions.test.json", content_of(content))
    again = pairs.add(root, [changed if e.path == changed.path else e for e in entries])
    differ = {a.path for a, b in zip(entries, again, strict=True) if a.sha256 != b.sha256}
    assert differ == {changed.path, TEST}


def content_of(content: dict[str, object]) -> pairs.PredictionsFile:
    return pairs.PredictionsFile.model_validate(content)


def test_verdicts_are_those_of_the_pairs(results_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    run = Results.load(root).main

    def verdict_with(lo: float, hi: float) -> findings.Comparison:
        file = read_pairs(root, TEST)
        row = next(r for r in file.rows if r.second == "mlp" and r.slice == "all")
        apart = row.r2.model_copy(update={"lo": lo, "hi": hi})
        rows = [row.model_copy(update={"r2": apart}) if r is row else r for r in file.rows]
        entry = pairs.write_file(root, TEST, file.model_copy(update={"rows": rows}))
        index = read_index(root)
        files = [entry if e.path == TEST else e for e in index.files]
        write_index(root, Index(main_run=index.main_run, files=files))
        return findings.compare(Results.load(root).main, "test")[0]

    assert run.model("mlp").name == "mlp"
    assert verdict_with(0.001, 0.002).verdict == "better"
    assert verdict_with(-0.002, -0.001).verdict == "worse"
    level = verdict_with(-0.001, 0.001)
    assert (level.verdict, level.apart is not None) == ("alike", True)


def test_without_pairs_intervals_that_overlap_are_level(results_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    index = read_index(results_dir)
    rest = take_over(results_dir, root, (e for e in index.files if e.kind != "pairs"))
    write_index(root, Index(main_run=index.main_run, files=rest))
    for c in findings.compare(Results.load(root).main, "test"):
        apart = c.own.above(c.other) or c.own.below(c.other)
        assert c.apart is None
        assert (c.verdict == "alike") is not apart


def test_a_pair_asked_for_the_other_way_round_is_turned(results_dir: Path) -> None:
    e = experiments(Results.load(results_dir))[0]
    rows = e.shown(e.sets("cross-validated")[0].name)[:2]
    there, back = rows[0].beside(rows[1]), rows[1].beside(rows[0])
    assert there is not None
    assert back is not None
    one, other = there.interval("r2"), back.interval("r2")
    assert one is not None
    assert other == (-one[1], -one[0])
    turned = {"better": "worse", "worse": "better", "alike": "alike"}
    assert Pair(rows[0], rows[1], "r2").verdict == turned[Pair(rows[1], rows[0], "r2").verdict]
    assert there.interval("sigma") is None
