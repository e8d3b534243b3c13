"""Random groups: the yardstick for every rule that looks at speeds or labels.

Our choice: groups of equal size up to one client, drawn without replacement, so that none is empty and what differs
from `tier` is only who is with whom.
"""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.fixed_number import FixedNumber
from algorithms.grouping.problem import GroupingProblem

__all__ = ["RandomGroups"]


class RandomGroups(FixedNumber):
    """A random permutation of the clients cut into equal parts; neither speed nor labels play a part."""

    kind: str = "random"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
        return np.array_split(rng.permutation(problem.num_clients), self.num_groups)
