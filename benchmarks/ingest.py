"""Ingest of DESI coadd files: spectra a second, and the memory of all its processes, at 10 000 and 100 000 spectra.

``python benchmarks/ingest.py [--names 20 200] [--stars 500] [--workers 2] [--folder FOLDER]`` (minutes; about 3 GB of
disk). Ten files in DESI's layout are written, and linked under many names; three damaged ones stand among them.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from common import ROOT, Section, main

sys.path.insert(0, str(ROOT / "tests"))

from survey_files import labels_of, write_desi_coadd, write_mwsall

from model.ingest.manifest import read_manifest
from model.ingest.stream import ShardStream

DISTINCT = 10
MIB = 2**20


def write_inputs(folder: Path, stars: int) -> None:
    """Ten distinct coadd files (R and Z arms with resolution matrices) and the catalogue of their targets."""
    ids, labels = [], []
    for i in range(DISTINCT):
        ids.append(39_627_000_000_000_000 + i * stars + np.arange(stars))
        labels.append(labels_of(stars, i))
        path = folder / f"files/coadd-main-bright-{i}.fits"
        write_desi_coadd(path, ids[-1], i, velocity=labels[-1]["vrad"], arms=("R", "Z"))
    merged = {name: np.concatenate([part[name] for part in labels]) for name in labels[0]}
    write_mwsall(folder / "mwsall.fits", np.concatenate(ids), merged)


def link(folder: Path, names: int) -> Path:
    """A folder with so many names for the ten files, and three damaged files."""
    inputs = folder / f"names-{names}"
    inputs.mkdir()
    for i in range(names):
        os.link(folder / f"files/coadd-main-bright-{i % DISTINCT}.fits", inputs / f"coadd-main-bright-{i:05d}.fits")
    content = (folder / "files/coadd-main-bright-0.fits").read_bytes()
    (inputs / "coadd-truncated.fits").write_bytes(content[: len(content) // 2])
    (inputs / "coadd-empty.fits").write_bytes(b"")
    (inputs / "coadd-noise.fits").write_bytes(np.random.default_rng(0).bytes(100_000))
    return inputs


class Watch(threading.Thread):
    """Peaks of the memory of a process and all below it: resident and proportional, their sum and the largest."""

    def __init__(self, process: subprocess.Popen) -> None:
        super().__init__()
        self.process = process
        self.rss = self.pss = self.largest = 0

    def run(self) -> None:
        parent = psutil.Process(self.process.pid)
        while self.process.poll() is None:
            rss, pss = [0], [0]
            try:
                for one in (parent, *parent.children(recursive=True)):
                    rss.append(one.memory_info().rss)
                    pss.append(one.memory_full_info().pss)
            except psutil.Error:  # it has just ended
                pass
            self.rss, self.pss = max(self.rss, sum(rss)), max(self.pss, sum(pss))
            self.largest = max(self.largest, *rss)
            time.sleep(0.2)


def row(folder: Path, names: int, workers: int) -> list[str]:
    """One ingest from nothing."""
    inputs, out = link(folder, names), folder / f"out-{names}"
    command = [sys.executable, "-m", "model", "ingest", inputs, "--catalogue", folder / "mwsall.fits", "--out", out]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([*command, "--workers", str(workers)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    watch = Watch(process)
    watch.start()
    said, _ = process.communicate()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    watch.join()
    assert process.returncode == 0
    assert said.count("damaged: ") == 3
    manifest = read_manifest(out)
    assert manifest.files == {"done": names, "damaged": 3}
    stream = ShardStream(out, 256)
    began = time.process_time()
    read = sum(len(batch.row) for batch in stream)
    rate = read / (time.process_time() - began)
    result = [
        str(names), f"{manifest.spectra:,}", str(manifest.files["damaged"]), f"{manifest.spectra / seconds:,.0f}",
        f"{manifest.spectra / processor:,.0f}",
        f"{watch.rss / MIB:,.0f}", f"{watch.pss / MIB:,.0f}", f"{watch.largest / MIB:,.0f}",
        f"{manifest.bytes / 1e9:.2f}", f"{rate:,.0f}",
    ]  # fmt: skip
    shutil.rmtree(out)
    return result


def measure() -> Section:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--stars", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where files are written (default: the system's temporary folder)")
    wanted = parser.parse_args()
    section = Section(
        "Ingest of DESI coadd files",
        f"{DISTINCT} files of {wanted.stars} stars (R and Z arms, masks, resolution matrices), linked under so many "
        f"names, and 3 damaged ones, by {wanted.workers} worker processes of this machine; from the start of the "
        "command to its end. Memory: peaks of the resident sets of all its processes, summed (libraries that "
        "processes share count in each), the same with shared pages divided among them, and the largest process.",
        [
            "names",
            "spectra",
            "damaged",
            "spectra/s",
            "spectra/CPU s",
            "RSS MiB",
            "PSS MiB",
            "largest MiB",
            "shards GB",
            "read/CPU s",
        ],
        note="spectra/CPU s: the same for a second of processor time of all processes together, starting and ending "
        "included, so that other work on the machine does not count. read/CPU s: spectra that `ShardStream` then gives "
        "in a second of processor time, shuffled, batches of 256.",
    )
    with tempfile.TemporaryDirectory(dir=wanted.folder) as temp:
        folder = Path(temp)
        write_inputs(folder, wanted.stars)
        section.rows = [row(folder, names, wanted.workers) for names in wanted.names]
    return section


if __name__ == "__main__":
    main(measure)
