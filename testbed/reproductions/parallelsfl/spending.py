"""What a run of split learning had sent, over the server's link and in all, when it was accurate enough."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from testbed.experiments.result import RunResult
from testbed.experiments.target import DEFAULT_RULE, Target, time_to

__all__ = ["PARTS", "Spent", "spent_until"]

PARTS: Final = ("seconds", "server_megabytes", "all_megabytes")  # of what is spent

_BITS_PER_MEGABYTE: Final = 8e6


@dataclass(frozen=True)
class Spent:
    """Time and traffic until the target was met, None if it never was: over the server's link, and every message once.

    `server_megabytes`, `all_megabytes` : of flows that had arrived by then.
    """

    seconds: float | None
    server_megabytes: float | None
    all_megabytes: float | None


def spent_until(run: RunResult, accuracy: float) -> Spent:
    """Return what a run had spent when the mean of its last five evaluations was at least `accuracy`."""
    times_s, values = run.series("accuracy")
    time_s = time_to(Target("accuracy", ">=", accuracy), times_s.tolist(), values.tolist(), DEFAULT_RULE)
    if time_s is None:
        return Spent(None, None, None)
    arrived = run.column("flow", "end_s") <= time_s
    ends = (run.column("flow", "source"), run.column("flow", "target"))
    at_server = np.logical_or(*(end.astype(str) == "server" for end in ends))
    megabytes = run.column("flow", "bits") / _BITS_PER_MEGABYTE
    return Spent(time_s, float(megabytes[arrived & at_server].sum()), float(megabytes[arrived].sum()))
