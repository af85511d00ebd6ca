"""Several runs on the same spectra: sets that they share, and every model on them side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from site_builder.contract.schema import SetInfo
from site_builder.design import paint
from site_builder.figures.svg import Draw
from site_builder.results import Row, RunResults, interval_of


@dataclass(frozen=True)
class Judged:
    """One model of one run on the set."""

    run: RunResults
    row: Row
    title: str
    family: str


@dataclass(frozen=True)
class Shared:
    """A set of the same name, instrument and stars in several runs; models by R2, best first."""

    info: SetInfo
    runs: list[RunResults]
    models: list[Judged]

    def name_of(self, run: RunResults) -> str:
        """What a run is called here: its title, or its name where two have one title."""
        alike = sum(one.run.title == run.run.title for one in self.runs)
        return run.run.title if alike == 1 else run.name

    @property
    def paths(self) -> list[str]:
        """Contract files that the comparison is made from."""
        return [run.file(f"metrics.{self.info.name}.json") for run in self.runs]


def _same_stars(a: RunResults, b: RunResults, name: str) -> bool:
    first, second = a.predictions.get(name), b.predictions.get(name)
    if first is None or second is None or a.run.instrument != b.run.instrument:
        return False
    return all(
        np.array_equal(getattr(first, column), getattr(second, column)) for column in ("logg", "teff", "mh", "snr")
    )


def shared_sets(runs: list[RunResults]) -> list[Shared]:
    """The sets that two or more runs were judged on, in the order of the runs."""
    found: list[Shared] = []
    for i, run in enumerate(runs):
        for info in run.run.sets:
            if any(run in known.runs and known.info.name == info.name for known in found):
                continue
            same = [run, *(other for other in runs[i + 1 :] if _same_stars(run, other, info.name))]
            if len(same) < 2:
                continue
            models = [
                Judged(one, row, model.title, model.family)
                for one in same
                for model in one.run.models
                if (row := one.row(info.name, model.name)) is not None and model.family != "mean"
            ]
            models.sort(key=lambda judged: -judged.row.row.r2.value)
            found.append(Shared(info, same, models))
    return found


def draw(shared: Shared) -> Draw:
    """R2 of every model with its interval, one line a model, runs told apart by colour and mark."""
    looks = [("specvit", "o"), ("mlp", "s"), ("lightgbm", "^"), ("ridge", "D"), ("cnn", "P")]

    def on(figure: Any, narrow: bool) -> None:
        ax = figure.add_subplot()
        for k, run in enumerate(shared.runs):
            token, marker = looks[k % len(looks)]
            ax.plot([], [], color=paint(token), marker=marker, linestyle="none", label=shared.name_of(run))
            for i, judged in enumerate(shared.models):
                if judged.run is not run:
                    continue
                value, below, above = interval_of(judged.row.row.r2)
                ax.errorbar(
                    [value],
                    [i],
                    xerr=[[below], [above]],
                    color=paint(token),
                    marker=marker,
                    markersize=7,
                    elinewidth=1.4,
                    linestyle="none",
                )
        ax.set_yticks(range(len(shared.models)), [judged.title.split(" (")[0] for judged in shared.models])
        ax.set_ylim(len(shared.models) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("R²")
        ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1 if narrow else 2, handletextpad=0.3, borderaxespad=0
        )

    return on
