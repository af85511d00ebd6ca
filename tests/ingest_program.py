"""A survey of small files whose reader can be slow, die, or say who it was; and ingests in processes of their own.

``python ingest_program.py ingest INPUT OUT [WORKERS [SCHEDULER]]`` is ``python -m model ingest`` for that survey.
``python ingest_program.py die MOMENT INPUT OUT`` is the same in one process, which kills itself at that moment.
``python ingest_program.py memory FEW MANY OUT`` ingests two folders and prints the peaks of memory of both, and of one
file's spectra, as JSON.
``python ingest_program.py stream OUT`` reads the shards with the processes that torchrun started; prints JSON.
"""

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model.ingest import layout, run, sources, task
from model.ingest.manifest import Manifest
from model.surveys import ObservedSpectra
from site_builder.contract import BadInput
from site_builder.contract.schema import WaveAxis

PROGRAM = Path(__file__).resolve()
PIXELS = 24
AXIS = WaveAxis(scale="linear", start=8000.0, step=2.0, n=PIXELS)
SECONDS = 0.05  # of a slow file
MOMENTS = ["half of a shard is written", "shard written, not in place", "shard in place, no record"]


def start(*arguments: object, program: Path | None = PROGRAM) -> subprocess.Popen:
    """A Python process, in a session of its own."""
    command = [sys.executable, *([program] if program else []), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (PROGRAM.parent, PROGRAM.parent.parent)))}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def write(path: Path, ids: list[int], how: str = "", logg: float = 4.0) -> Path:
    """A file of stars whose flux is their identifier; ``how``: slow, deadly, or who (says which process read it)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, ids=np.array(ids), how=how, logg=logg)
    return path


def read(path: Path) -> ObservedSpectra:
    with np.load(path) as file:
        ids, how, logg = file["ids"], str(file["how"]), float(file["logg"])
    if how == "slow":
        time.sleep(SECONDS)
    if how == "deadly":
        os._exit(1)
    n, wave = len(ids), layout.wavelengths(AXIS)
    flux = np.repeat(ids[:, None].astype(float), PIXELS, 1)
    return ObservedSpectra(
        id=ids.astype(str), wave=wave, flux=flux, ivar=np.ones_like(flux), z=np.zeros(n), logg=np.full(n, logg),
        teff=np.full(n, 5000.0), mh=np.zeros(n), instrument=f"process {os.getpid()}" if how == "who" else "test",
    )  # fmt: skip


SOURCE = sources.Source("test", ("*.npz",), AXIS, read)


def ingest(folder: Path, out: Path, workers: int = 0, scheduler: str | None = None, **options: Any) -> Manifest:
    wanted = run.Options(out, None, workers, scheduler, **options)
    return run.ingest(sources.find([folder], SOURCE), SOURCE, wanted)


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(content: Any, path: Path, **_: Any) -> None:
    Path(path).write_bytes(b"half a shard")
    die()


def at_call(number: int, function: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, and ``replacement`` at the given call."""
    calls = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return (replacement if calls == number else function)(*arguments, **options)

    return call


def arrange(moment: str) -> None:
    """Let this process be killed at a chosen moment of its third file."""
    if moment == MOMENTS[0]:
        layout.pq.write_table = at_call(3, layout.pq.write_table, half_written)
    elif moment == MOMENTS[1]:
        layout.os.fsync = at_call(6, os.fsync, die)  # settings; shard and record of a file, twice; shard
    elif moment == MOMENTS[2]:
        task.dump = at_call(3, task.dump, die)


def memory(few: Path, many: Path, out: Path) -> None:
    source = replace(SOURCE, axis=WaveAxis(scale="linear", start=8000.0, step=0.02, n=2000))
    peaks = []
    for number, folder in enumerate((few, few, many)):  # the first time also loads what is loaded once
        tracemalloc.start()
        run.ingest(sources.find([folder], source), source, run.Options(out / str(number), workers=0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    print(json.dumps({"peaks": peaks[1:], "arrow": layout.pa.total_allocated_bytes(), "pixels": source.axis.n}))


def stream(out: Path) -> None:
    import torch.distributed as dist

    from model.ingest.stream import ShardStream
    from model.parallel import processes

    with processes("cpu") as place:
        batches = list(ShardStream(out, 7, seed=1, rank=place.rank, world=place.size, buffer=50))
        ours = [batch.row.tolist() for batch in batches]
        every: list[Any] = [None] * place.size
        dist.all_gather_object(every, ours)
        if place.main:
            print(json.dumps(every))


def main(what: str, *arguments: str) -> int:
    try:
        if what == "ingest":
            folder, out, workers, scheduler = [*arguments, *["0", None][len(arguments) - 2 :]]
            ingest(Path(folder), Path(out), int(workers), scheduler)
        elif what == "die":
            arrange(arguments[0])
            ingest(Path(arguments[1]), Path(arguments[2]))
        elif what == "memory":
            memory(*map(Path, arguments))
        else:
            stream(Path(arguments[0]))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    # functions are sent to workers by the name of their module, which __main__ would not be for them
    import ingest_program

    sys.exit(ingest_program.main(*sys.argv[1:]))
