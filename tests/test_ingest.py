"""Survey files into shards: layout, labels, damaged files, runs that are killed, clusters."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_program import MOMENTS, finish, ingest, start, write
from survey_files import CA_TRIPLET, labels_of, write_desi_coadd, write_mwsall

from model import cli
from model.data import sha256
from model.ingest import catalogue, layout, run, sources, task
from model.ingest.manifest import read_manifest
from model.surveys import LABELS, desi, desi_catalogue
from site_builder.contract import BadInput

TARGET = 39_627_000_000_000_000
STARS = 3


def records(out: Path) -> dict[str, dict[str, Any]]:
    """By name of the source file."""
    found = [json.loads(p.read_bytes()) for p in (out / ".ingest/records").glob("[!.]*.json")]
    return {Path(r["source"]).name: r for r in found}


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """What changes when a shard is written again."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (out / "train").glob("[!.]*")}


def contents(out: Path) -> dict[str, str]:
    """Hashes of everything that readers of a data set see."""
    return {p.relative_to(out).as_posix(): sha256(p) for p in out.rglob("[!.]*") if p.is_file()}


# DESI files


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coadd files, and a catalogue in another order with one star missing."""
    root = tmp_path_factory.mktemp("desi")
    ids = TARGET + np.arange(3 * STARS)
    labels = labels_of(len(ids), 5)
    for i in range(3):
        part = slice(i * STARS, (i + 1) * STARS)
        path = root / f"healpix/main/bright/100/1000{i}/coadd-main-bright-1000{i}.fits"
        write_desi_coadd(path, ids[part], i, velocity=labels["vrad"][part], arms=("R", "Z"), resolution=i == 0)
    order = np.random.default_rng(0).permutation(len(ids) - 1)
    write_mwsall(root / "mwsall.fits", ids[order], {k: v[order] for k, v in labels.items()})
    return root


def command(survey: Path, out: Path, *more: str, inputs: Path | None = None) -> list[str]:
    return ["ingest", str(inputs or survey / "healpix"), "--catalogue", str(survey / "mwsall.fits"), "--out", str(out),
            "--workers", "0", *more]  # fmt: skip


def test_shards_have_the_rows_of_the_multimodal_universe(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shards"
    assert cli.main(command(survey, out, "--shard-size", "2")) == 0
    assert f"8 spectra of 8 objects in 5 shards (0 MB) in {out}" in capsys.readouterr().out
    manifest = read_manifest(out)
    assert (manifest.spectra, manifest.objects, manifest.repeated, manifest.files) == (8, 8, 0, {"done": 3})
    assert manifest.report["rows in the file"] == 9
    assert manifest.report["in the catalogue"] == manifest.report["pixels in the window"] == 8
    assert manifest.records[0].resolution == pytest.approx(4500, rel=0.1)
    assert [s.rows for s in manifest.shards] == [2, 1, 2, 1, 2]
    for shard in manifest.shards:
        assert sha256(out / shard.path) == shard.sha256
    content = pa.concat_tables([pq.read_table(out / shard.path) for shard in manifest.shards])
    assert content.schema == layout.schema(2188)
    wave = layout.wavelengths(manifest.wave)
    assert (wave[0], wave[-1]) == pytest.approx((7100, 8849.6))
    truth = labels_of(9, 5)
    for row in content.to_pylist():
        i = int(row["object_id"]) - TARGET
        for name in LABELS:
            assert row[name] == pytest.approx(truth[name][i], rel=1e-6)
        assert row["logg_err"] == pytest.approx(0.05)
        assert row["z"] == pytest.approx(truth["vrad"][i] / 299_792.458)
        assert row["source_file"] == f"coadd-main-bright-1000{i // STARS}.fits"
        assert (row["survey"], row["restframe"]) == ("desi", True)
        flux, ivar, mask = (np.array(row["spectrum"][k]) for k in ("flux", "ivar", "mask"))
        np.testing.assert_allclose(row["spectrum"]["lambda"], wave, rtol=1e-7)
        np.testing.assert_array_equal(mask, ivar == 0)
        assert not mask.any()
        assert row["snr"] == pytest.approx(np.median(flux * ivar**0.5), rel=1e-5)
        assert row["snr"] == pytest.approx(20, rel=0.3)
        for line in CA_TRIPLET:  # where the lines are at rest, whatever the star's velocity
            near = np.abs(wave - line) < 8
            depth = np.median(flux) - flux[near]
            assert np.sum(depth * wave[near]) / np.sum(depth) == pytest.approx(line, abs=0.5)


def test_damaged_files_are_reported_and_left_out(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "shards"
    folder.mkdir()
    good = next(survey.rglob("coadd-*-10000.fits"))
    (folder / "coadd-good.fits").symlink_to(good)
    (folder / "coadd-truncated.fits").write_bytes(good.read_bytes()[:40_000])
    (folder / "coadd-empty.fits").write_bytes(b"")
    (folder / "coadd-nowhere.fits").symlink_to(tmp_path / "nothing")
    write_desi_coadd(folder / "coadd-one-arm.fits", [TARGET], 0, arms=("Z",), resolution=False)
    write_desi_coadd(folder / "coadd-unknown.fits", [5, 6], 0, arms=("R", "Z"), resolution=False)
    write_desi_coadd(folder / "coadd-twice.fits", [TARGET, TARGET, TARGET + 1], 0, arms=("R", "Z"), resolution=False)
    assert cli.main(command(survey, out, inputs=folder)) == 0
    said = capsys.readouterr().out
    assert "7 files: 4 damaged, 2 done, 1 empty" in said
    damaged = {name: r["reason"] for name, r in records(out).items() if r["outcome"] == "damaged"}
    for name, words in {"truncated": "truncated", "empty": "FITS", "nowhere": "not there", "one-arm": "R_WAVE"}.items():
        reason = damaged.pop(f"coadd-{name}.fits")
        assert str(folder / f"coadd-{name}.fits") in reason
        assert words in reason
        assert f"damaged: {reason}\n" in said
    assert damaged == {}
    found = {name: r["spectra"] for name, r in records(out).items() if r["spectra"]}
    assert found == {"coadd-good.fits": STARS, "coadd-twice.fits": 2}  # one spectrum for rows that share a TARGETID
    assert records(out)["coadd-unknown.fits"]["report"]["in the catalogue"] == 0
    manifest = read_manifest(out)
    assert (manifest.spectra, manifest.objects, manifest.repeated) == (5, 3, 2)
    assert len(stamps(out)) == 2


def test_nothing_usable_is_an_error(survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert cli.main(list(arguments)) == 2
        return capsys.readouterr().err

    (tmp_path / "in").mkdir()
    folder, out = str(tmp_path / "in"), str(tmp_path / "out")
    assert "no file is named coadd-*.fits" in refused("ingest", folder, "--out", out)
    assert "nowhere is not there" in refused("ingest", str(tmp_path / "nowhere"), "--out", out)
    (tmp_path / "in/coadd-0.fits").write_bytes(b"SIMPLE")
    assert "coadd-0.fits cannot be read as FITS" in refused(*command(survey, tmp_path / "a", inputs=tmp_path / "in"))
    (tmp_path / "in/coadd-1.fits").write_bytes(b"")
    assert "none of 2 files gave a spectrum" in refused(*command(survey, tmp_path / "b", inputs=tmp_path / "in"))
    (tmp_path / "other").mkdir()
    write_desi_coadd(tmp_path / "other/coadd-0.fits", [5, 6], 0, arms=("R", "Z"), resolution=False)
    said = refused(*command(survey, tmp_path / "d", inputs=tmp_path / "other"))
    assert "none of 1 files gave a spectrum; give files and a --catalogue of the same objects." in said
    plain = ["ingest", str(survey / "healpix"), "--workers", "0", "--out"]
    assert "give --catalogue, or --unlabelled" in refused(*plain, out)
    assert "field unlabelled differs" in refused(*plain, out, "--unlabelled")
    assert cli.main([*plain, str(tmp_path / "all"), "--unlabelled"]) == 0
    assert read_manifest(tmp_path / "all").spectra == 9
    capsys.readouterr()
    missing = ["--catalogue", str(tmp_path / "none.fits")]
    assert "none.fits cannot be read" in refused(*plain, str(tmp_path / "c"), *missing)
    assert "--workers -1" in refused(*plain[:2], "--out", out, "--workers", "-1")
    assert "--shard-size 0" in refused(*plain, out, "--shard-size", "0")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(*plain, str(tmp_path / "file/below"))


def test_a_catalogue_is_read_in_pieces_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    ids = TARGET + rng.integers(0, 40, 100)  # a target has several rows, in several pieces
    labels = labels_of(len(ids), 2) | {"vrad_err": rng.uniform(0.5, 3, len(ids))}
    warn = {"RVTAB": {"RVS_WARN": rng.integers(0, 2, len(ids))}}
    path = write_mwsall(tmp_path / "mwsall.fits", ids, labels, changes=warn)
    whole = desi_catalogue.read(path)
    monkeypatch.setattr(catalogue, "PIECE", 17)
    digest = catalogue.prepare(path, tmp_path / "columns")
    mapped = catalogue.load(tmp_path / "columns")
    assert isinstance(mapped.targetid, np.memmap)
    for name, values in catalogue._columns(whole).items():
        np.testing.assert_array_equal(catalogue._columns(mapped)[name], values, err_msg=name)
    wanted = np.array([TARGET + 3, TARGET - 1, TARGET + 39, TARGET + 400])
    np.testing.assert_array_equal(mapped.rows(wanted), whole.rows(wanted))
    before = {p: p.stat().st_ino for p in (tmp_path / "columns").iterdir()}
    assert catalogue.prepare(path, tmp_path / "columns") == digest
    assert {p: p.stat().st_ino for p in (tmp_path / "columns").iterdir()} == before
    write_mwsall(path, ids, labels)
    assert catalogue.prepare(path, tmp_path / "columns") != digest
    with pytest.raises(BadInput, match="holds no catalogue"):
        catalogue.load(tmp_path / "elsewhere")


# Runs that are killed, changed, repeated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten files of a few stars."""
    for i in range(10):
        write(tmp_path / f"in/{i}.npz", list(range(10 * i, 10 * i + 2 + i % 3)))
    return tmp_path / "in"


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_ingest_killed_at_a_chosen_moment_goes_on(moment: str, folder: Path, tmp_path: Path) -> None:
    code, _, error = finish(start("die", moment, folder, tmp_path / "out"))
    assert code == -signal.SIGKILL, error
    assert len(records(tmp_path / "out")) == 2
    before = stamps(tmp_path / "out")
    assert len(before) == (3 if moment == MOMENTS[2] else 2)
    ingest(folder, tmp_path / "out")
    ingest(folder, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    after = stamps(tmp_path / "out")
    assert sum(after[name] == before[name] for name in before) == 2
    for part in ("train", ".ingest", ".ingest/records"):
        assert [p for p in (tmp_path / "out" / part).glob(".*") if p.is_file()] == []


@pytest.mark.slow
def test_an_ingest_killed_half_way_does_only_the_rest(tmp_path: Path) -> None:
    """SIGKILL to all processes of an ingest by two workers; what was finished is not touched again."""
    files = [write(tmp_path / f"in/{i:02d}.npz", [3 * i, 3 * i + 1, 3 * i + 2], "slow") for i in range(40)]
    out = tmp_path / "out"
    process = start("ingest", tmp_path / "in", out, 2)
    deadline = time.monotonic() + 120
    while len(records(out)) < 8 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    code, _, error = finish(process)
    assert code == -signal.SIGKILL, error
    done = len(records(out))
    assert 8 <= done < len(files)
    before = stamps(out)
    code, said, error = finish(start("ingest", tmp_path / "in", out))
    assert code == 0, error
    assert f"{done} of 40 files were finished before" in said
    after = stamps(out)
    assert len(after) == 40
    assert sum(after[name] == stamp for name, stamp in before.items()) == done
    ingest(tmp_path / "in", tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def test_only_what_changed_is_done_again(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    first = ingest(folder, out)
    before = stamps(out)
    assert ingest(folder, out) == first
    assert stamps(out) == before
    assert "10 of 10 files were finished before" in capsys.readouterr().out
    write(folder / "3.npz", [1000, 1001, 1002, 1003, 1004, 1005])
    write(folder / "new.npz", [2000])
    next((out / "train").glob(Path(first.records[5].shards[0].path).name)).unlink()
    (out / ".ingest/records" / f"{Path(first.records[6].shards[0].path).name[:21]}.json").write_text("{")
    second = ingest(folder, out)
    assert "7 of 11 files were finished before" in capsys.readouterr().out
    assert second.spectra == first.spectra + 1 + 6 - first.records[3].spectra
    assert sum(stamps(out)[name] == stamp for name, stamp in before.items()) == 7
    with pytest.raises(BadInput, match="field repeats differs"):
        ingest(folder, out, repeats="drop")
    assert ingest(tmp_path / "in/new.npz", out) == second  # the manifest is that of the folder, not of one call


def test_files_with_the_same_objects(folder: Path, tmp_path: Path) -> None:
    os.link(folder / "0.npz", folder / "link.npz")
    write(folder / "other.npz", [1, 500])
    kept = ingest(folder, tmp_path / "kept")
    assert (kept.spectra, kept.objects, kept.repeated) == (33, 30, 3)
    dropped = ingest(folder, tmp_path / "dropped", repeats="drop")
    assert (dropped.spectra, dropped.objects, dropped.repeated) == (30, 30, 0)
    assert {Path(r.source).name: r.repeats_dropped for r in dropped.records if r.repeats_dropped} == {
        "link.npz": 2,
        "other.npz": 1,
    }
    shards = [pq.read_table(tmp_path / "dropped" / s.path) for s in dropped.shards]
    assert [len(t) for t in shards] == [s.rows for s in dropped.shards]
    ids = pa.concat_tables(shards)["object_id"].to_pylist()
    assert sorted(ids) == sorted({i for t in kept.shards for i in
                                  pq.read_table(tmp_path / "kept" / t.path)["object_id"].to_pylist()})  # fmt: skip
    before = stamps(tmp_path / "dropped")
    assert ingest(folder, tmp_path / "dropped", repeats="drop") == dropped
    assert stamps(tmp_path / "dropped") == before


def test_a_reader_that_fails_is_one_damaged_file(folder: Path, tmp_path: Path) -> None:
    np.savez(folder / "a.npz", ids=np.array([1]))
    write(folder / "b.npz", [1, 1])
    manifest = ingest(folder, tmp_path / "out")
    assert manifest.files == {"done": 10, "damaged": 2}
    reasons = [r.reason for r in manifest.records if r.reason]
    assert reasons[0].startswith(f"{folder}/a.npz cannot be read (")
    assert reasons[1] == f"{folder}/b.npz: field id names an object twice; give a file with one spectrum an object."


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    for i in range(24):
        write(tmp_path / f"{'few' if i < 3 else 'many'}/{i}.npz", list(range(1000 * i, 1000 * i + 60)))
    code, said, error = finish(start("memory", tmp_path / "few", tmp_path / "many", tmp_path))
    assert code == 0, error
    measured = json.loads(said.splitlines()[-1])
    one_file = 60 * measured["pixels"] * 4 * 2
    few, many = measured["peaks"]
    assert few > one_file  # spectra are counted
    assert many - few < 2 * one_file  # of 18 files more
    assert measured["arrow"] < one_file  # what Arrow holds is not


# Several processes


def test_workers_of_a_scheduler_share_the_files(tmp_path: Path) -> None:
    """A dask scheduler with two workers, each a process of its own, found by its address."""
    for i in range(24):
        write(tmp_path / f"in/{i:02d}.npz", [3 * i, 3 * i + 1], "who")
    (tmp_path / "in/damaged.npz").write_bytes(b"PK")
    file = tmp_path / "scheduler.json"
    quiet = ["--dashboard-address", ":0", "--scheduler-file", file]
    parts = [
        start(
            "-m", "dask", "scheduler", "--port", 0, "--host", "127.0.0.1", "--idle-timeout", "120", *quiet, program=None
        )
    ]
    try:
        for _ in range(2):
            worker = ["worker", *quiet, "--nthreads", 1, "--no-nanny", "--local-directory", tmp_path]
            parts.append(start("-m", "dask", *worker, program=None))
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        code, said, error = finish(start("ingest", tmp_path / "in", tmp_path / "out", 0, address))
        assert code == 0, error
        workers = {f"process {part.pid}" for part in parts[1:]}
        readers = {r["instrument"] for r in records(tmp_path / "out").values() if r["outcome"] == "done"}
        assert readers
        assert readers <= workers
        manifest = read_manifest(tmp_path / "out")
        assert (manifest.spectra, manifest.files) == (48, {"done": 24, "damaged": 1})
        assert f"damaged: {tmp_path}/in/damaged.npz cannot be read" in said
    finally:
        for part in parts:  # asked to end, workers would look for their scheduler for minutes
            part.kill()
            finish(part)


def test_a_scheduler_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    process = start("-c", f"""
import ingest_program
ingest_program.run.PATIENCE = 0.5
raise SystemExit(ingest_program.main("ingest", {str(folder)!r}, {str(tmp_path / "out")!r}, 0, "tcp://127.0.0.1:9"))
""", program=None)  # fmt: skip
    code, _, error = finish(process)
    assert code == 2
    assert error.splitlines()[-1].startswith("error: --scheduler tcp://127.0.0.1:9 does not answer")
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_file_that_ends_its_worker_is_given_up_and_the_others_are_not(folder: Path, tmp_path: Path) -> None:
    write(folder / "5a.npz", [77], "deadly")
    code, _, error = finish(start("ingest", folder, tmp_path / "out", 2))
    assert code == 0, error
    manifest = read_manifest(tmp_path / "out")
    assert manifest.files == {"done": 10, "damaged": 1}
    [reason] = [r.reason for r in manifest.records if r.reason]
    assert reason.startswith(f"{folder}/5a.npz ended every worker that read it")


def test_a_worker_that_does_not_see_the_folder(folder: Path, tmp_path: Path) -> None:
    job = task.Job(next(folder.iterdir()), tmp_path / "elsewhere", sources.get("desi"), None, 10, True)
    with pytest.raises(BadInput, match="elsewhere is not seen by a worker; give a folder that all workers share"):
        task.ingest_file(job)
    assert not (tmp_path / "elsewhere").exists()


def test_a_survey_with_labels_in_its_files_takes_no_catalogue(folder: Path, tmp_path: Path) -> None:
    source = replace(sources.get("desi"), prepare=None, join=None)
    options = run.Options(out=tmp_path / "out", catalogue=tmp_path / "labels.fits", workers=0)
    with pytest.raises(BadInput, match="--catalogue: desi has labels in its files; leave the option out"):
        run.ingest(list(folder.iterdir()), source, options)


def test_the_survey_of_a_name() -> None:
    assert sources.get("desi").read is desi.read
    with pytest.raises(BadInput, match="--survey gaia is not known; choose one of desi"):
        sources.get("gaia")
