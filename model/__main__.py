"""``python -m model COMMAND``."""

import sys

from model.cli import main

sys.exit(main())
