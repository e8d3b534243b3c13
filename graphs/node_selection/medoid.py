"""Medoid: the client most like all others, and those most like it.

Our choice, as an alternative to `similar-paths`: a ball around the centre instead of chains across clusters.
"""

import numpy as np

from graphs.graph_set import IntArray
from graphs.node_selection.rule import PartOfClients, Selected, check_clients, mean_similarity, most
from testbed.layout import FloatArray

__all__ = ["Medoid"]


class Medoid(PartOfClients):
    """The client of largest mean similarity and its nearest; of equals the first."""

    kind: str = "medoid"

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return the clients; see `NodeSelection.select`."""
        num_clients = check_clients(similarity, clusters, data_sizes)
        (centre,) = most(mean_similarity(similarity), 1)
        nearness = np.array(similarity[centre], dtype=np.float64)
        nearness[centre] = np.inf
        return Selected(most(nearness, self.size(num_clients)))
