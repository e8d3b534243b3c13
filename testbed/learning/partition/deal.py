"""What clients were dealt, as one row of sample indices: a million clients cost a few columns, not a million arrays."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from testbed.learning.partition.rule import IntArray

__all__ = ["Deal", "even_sizes", "sizes_of"]


class Deal(Sequence[IntArray]):
    """Each client's sample indices, sorted; `deal[i]` is a read-only view, made when somebody asks.

    Parameters
    ----------
    owners : (num_samples,) whose each sample is, a client's number.
    num_clients : how many there are; who owns nothing has an empty shard.

    Attributes
    ----------
    samples : (num_samples,) all indices, those of client 0 first.
    sizes : (num_clients,) how many each client has.

    >>> [shard.tolist() for shard in Deal(np.array([1, 0, 1]), 2)]
    [[1], [0, 2]]
    """

    def __init__(self, owners: npt.NDArray[np.integer], num_clients: int) -> None:
        # A stable sort by owner leaves every client's samples in ascending order.
        self.samples: IntArray = np.argsort(owners, kind="stable").astype(np.int64, copy=False)
        self.sizes: IntArray = np.bincount(owners, minlength=num_clients).astype(np.int64, copy=False)
        self._ends = np.cumsum(self.sizes)
        for column in (self.samples, self.sizes, self._ends):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> IntArray: ...

    @overload
    def __getitem__(self, index: slice) -> list[IntArray]: ...

    def __getitem__(self, index: int | slice) -> IntArray | list[IntArray]:
        """Return the samples of a client, (sizes[index],) ascending; of a slice of clients, one array each."""
        if isinstance(index, slice):
            return [self[client] for client in range(*index.indices(len(self)))]
        end = self._ends[index]
        return self.samples[end - self.sizes[index] : end]

    def __iter__(self) -> Iterator[IntArray]:
        return (self[client] for client in range(len(self)))


def sizes_of(shards: Sequence[IntArray]) -> IntArray:
    """Return how many samples each client has, (num_clients,)."""
    return shards.sizes if isinstance(shards, Deal) else np.array([len(shard) for shard in shards], dtype=np.int64)


def even_sizes(num_samples: int, num_shares: int) -> IntArray:
    """Return the sizes of shares that differ by at most one, the larger first: (num_shares,).

    >>> even_sizes(5, 3).tolist()
    [2, 2, 1]
    """
    each, rest = divmod(num_samples, num_shares)
    return each + (np.arange(num_shares) < rest).astype(np.int64)
