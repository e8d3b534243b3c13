"""Which alternatives a picture of curves shows: all, or of very many the reference and the best."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
from testbed.experiments.target import Rule, Target, low_is_good, time_to

__all__ = ["MOST_DRAWN", "drawn_alternatives", "words_on_left_out"]

MOST_DRAWN: Final = 8  # more lines with their bands cannot be told apart


def drawn_alternatives(
    runs: Mapping[str, Sequence[RunResult]], metric: str, target: Target | None, rule: Rule
) -> dict[str, Sequence[RunResult]]:
    """Return the alternatives to draw, in their order: at most eight, the first and the best of the others.

    The best reach the target first, by the median over seeds; those that do not reach it, or all without a target on
    this metric, are in the order of the median of their final values: low is good for a loss or a perplexity, high for
    the rest. Our choice.

    Parameters
    ----------
    runs : label -> the runs of that alternative, one per seed; the first is the reference.
    """
    labels = list(runs)
    aim = target if target is not None and target.metric == metric else None
    falling = low_is_good(metric) if aim is None else aim.operator.startswith("<")
    best = sorted(labels[1:], key=lambda label: _merit(runs[label], metric, aim, rule, falling))
    kept = {*labels[:1], *best[: MOST_DRAWN - 1]}
    return {label: group for label, group in runs.items() if label in kept}


def _merit(
    runs: Sequence[RunResult], metric: str, aim: Target | None, rule: Rule, falling: bool
) -> tuple[float, float]:
    """Return what alternatives are sorted by, smallest first: the median time to the target, then the final value."""
    reached_s = [None if aim is None else _reached_s(run, aim, rule) for run in runs]
    median_s = median_interval(reached_s).median
    finals = [value for run in runs if not run.failed and (value := run.final(metric)) is not None]
    final = float(np.median(finals)) if finals else np.nan
    final = final if falling else -final
    return np.inf if median_s is None else median_s, np.inf if np.isnan(final) else final


def _reached_s(run: RunResult, aim: Target, rule: Rule) -> float | None:
    times_s, values = run.series(aim.metric)
    return None if run.failed else time_to(aim, times_s.tolist(), values.tolist(), rule)


def words_on_left_out(num_drawn: int, num_alternatives: int) -> str:
    """Return how many alternatives a picture leaves out, in words; nothing if it shows all.

    >>> words_on_left_out(8, 24)
    'drawn: the first and the 7 best of 23 others; 16 are in the table only'
    """
    if num_drawn == num_alternatives:
        return ""
    left_out = num_alternatives - num_drawn
    verb = "is" if left_out == 1 else "are"
    others = f"the {num_drawn - 1} best of {num_alternatives - 1} others"
    return f"drawn: the first and {others}; {left_out} {verb} in the table only"
