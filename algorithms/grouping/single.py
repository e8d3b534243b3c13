"""One group of everybody: group-asynchronous learning becomes synchronous (Air-FedAvg)."""

import numpy as np

from algorithms.grouping.problem import GroupingProblem, Partition
from testbed.settings import Part

__all__ = ["SingleGroup"]


class SingleGroup(Part):
    """Everybody transmits together, after the slowest."""

    kind: str = "single"

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the one group, counted and not listed; the rule draws nothing from `rng`."""
        return (range(problem.num_clients),)
