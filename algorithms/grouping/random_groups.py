"""Random groups: the yardstick for every rule that looks at speeds or labels.

Our choice: groups of equal size up to one client, drawn without replacement, so that none is empty and what differs
from `tier` is only who is with whom.
"""

import numpy as np
from pydantic import PositiveInt

from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from testbed.settings import Part

__all__ = ["RandomGroups"]


class RandomGroups(Part):
    """A random permutation of the clients cut into equal parts; neither speed nor labels play a part."""

    kind: str = "random"
    num_groups: PositiveInt

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups.

        Raises
        ------
        RequestError : more groups than clients.
        """
        problem.require_clients_for(self.kind, self.num_groups)
        order = rng.permutation(problem.num_clients)
        return as_partition([part.tolist() for part in np.array_split(order, self.num_groups)])
