"""Ending a run before its horizon: so long after it met a target."""

import itertools
import math
from dataclasses import dataclass

from testbed.experiments.target import Rule, Target, time_to
from testbed.learning.evaluation import Evaluator
from testbed.simulation import Process, Simulation

__all__ = ["StopRule"]


@dataclass(frozen=True)
class StopRule:
    """The run ends at the first grid time that is `margin_s` or more after the time at which the target was met.

    The rule is that of comparisons, asked anew at every grid time: under `stable` the margin is the time for which the
    target must have stood. Asking computes each evaluation when it falls due instead of at the end, so chunks of jobs
    are smaller; what they compute is the same.
    """

    target: Target
    rule: Rule
    margin_s: float

    def start(self, simulation: Simulation, evaluator: Evaluator) -> None:
        """Start to watch."""
        simulation.start(self._watch(simulation, evaluator), "the stop rule")

    def _watch(self, simulation: Simulation, evaluator: Evaluator) -> Process:
        for point in itertools.count():
            grid_s = point * evaluator.interval_s
            if grid_s >= simulation.horizon_s or simulation.finished:
                return  # the horizon ends the run, and nothing of ours may hide that nobody else does anything
            yield simulation.after_everything(_delay_s(simulation.now_s, grid_s))
            now_s = simulation.now_s
            reached_s = time_to(self.target, *evaluator.series(self.target.metric, now_s), self.rule)
            if reached_s is not None and now_s >= reached_s + self.margin_s:
                simulation.finish("target")


def _delay_s(now_s: float, until_s: float) -> float:
    """Return the shortest delay that, added to `now_s`, is not rounded to before `until_s`."""
    delay_s = until_s - now_s
    while now_s + delay_s < until_s:
        delay_s = math.nextafter(delay_s, math.inf)
    return delay_s
