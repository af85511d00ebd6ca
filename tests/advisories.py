"""``make lint``: known vulnerabilities of the pinned packages, where the advisory service can be reached.

Exit 1 where one is found; 0 with a sentence where nobody can be asked.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["-r", "constraints.txt", "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off",
           "--timeout", "10"]  # fmt: skip


def told(status: int, out: str, err: str) -> tuple[int, str]:
    """Exit status and a sentence for what pip-audit answered."""
    try:
        packages = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        last = (err.strip().splitlines() or ["no answer"])[-1]
        return 0, f"pip-audit: skipped, the advisory service could not be asked ({last[:120]})."
    asked = [p for p in packages if "skip_reason" not in p]
    found = [f"{p['name']} {p['version']}: {v['id']}" for p in asked for v in p["vulns"]]
    if found:
        return (
            1,
            f"pip-audit: {len(found)} known vulnerabilities ({'; '.join(found)}); raise the pins in constraints.txt.",
        )
    if not asked:
        return 0, f"pip-audit: skipped, the advisory service knows none of the {len(packages)} packages here."
    return 0, f"pip-audit: no known vulnerability in {len(asked)} of {len(packages)} packages."


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", *COMMAND]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    status, sentence = told(done.returncode, done.stdout, done.stderr)
    print(sentence)
    return status


if __name__ == "__main__":
    sys.exit(main())
