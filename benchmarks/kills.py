"""Builds killed at random moments: what stands in their place must be the old site or the new one, whole."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, Section, main

KILLS = 50


def tree(folder: Path) -> str:
    """Hash of every file below a folder, names included."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def measure(kills: int = KILLS, seed: int = 0) -> Section:
    section = Section(
        "Builds killed at random moments",
        f"SIGKILL at {kills} moments of builds of the shipped results into one folder, drawn evenly over the time that "
        "a build takes (half of them over the last tenth, in which files are written and folders change places). "
        "Builds alternate between two addresses, so that the old and the new site differ. After each, the folder is "
        "compared file by file with both whole sites.",
        ["killed", "whole old site in place", "whole new site in place", "broken or missing", "left behind at the end"],
    )
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "site"
        environment = os.environ | {"SPECVIT_CACHE": str(Path(folder) / "cache")}

        def start(which: int) -> subprocess.Popen[bytes]:
            command = [sys.executable, "build.py", "--out", str(out), "--base-url", f"https://{which}.example.org/"]
            return subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
            )

        whole, took = [], 0.0
        for which in (1, 0, 1):  # the last with everything kept, as those that are killed
            began = time.perf_counter()
            assert start(which).wait() == 0
            took = time.perf_counter() - began
            whole.append(tree(out))
        sites = {0: whole[1], 1: whole[2]}
        counts = {"old": 0, "new": 0, "broken": 0}
        killed = 0
        while killed < kills:
            which = 0 if tree(out) == sites[1] else 1
            process = start(which)
            time.sleep(took * (rng.uniform(0.9, 1.0) if killed % 2 else rng.uniform(0.0, 1.0)))
            killed += process.poll() is None
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            found = tree(out) if out.is_dir() else ""
            counts["new" if found == sites[which] else "old" if found == sites[1 - which] else "broken"] += 1
        assert start(0).wait() == 0
        left = [p.name for p in Path(folder).iterdir() if p.name not in ("site", "cache")]
        section.rows.append(
            [str(killed), str(counts["old"]), str(counts["new"]), str(counts["broken"]), str(len(left))]
        )
    section.note = "Builds that had ended before their moment came are not counted as killed, but looked at as well."
    return section


if __name__ == "__main__":
    main(measure)
