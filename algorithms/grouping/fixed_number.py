"""What all groupings into a given number of groups share: the setting and the refusal of more groups than clients."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["FixedNumber"]


class FixedNumber(Part, ABC):
    """A rule that makes `num_groups` groups, none of them empty."""

    num_groups: PositiveInt  # at most one per client

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups.

        Raises
        ------
        RequestError : more groups than clients.
        """
        if self.num_groups > problem.num_clients:
            raise RequestError(
                f"grouping {self.kind}: num_groups = {self.num_groups}, but there are {problem.num_clients} clients; "
                "a group needs at least one"
            )
        return as_partition(self._groups(problem, rng))

    @abstractmethod
    def _groups(
        self, problem: GroupingProblem, rng: np.random.Generator
    ) -> Sequence[Sequence[int] | npt.NDArray[np.intp]]:
        """Return the members of each group, in any order; there are at least as many clients as groups."""
