"""Random: a fraction of the clients, each subset equally likely. Our choice, as a control for the other rules."""

import numpy as np

from graphs.graph_set import IntArray
from graphs.node_selection.rule import PartOfClients, Selected, check_clients
from testbed.layout import FloatArray

__all__ = ["RandomClients"]


class RandomClients(PartOfClients):
    """A fraction of the clients at random."""

    kind: str = "random"

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return the clients; see `NodeSelection.select`."""
        num_clients = check_clients(similarity, clusters, data_sizes)
        return Selected(tuple(sorted(rng.choice(num_clients, self.size(num_clients), replace=False).tolist())))
