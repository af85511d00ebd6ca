"""Commands of the builder beside ``build.py``; ``python -m site_builder --help`` lists them."""

import argparse
import sys
from pathlib import Path

from site_builder.contract import BadInput
from site_builder.contract.errors import told

COMMANDS = {
    "schema": "write schema/*.schema.json from the contract",
    "docs": "write docs/results.md from the contract",
    "translate": "bring site_builder/locale/ up to date",
    "new": "begin a site of your own in a new folder",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m site_builder", description="Commands of the builder beside build.py.")
    words = "; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    p.add_argument("command", choices=list(COMMANDS), help=words)
    p.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="folder that 'new' makes")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = parser().parse_args(argv)
    if (args.command == "new") != (args.folder is not None):
        parser().error("'new' takes a folder, and nothing else does")
    try:
        print("\n".join(_run(args.command, args.folder)))
    except (BadInput, PermissionError) as error:
        print(f"site_builder: {told(error)}", file=sys.stderr)
        return 2
    return 0


def _run(command: str, folder: Path | None) -> list[str]:
    """Do what a command says, and return what to print."""
    if command == "translate":
        from site_builder.translate import write_catalogues

        return write_catalogues()
    if folder is not None:
        from site_builder.new import begin

        return [str(path) for path in begin(folder)]
    if command == "docs":
        from site_builder.results_docs import write_docs

        paths = [write_docs()]
    else:
        from site_builder.schemas import write_schemas

        paths = write_schemas()
    return [str(path.relative_to(path.parent.parent)) for path in paths]


if __name__ == "__main__":
    sys.exit(main())
