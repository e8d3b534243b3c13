"""The deal in reading order: everybody gets one stretch of the data."""

import numpy as np

from testbed.learning.partition.deal import Deal, even_sizes
from testbed.learning.partition.rule import IntArray, require_samples
from testbed.settings import Part

__all__ = ["ContiguousPartition"]


class ContiguousPartition(Part):
    """The samples are cut, in their order, into stretches of equal size up to one, one a client; nothing is drawn.

    Of a text, client i reads its i-th part: other plays, other topics, other words. That is skew as it is in the text
    (our choice; the CoCoDC reproduction deals Shakespeare so).
    """

    kind: str = "contiguous"

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_samples(len(labels), num_clients, 1)
        return Deal(np.repeat(np.arange(num_clients), even_sizes(len(labels), num_clients)), num_clients)
