"""Consistency checks: what must hold between the files of a results folder before it is published.

The contract validates each file by itself; these functions hold files against each other and derive
numbers again from the predictions. Each raises ``BadInput`` with one sentence that names file and
field. ``run_all`` runs them in an order in which a later check may rely on the earlier ones.
"""

from collections.abc import Callable

from site_builder.checks.attribution import check_attribution, check_faithfulness
from site_builder.checks.base import derive
from site_builder.checks.files import (
    check_examples,
    check_instruments,
    check_main_run,
    check_names,
    check_paths,
    check_runs,
    check_sets,
    check_surveys,
)
from site_builder.checks.limits import (
    check_above_limit,
    check_gaps,
    check_ladder_limits,
    check_limit_bins,
    check_limit_sets,
    check_self_checks,
)
from site_builder.checks.metrics import check_attention, check_bins, check_metrics, check_rows
from site_builder.checks.pairs import check_pairs
from site_builder.checks.studies import check_ablations, check_history, check_pit, check_scaling, check_stress
from site_builder.checks.transfer import (
    check_spectra,
    check_transfer_metrics,
    check_transfer_names,
    check_transfer_rows,
    check_transfer_stars,
)
from site_builder.results import Results

CHECKS: tuple[Callable[[Results], None], ...] = (
    check_paths,
    check_main_run,
    check_names,
    check_runs,
    check_instruments,
    check_surveys,
    check_sets,
    check_rows,
    check_metrics,
    check_bins,
    check_attention,
    check_examples,
    check_history,
    check_limit_sets,
    check_limit_bins,
    check_gaps,
    check_above_limit,
    check_self_checks,
    check_ladder_limits,
    check_pit,
    check_scaling,
    check_ablations,
    check_stress,
    check_transfer_names,
    check_transfer_stars,
    check_transfer_rows,
    check_transfer_metrics,
    check_spectra,
    check_attribution,
    check_faithfulness,
    check_pairs,
)

OF_STARS = (
    check_names,
    check_surveys,
    check_attention,
    check_examples,
    check_ladder_limits,
    check_spectra,
    check_attribution,
)

__all__ = ["CHECKS", "OF_STARS", "derive", "run_all"]


def check_undrawn(results: Results) -> None:
    """Stars that no page draws are held to the same as those that are drawn."""
    for some in results.undrawn_stars():
        for check in OF_STARS:
            check(some)


def run_all(results: Results, undrawn: bool = True) -> None:
    """Run every check; those of stars that no page draws may be left to another process.

    Raises:
        BadInput: the first that does not hold, in one sentence.
    """
    for check in CHECKS:
        check(results)
    if undrawn:
        check_undrawn(results)
