"""Build the site: ``python build.py [--results DIR] [--out DIR] [--base-url URL] [--check] [--serve]``."""

import sys

from site_builder.cli import main

if __name__ == "__main__":
    sys.exit(main())
