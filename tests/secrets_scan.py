"""``make lint``: what looks like a credential in a tracked file (detect-secrets); exit 1 where something does."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Numbers and hashes of results, colours, and code of others: high entropy is their nature.
PASSED_BY = r"^(results|schema|data|weights|static/vendor|tests/__snapshots__|tests/looks)/"
WITHOUT = ("HexHighEntropyString", "Base64HighEntropyString")


def main(root: Path = ROOT) -> int:
    command = [sys.executable, "-m", "detect_secrets", "scan", "--exclude-files", PASSED_BY]
    command += [part for name in WITHOUT for part in ("--disable-plugin", name)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    found = [
        f"{path}:{one['line_number']}: {one['type']}"
        for path, secrets in sorted(json.loads(done.stdout)["results"].items())
        for one in secrets
    ]
    print("\n".join(found) or "detect-secrets: nothing that looks like a credential.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
