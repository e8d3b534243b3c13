"""A group: clients that train on the same global version and transmit together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from testbed.index import index_of

__all__ = ["Group"]


@dataclass(frozen=True)
class Group:
    """A set of clients.

    Parameters
    ----------
    index : number of the group.
    members : client ids, ascending; a `range` where they are all, so that a large group costs no more than a small one.
    data_sizes : samples d_i of every client of the federation, `(num_clients,)`.
    """

    index: int
    members: Sequence[int]
    data_sizes: npt.NDArray[np.int64]

    def only(self, client: int) -> "Group":
        """Return the group of one member alone, under the same number: for methods that serve members one by one.

        Raises
        ------
        ValueError : it is no member.
        """
        if client not in self.members:
            raise ValueError(f"client {client} is no member of group {self.index}")
        return replace(self, members=(client,))

    def weights(self, clients: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return the aggregation weights a_i = d_i / sum d of `clients`, which sum to one."""
        sizes = self.data_sizes[index_of(clients)].astype(np.float64)
        return np.asarray(sizes / sizes.sum())

    def share_of(self, clients: Sequence[int]) -> float:
        """Return the share of all samples that `clients` hold: beta_j if all members are given."""
        return float(self.data_sizes[index_of(clients)].sum() / self.data_sizes.sum())
