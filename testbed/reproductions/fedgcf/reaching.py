"""What a run had sent, up and down, and how long it had taken when its clients were accurate enough; pairs of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import ratio_interval, t_interval
from testbed.experiments.target import DEFAULT_RULE, Target, time_to
from testbed.streams import Purpose, stream

__all__ = ["Difference", "Reached", "difference", "final_percent", "reach", "target_accuracy", "times_less"]

_LEVEL: Final = 0.95
_BITS_PER_MEGABYTE: Final = 8e6
_POINT: Final = 0.01


@dataclass(frozen=True)
class Reached:
    """What a run had spent when the target was met; None if it never was."""

    rounds: float | None
    seconds: float | None
    megabytes: float | None


@dataclass(frozen=True)
class Difference:
    """The mean over seeds of what an alternative has more than the reference, with its interval."""

    mean: float
    low: float | None
    high: float | None

    def words(self) -> str:
        """Return it as `+1.2 [-0.3, 2.7]`."""
        if self.low is None or self.high is None:
            return f"{self.mean:+.1f}"
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def reach(run: RunResult, accuracy: float) -> Reached:
    """Return when the mean of a run's last five evaluations was at least an accuracy; traffic is both directions."""
    times_s, values = run.series("accuracy")
    time_s = time_to(Target("accuracy", ">=", accuracy), times_s.tolist(), values.tolist(), DEFAULT_RULE)
    if time_s is None:
        return Reached(None, None, None)
    sent = run.column("transfer", "end_s") <= time_s
    megabytes = float(run.column("transfer", "bits")[sent].sum()) / _BITS_PER_MEGABYTE
    return Reached(run.version_at("accuracy", time_s), time_s, megabytes)


def target_accuracy(references: Sequence[RunResult]) -> float:
    """Return the reference's best smoothed accuracy less one point, the median over seeds (the specification, 6.4)."""
    best = []
    for run in references:
        _, values = run.series("accuracy")
        smoothed = np.convolve(values, np.ones(5) / 5, mode="valid") if len(values) >= 5 else values
        best.append(float(np.max(smoothed)))
    return float(np.median(best)) - _POINT


def final_percent(run: RunResult) -> float:
    """Return the mean accuracy of the clients over the last five evaluations [%]."""
    return 100.0 * (run.final("accuracy") or 0.0)


def difference(alternatives: Sequence[float], references: Sequence[float]) -> Difference:
    """Return the mean of paired differences, seed by seed, with Student's interval."""
    pairs = np.subtract(alternatives, references)
    if len(pairs) < 2:
        return Difference(float(np.mean(pairs)), None, None)
    low, high = t_interval(pairs, _LEVEL)
    return Difference(float(np.mean(pairs)), low, high)


def times_less(alternatives: Sequence[float | None], references: Sequence[float | None]) -> str:
    """Return how many times less alternatives spent than references, paired: `2.1 [1.4, 3.0]`, or why there is none."""
    pairs = list(zip(alternatives, references, strict=True))
    ratios = [reference / own for own, reference in pairs if own and reference]
    if len(ratios) < len(pairs):
        return f"{len(ratios)} of {len(pairs)} pairs"
    found = ratio_interval(ratios, _LEVEL, stream(0, Purpose.SELECTION))
    return f"{found.ratio:.2f}" + ("" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]")
