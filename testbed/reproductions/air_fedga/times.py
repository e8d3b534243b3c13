"""Times to a target, as the tables of this paper show them."""

from collections.abc import Sequence

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
from testbed.experiments.target import DEFAULT_RULE, Rule, Target, time_to

__all__ = ["median_time_to", "time_to_accuracy"]


def time_to_accuracy(run: RunResult, accuracy: float, rule: Rule = DEFAULT_RULE) -> float | None:
    """Return when a run reached an accuracy [s]; None if it did not, or failed."""
    if run.failed:
        return None
    times_s, values = run.series("accuracy")
    return time_to(Target("accuracy", ">=", accuracy), times_s.tolist(), values.tolist(), rule)


def median_time_to(runs: Sequence[RunResult], accuracy: float) -> str:
    """Return the median over seeds in words: how many reached it, where not all did.

    A run that did not reach it counts as later than any that did.
    """
    times_s = [time_to_accuracy(run, accuracy) for run in runs]
    reached = sum(time_s is not None for time_s in times_s)
    median_s = median_interval(times_s).median
    if reached == len(runs) and median_s is not None:
        return f"{median_s:.0f}"
    share = f"{reached} of {len(runs)}"
    return f"not reached ({share})" if median_s is None else f"{median_s:.0f} ({share})"
