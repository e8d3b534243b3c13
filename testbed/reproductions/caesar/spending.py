"""What a run had spent when it reached an accuracy, and how such figures of several seeds are written."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import ratio_interval, t_interval
from testbed.experiments.target import DEFAULT_RULE, Target, time_to
from testbed.streams import Purpose, stream

__all__ = ["final_percent", "less_percent", "megabytes_to", "seconds_to", "with_interval"]

_BITS_PER_MEGABYTE: Final = 8e6
_LEVEL: Final = 0.95


def seconds_to(run: RunResult, accuracy: float) -> float | None:
    """Return when the mean of the last five evaluations was at least an accuracy [s]; None if it never was."""
    times_s, values = run.series("accuracy")
    return time_to(Target("accuracy", ">=", accuracy), times_s.tolist(), values.tolist(), DEFAULT_RULE)


def megabytes_to(run: RunResult, accuracy: float) -> float | None:
    """Return what had been sent, up and down, when that was so [MB]."""
    time_s = seconds_to(run, accuracy)
    if time_s is None:
        return None
    sent = run.column("transfer", "end_s") <= time_s
    return float(run.column("transfer", "bits")[sent].sum()) / _BITS_PER_MEGABYTE


def final_percent(run: RunResult) -> float:
    """Return the accuracy over the last five evaluations [%]."""
    return 100.0 * (run.final("accuracy") or 0.0)


def with_interval(values: Iterable[float | None], num_digits: int) -> str:
    """Return the mean over seeds and its 95 % interval: `27.8 [25.1, 30.5]`; a dash where some seed has no value.

    >>> with_interval([1.0, 2.0, 3.0], 1), with_interval([1.0, None], 1), with_interval([1.0], 2)
    ('2.0 [-0.5, 4.5]', '-', '1.00')
    """
    everybody = list(values)
    known = np.array([value for value in everybody if value is not None])
    if len(known) < len(everybody):
        return "-"
    mean = f"{known.mean():.{num_digits}f}"
    if len(known) < 2:
        return mean
    low, high = t_interval(known, _LEVEL)
    return f"{mean} [{low:.{num_digits}f}, {high:.{num_digits}f}]"


def less_percent(own: Sequence[float | None], others: Sequence[float | None]) -> str:
    """Return how much less `own` spent than `others`, paired over seeds: `31 % [24, 37]`, or why there is no figure."""
    ratios = [mine / theirs for mine, theirs in zip(own, others, strict=True) if mine and theirs]
    if len(ratios) < len(own):
        return f"{len(ratios)} of {len(own)} pairs"
    found = ratio_interval(ratios, _LEVEL, stream(0, Purpose.SELECTION))
    less = 100.0 * (1.0 - found.ratio)
    if found.low is None or found.high is None:
        return f"{less:.0f} %"
    low, high = (100.0 * (1.0 - bound) for bound in (found.high, found.low))
    return f"{less:.0f} % [{low:.0f}, {high:.0f}]"
