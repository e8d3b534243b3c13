"""The deal without skew: random shares of equal size."""

import numpy as np

from testbed.learning.partition.deal import Deal, even_sizes
from testbed.learning.partition.rule import IntArray, require_samples
from testbed.settings import Part

__all__ = ["IidPartition"]


class IidPartition(Part):
    """Every client gets a random share of all samples; the sizes differ by at most one."""

    kind: str = "iid"

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_samples(len(labels), num_clients, 1)
        owners = np.empty(len(labels), dtype=np.int64)
        owners[rng.permutation(len(labels))] = np.repeat(np.arange(num_clients), even_sizes(len(labels), num_clients))
        return Deal(owners, num_clients)
