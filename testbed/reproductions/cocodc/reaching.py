"""When a run reached a loss: in inner steps, simulated hours and gigabytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
from testbed.experiments.target import DEFAULT_RULE, Target, time_to

__all__ = ["Reached", "loss_at", "medians", "reach"]

_SECONDS_PER_HOUR = 3600.0
_BITS_PER_GIGABYTE = 8e9


@dataclass(frozen=True)
class Reached:
    """What a run had spent when its loss was there; each is None if it never was."""

    steps: float | None
    hours: float | None
    gigabytes: float | None


def reach(run: RunResult, loss: float) -> Reached:
    """Return when the mean of a run's last five evaluations was at or below a loss."""
    if run.failed:
        return Reached(None, None, None)
    times_s, values = run.series("loss")
    time_s = time_to(Target("loss", "<=", loss), times_s.tolist(), values.tolist(), DEFAULT_RULE)
    if time_s is None:
        return Reached(None, None, None)
    is_loss = run.column("evaluation", "metric") == "loss"
    versions = run.column("evaluation", "version")[is_loss]
    bits = float(run.spent("bits_wan", np.array([time_s]))[0])
    steps = float(versions[np.searchsorted(times_s, time_s, side="right") - 1])
    return Reached(steps, time_s / _SECONDS_PER_HOUR, bits / _BITS_PER_GIGABYTE)


def loss_at(runs: Sequence[RunResult], step: int) -> float:
    """Return the median over runs of the loss of the last version that is not after `step` [nat]."""
    losses = []
    for run in runs:
        is_loss = run.column("evaluation", "metric") == "loss"
        versions, values = (run.column("evaluation", name)[is_loss] for name in ("version", "value"))
        losses.append(values[np.searchsorted(versions, step, side="right") - 1])
    return float(np.median(losses))


def medians(found: Sequence[Reached]) -> tuple[float | None, float | None, float | None]:
    """Return the medians of steps, hours and gigabytes; a run that did not reach it counts as later than any."""
    columns = ([one.steps for one in found], [one.hours for one in found], [one.gigabytes for one in found])
    steps, hours, gigabytes = (median_interval(column).median for column in columns)
    return steps, hours, gigabytes
