"""Latency tiers of bounded width: as few groups as the constraint on training times allows.

Clients are taken by training time, fastest first; a new group is opened whenever the spread would exceed

    max l_i - min l_i <= xi (max l - min l over all clients),

the similarity constraint of Air-FedGA (Ma et al., IPDPS 2025, P4). No partition that keeps it has fewer groups: the
fastest members of any two of these groups are farther apart than the constraint allows, so each needs a group of its
own whatever the rule. Our choice: labels and data sizes play no part.
"""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from testbed.settings import Fraction, Part

__all__ = ["TierWidth", "latency_windows"]


def latency_windows(problem: GroupingProblem, xi: float) -> list[npt.NDArray[np.intp]]:
    """Return the clients of each window of training times, fastest window first and fastest client first.

    Parameters
    ----------
    xi : in [0, 1], the widest window over the whole spread of training times.
    """
    allowed_s = problem.allowed_spread_s(xi)
    by_speed = np.argsort(problem.training_times_s, kind="stable")
    times_s = problem.training_times_s[by_speed]
    opens, first = [], 0
    for place in range(1, len(times_s)):
        if times_s[place] - times_s[first] > allowed_s:
            opens.append(place)
            first = place
    return np.split(by_speed, opens)


class TierWidth(Part):
    """The fewest groups in which training times lie within `xi` of the whole spread."""

    kind: str = "tier-width"
    xi: Fraction = 0.3  # [paper], swept there from 0 to 1

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups; the rule draws nothing from `rng`."""
        return as_partition([window.tolist() for window in latency_windows(problem, self.xi)])
