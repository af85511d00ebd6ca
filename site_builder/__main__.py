"""``python -m site_builder schema`` (JSON Schema of the contract) and ``translate`` (texts into the catalogues)."""

import argparse
import sys

from site_builder.contract import BadInput
from site_builder.schemas import write_schemas


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m site_builder", description=__doc__)
    parser.add_argument(
        "command",
        choices=["schema", "translate"],
        help="schema: write schema/*.schema.json from the contract; translate: bring site_builder/locale/ up to date",
    )
    args = parser.parse_args(argv)
    try:
        if args.command == "translate":
            from site_builder.translate import write_catalogues

            print("\n".join(write_catalogues()))
            return 0
        for path in write_schemas():
            print(path.relative_to(path.parent.parent))
    except BadInput as error:
        print(f"site_builder: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
