"""The deal without any skew: every client has each class in the proportion of the whole."""

import numpy as np

from testbed.learning.partition.deal import Deal
from testbed.learning.partition.rule import IntArray, require_one_label, require_samples
from testbed.settings import Part

__all__ = ["StratifiedPartition"]


class StratifiedPartition(Part):
    """Everybody gets a random share, equal up to one sample in size and up to one sample of every class.

    `iid` leaves the label mixes to chance, which a share of a few dozen samples shows. Our choice: the samples, sorted
    by class and random inside, are dealt round the table, from a random order of the clients.
    """

    kind: str = "stratified"

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_one_label(labels, self.kind)
        require_samples(len(labels), num_clients, 1)
        shuffled = rng.permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        seats = np.argsort(rng.permutation(num_clients))  # who sits where, clients having drawn their seats
        owners = np.empty(len(labels), dtype=np.int64)
        owners[by_class] = np.resize(seats, len(labels))
        return Deal(owners, num_clients)
