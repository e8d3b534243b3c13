"""Everybody alone: group-asynchronous learning becomes fully asynchronous (FedAsync with weight alpha_i = d_i / D)."""

import numpy as np

from algorithms.grouping.problem import GroupingProblem, Partition
from testbed.settings import Part

__all__ = ["SingletonGroups"]


class SingletonGroups(Part):
    """As many groups as clients: nobody waits for anybody, and nothing adds up over the air."""

    kind: str = "singleton"

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups of one; the rule draws nothing from `rng`."""
        return tuple((client,) for client in range(problem.num_clients))
