"""Of which inner steps a run of regions publishes the model."""

import math
from dataclasses import dataclass

from testbed.learning.workload import Workload

__all__ = ["PublishedSteps"]


@dataclass(frozen=True)
class PublishedSteps:
    """The steps 0, interval, 2 interval, ... and the last one.

    >>> steps = PublishedSteps(interval=10, last=25)
    >>> [step for step in range(26) if steps.is_due(step)]
    [0, 10, 20, 25]
    >>> steps.next_after(7), steps.next_after(20), steps.last_up_to(19), steps.last_up_to(25)
    (10, 25, 10, 25)
    """

    interval: int
    last: float = math.inf  # the run's last step; infinity if only time ends it

    @classmethod
    def of(cls, workload: Workload, step_s: float) -> "PublishedSteps":
        """Return the steps of a run.

        On a grid of rounds those are its points. On a grid of times a step is published as often as there is a grid
        time, for steps of `step_s`, so that the version of a grid time is less than an interval old.
        """
        evaluator = workload.evaluator
        if evaluator.interval_rounds is not None:
            return cls(evaluator.interval_rounds, workload.horizon_rounds)
        return cls(max(1, int(evaluator.interval_s / step_s)), workload.horizon_rounds)

    def is_due(self, step: int) -> bool:
        """Return whether a step is published."""
        return step % self.interval == 0 or step == self.last

    def next_after(self, step: int) -> int:
        """Return the next published step after this one."""
        following = step - step % self.interval + self.interval
        return int(min(following, self.last)) if step < self.last else following

    def last_up_to(self, step: int) -> int:
        """Return the last published step that is not after this one."""
        return int(self.last) if step >= self.last else step - step % self.interval
