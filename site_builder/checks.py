"""Consistency checks of results. (filled below)"""

from site_builder.results import Results


def run_all(results: Results) -> None:
    """Run every check."""
