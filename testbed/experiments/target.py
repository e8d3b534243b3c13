"""Targets: `accuracy>=0.8`, and the simulated time at which a run met it.

All alternatives of a comparison are evaluated on one grid of simulated times; a target is met at a grid time:

    first      the first evaluation that meets it
    smoothed   the first at which the mean of the last five evaluations (of all, if fewer) meets it
    stable     the first from which every evaluation up to the end of the run meets it

Test accuracy is noisy, so `first` rewards luck and is kept for papers that report it; `smoothed` is the
default.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from testbed.errors import RequestError, unknown_name

__all__ = [
    "DEFAULT_RULE",
    "SMOOTHING_EVALUATIONS",
    "Rule",
    "Target",
    "check_rule",
    "low_is_good",
    "parse_target",
    "time_to",
]

Rule = Literal["first", "smoothed", "stable"]
Operator = Literal[">=", "<=", ">", "<"]

DEFAULT_RULE: Final[Rule] = "smoothed"
SMOOTHING_EVALUATIONS: Final = 5

_METRICS: Final = ("accuracy", "client_accuracy_p10", "loss", "perplexity")
# Of one class, or of a view of the version (`testbed.learning.evaluation`), whose name is up to the world.
_PARTIAL_METRIC: Final = re.compile(r"accuracy_class_\d+|(accuracy|loss|perplexity)_[a-z][a-z0-9_]*")
_TARGET: Final = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Target:
    """A condition on a metric.

    >>> Target("loss", "<=", 0.5).is_met(0.4)
    True
    """

    metric: str
    operator: Operator
    value: float

    def is_met(self, value: float) -> bool:
        """Return whether `value` meets the target; a value that is not a number never does."""
        match self.operator:
            case ">=":
                return value >= self.value
            case "<=":
                return value <= self.value
            case ">":
                return value > self.value
            case "<":
                return value < self.value

    def __str__(self) -> str:
        return f"{self.metric}{self.operator}{self.value:g}"


def parse_target(text: str) -> Target | None:
    """Return the target that `text` describes; None for the word `none`.

    Raises
    ------
    RequestError : not `metric>=number` (or <=, >, <), a metric that no run has, or an accuracy outside [0, 1]. Which
        classes a run has is up to its data, which views up to its world: `testbed.learning.metrics.check_metric`.

    >>> parse_target("accuracy >= 0.8")
    Target(metric='accuracy', operator='>=', value=0.8)
    """
    if text.strip().lower() == "none":
        return None
    match = _TARGET.fullmatch(text)
    if match is None:
        words = "write a metric, one of >= <= > <, and a number, like 'accuracy>=0.8', or none"
        raise RequestError(f"target {text!r}: {words}")
    metric, operator, number = match.groups()
    if metric not in _METRICS and not _PARTIAL_METRIC.fullmatch(metric):
        raise unknown_name("metric", metric, [*_METRICS, "accuracy_class_K", "loss_VIEW"])
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(f"target {text!r}: {number!r} is not a number")
    if "accuracy" in metric and not 0 <= value <= 1:
        raise RequestError(f"target {text!r}: {metric} is a fraction between 0 and 1")
    return Target(metric, operator, value)  # type: ignore[arg-type]  # the pattern admits no other


def check_rule(rule: str) -> Rule:
    """Return `rule` if there is one of that name.

    Raises
    ------
    RequestError : there is none.
    """
    if rule not in get_args(Rule):
        raise unknown_name("target rule", rule, get_args(Rule))
    return rule  # type: ignore[return-value]  # just checked


def low_is_good(metric: str) -> bool:
    """Return whether less of a metric is better, as with a loss.

    >>> low_is_good("perplexity"), low_is_good("accuracy_class_3")
    (True, False)
    """
    return metric.startswith(("loss", "perplexity"))


def time_to(
    target: Target, times_s: Sequence[float], values: Sequence[float], rule: Rule = DEFAULT_RULE
) -> float | None:
    """Return the first grid time at which the target is met under the rule, or None if it never is.

    Parameters
    ----------
    times_s : (n,) evaluation times in order [s].
    values : (n,) the target's metric at those times.

    Raises
    ------
    ValueError : times and values of different length.

    >>> time_to(Target("accuracy", ">=", 0.5), [0.0, 1.0, 2.0], [0.1, 0.6, 0.4], "first")
    1.0
    """
    if check_rule(rule) == "smoothed":
        values = _trailing_means(values)
    met = [target.is_met(value) for value in values]
    if rule == "stable":
        for position in range(len(met) - 2, -1, -1):
            met[position] = met[position] and met[position + 1]
    return next((float(time_s) for time_s, is_met in zip(times_s, met, strict=True) if is_met), None)


def _trailing_means(values: Sequence[float]) -> list[float]:
    # fsum: five equal evaluations have exactly their own mean, so 0.8 five times meets a target of 0.8.
    windows = [values[max(0, end - SMOOTHING_EVALUATIONS) : end] for end in range(1, len(values) + 1)]
    return [math.fsum(window) / len(window) for window in windows]
