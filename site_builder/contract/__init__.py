"""The results contract: the one interface between ``model`` (writes) and ``site_builder`` (reads).

``schema`` holds the pydantic classes, ``io`` reads and writes them, ``errors`` the one exception
that both command lines turn into a single sentence and exit code 2.
"""

from site_builder.contract.errors import BadInput
from site_builder.contract.io import read_file, write_file, write_index
from site_builder.contract.schema import SCHEMA_VERSION

__all__ = ["SCHEMA_VERSION", "BadInput", "read_file", "write_file", "write_index"]
