"""One table for all comparisons: what each alternative spent until an accuracy, what it came to, paired over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from testbed.experiments.finding import Cell
from testbed.experiments.result import RunResult
from testbed.reproductions.caesar.spending import (
    final_percent,
    less_percent,
    megabytes_to,
    seconds_to,
    with_interval,
)

__all__ = ["columns_of", "rows_of"]


def columns_of(first: str, own: str, reference: str) -> tuple[str, ...]:
    """Return the headings: `own` is whose advantage is shown, `reference` whose accuracy is compared with."""
    return (
        first,
        "reached",
        "MB to it",
        "s to it",
        f"{own} sends less",
        f"{own} is sooner",
        "accuracy [%]",
        f"less than {reference} [points]",
        "model error",
    )


def rows_of(
    by_label: Mapping[str, Sequence[RunResult]], own: str, reference: str, target: float
) -> tuple[tuple[Cell, ...], ...]:
    """Return a row an alternative: costs until `target`, an accuracy, and the last accuracies.

    The model error is the mean relative squared error of the models as clients receive them.
    """
    whole = {label: runs for label, runs in by_label.items() if not any(run.failed for run in runs)}
    spent = {label: _Spent.until(target, runs) for label, runs in whole.items()}
    rows: list[tuple[Cell, ...]] = []
    for label in by_label:
        if label not in spent:
            rows.append((f"{label}: failed", *[None] * 8))
            continue
        its, against, lost = spent[label], ["", ""], ""
        if label != own and own in spent:
            mine = spent[own]
            against = [less_percent(mine.megabytes, its.megabytes), less_percent(mine.seconds, its.seconds)]
        if label != reference and reference in spent:
            lost = with_interval(np.subtract(spent[reference].finals_percent, its.finals_percent), 2)
        reached = f"{sum(time_s is not None for time_s in its.seconds)}/{len(its.seconds)}"
        costs = (with_interval(its.megabytes, 1), with_interval(its.seconds, 0))
        rows.append(
            (label, reached, *costs, *against, with_interval(its.finals_percent, 1), lost, _model_error(whole[label]))
        )
    return tuple(rows)


@dataclass(frozen=True)
class _Spent:
    """What the runs of an alternative had spent at an accuracy, and what they came to, by seed."""

    megabytes: Sequence[float | None]
    seconds: Sequence[float | None]
    finals_percent: Sequence[float]

    @classmethod
    def until(cls, accuracy: float, runs: Sequence[RunResult]) -> Self:
        megabytes, seconds = ([cost(run, accuracy) for run in runs] for cost in (megabytes_to, seconds_to))
        return cls(megabytes, seconds, [final_percent(run) for run in runs])


def _model_error(runs: Sequence[RunResult]) -> Cell:
    if any("packet" not in run.tables or not len(run.column("packet", "nmse")) for run in runs):
        return None  # models that are not written packet by packet
    of_runs = [run.column("packet", "nmse")[run.column("packet", "direction") == "down"].mean() for run in runs]
    return f"{np.mean(of_runs):.4f}"
