"""Betweenness: the clients through which most cheapest paths of the topology lead.

Freeman, 1977, on the topology of `graphs.client_topology`; our choice, as an alternative to `similar-paths`. One path a
pair is counted, the one that `shortest_paths` returns; of equals the client of larger mean similarity, then the first.
"""

import numpy as np

from graphs.client_topology import client_topology, shortest_paths
from graphs.graph_set import IntArray
from graphs.node_selection.rule import PartOfClients, Selected, check_clients, mean_similarity, most
from testbed.layout import FloatArray

__all__ = ["Betweenness"]


class Betweenness(PartOfClients):
    """The clients that lie between most others."""

    kind: str = "betweenness"

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return the clients; see `NodeSelection.select`."""
        num_clients = check_clients(similarity, clusters, data_sizes)
        inner = [v for p in shortest_paths(similarity, client_topology(similarity)) for v in p.clients[1:-1]]
        counts = np.bincount(np.array(inner, dtype=np.int64), minlength=num_clients)
        # Counts are whole and a mean similarity is at most 1: half of it breaks ties and no more.
        return Selected(most(counts + mean_similarity(similarity) / 2, self.size(num_clients)))
