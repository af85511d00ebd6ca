"""Consistency checks: what must hold between the files of a results folder before it is published.

The contract validates each file by itself; these functions hold files against each other and derive
numbers again from the predictions. Each raises ``BadInput`` with one sentence that names file and
field. ``run_all`` runs them in an order in which a later check may rely on the earlier ones.
"""

from collections import Counter
from collections.abc import Callable, Iterable

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
from site_builder.checks.ranges import check_priors, check_snr, check_survey_names, check_units, check_waves
from site_builder.checks.studies import check_ablations, check_history, check_pit, check_scaling, check_stress
from site_builder.checks.texts import check_texts
from site_builder.checks.transfer import (
    check_spectra,
    check_transfer_metrics,
    check_transfer_names,
    check_transfer_rows,
    check_transfer_stars,
)
from site_builder.contract.schema import FILE_KINDS, IndexEntry
from site_builder.results import Results

CHECKS: tuple[Callable[[Results], None], ...] = (
    check_paths,
    check_texts,
    check_main_run,
    check_names,
    check_runs,
    check_instruments,
    check_surveys,
    check_survey_names,
    check_waves,
    check_units,
    check_sets,
    check_rows,
    check_metrics,
    check_bins,
    check_snr,
    check_priors,
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
    check_texts,
    check_names,
    check_surveys,
    check_survey_names,
    check_waves,
    check_units,
    check_attention,
    check_examples,
    check_snr,
    check_ladder_limits,
    check_spectra,
    check_attribution,
)

# Kinds of files that each check holds against each other.
LOOKS_AT: dict[str, tuple[str, ...]] = {
    "check_paths": ("index",),
    "check_main_run": ("index", "run"),
    "check_texts": tuple(FILE_KINDS),
    "check_names": tuple(FILE_KINDS),
    "check_runs": ("run", "instrument"),
    "check_instruments": ("instrument",),
    "check_surveys": ("run", "example"),
    "check_survey_names": ("transfer", "spectrum"),
    "check_waves": ("instrument", "spectrum"),
    "check_units": ("instrument", "example", "spectrum", "predictions"),
    "check_sets": ("run", "metrics", "predictions"),
    "check_rows": ("run", "metrics"),
    "check_metrics": ("metrics", "predictions"),
    "check_bins": ("run", "metrics"),
    "check_snr": ("metrics", "predictions", "example"),
    "check_priors": ("run", "predictions"),
    "check_attention": ("run", "attention"),
    "check_examples": ("example", "instrument"),
    "check_history": ("run", "history"),
    "check_limit_sets": ("run", "limits", "predictions"),
    "check_limit_bins": ("limits", "predictions", "metrics"),
    "check_gaps": ("limits", "predictions", "metrics"),
    "check_above_limit": ("limits",),
    "check_self_checks": ("limits",),
    "check_ladder_limits": ("example",),
    "check_pit": ("calibration", "predictions"),
    "check_scaling": ("run", "scaling"),
    "check_ablations": ("ablations", "metrics"),
    "check_stress": ("run", "stress"),
    "check_transfer_names": ("transfer", "instrument"),
    "check_transfer_stars": ("transfer",),
    "check_transfer_rows": ("transfer",),
    "check_transfer_metrics": ("transfer",),
    "check_spectra": ("spectrum",),
    "check_attribution": ("attribution", "attention", "example", "run"),
    "check_faithfulness": ("faithfulness", "predictions", "run"),
    "check_pairs": ("pairs", "predictions", "transfer"),
}

__all__ = ["CHECKS", "LOOKS_AT", "OF_STARS", "derive", "run_all", "told"]


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


def told(files: Iterable[IndexEntry]) -> list[str]:
    """One line for each check: its name, its sentence, and how many files of which kinds it looked at."""
    kinds = Counter(entry.kind for entry in files) | Counter(index=1)
    lines = []
    for check in CHECKS:
        sentence = str(check.__doc__).strip().splitlines()[0]
        looked = ", ".join(f"{kinds[kind]} {kind}" for kind in LOOKS_AT[check.__name__] if kinds[kind])
        if check.__name__ in ("check_names", "check_texts"):
            looked = f"all {sum(kinds.values())} files"
        lines.append(f"{check.__name__.removeprefix('check_')}: {sentence} ({looked or 'nothing of that kind here'})")
    return lines
