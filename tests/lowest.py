"""Pins of the lowest versions that pyproject.toml allows: ``python tests/lowest.py > constraints-lowest.txt``.

The packages that build the site stand at their floors; the tools that test them stand at the versions of
constraints.txt, since they are no part of what a user installs. ``make test-lowest`` installs by this list.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = (
    "pytest",
    "hypothesis",
    "jaxtyping",
    "beartype",
    "plotly",
    "pyyaml",
)  # of tests that need neither torch nor a browser


def floors() -> list[str]:
    """``name==version`` of every core dependency at its floor.

    Raises:
        ValueError: a dependency names no floor.
    """
    pins = []
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", text)
        if found is None:
            raise ValueError(f"pyproject.toml: dependency {text} names no lowest version; write it as name>=version")
        pins.append(f"{found[1]}=={found[2]}")
    return pins


def tools() -> list[str]:
    """``name==version`` of the tools, as constraints.txt has them."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line.partition("==")[0].lower().replace("_", "-") in TOOLS]


if __name__ == "__main__":
    print("\n".join([*floors(), *tools()]))
