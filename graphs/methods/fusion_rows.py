"""What is recorded of clusters and fusions, enough to draw them and no more.

Our choice: similarities of all pairs are kept for versions 1, 2, 4, 8 and so on, because they are M (M - 1) / 2 rows
each time and change slowly.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from graphs.client_topology import client_topology
from graphs.clustering import Clustering
from graphs.graph_set import IntArray
from graphs.methods.fusing_server import Fused
from graphs.methods.graph_clients import GraphClients
from graphs.methods.rows import (
    CLIENT_CLUSTER,
    CLIENT_SIMILARITY,
    FUSION,
    NODE_CLIENT,
    NODE_PATH,
    STRUCTURE_DISTANCE,
)
from testbed.layout import FloatArray
from testbed.records import Recorder

__all__ = ["FusionRows", "record_clusters", "record_distances"]


def record_clusters(
    records: Recorder, clients: GraphClients, clustering: Clustering, described: Sequence[int] = ()
) -> None:
    """Write who is in which cluster; `described` : whose structural vector the server had."""
    record = records.open(CLIENT_CLUSTER)
    for client, (cluster, domain) in enumerate(zip(clustering.labels.tolist(), clients.domains, strict=True)):
        num_graphs = len(clients.shards[client])
        record(client, cluster, domain, num_graphs, client in described, clustering.silhouette)


def record_distances(records: Recorder, clients: Sequence[int], distances: FloatArray) -> None:
    """Write how far the structures of `clients`, ascending, are apart; `distances : (num_clients, num_clients)`."""
    record = records.open(STRUCTURE_DISTANCE)
    for i, j in combinations(range(len(clients)), 2):
        record(clients[i], clients[j], float(distances[i, j]))


class FusionRows:
    """Writes what every round of a fusing server came to."""

    def __init__(self, records: Recorder, clusters: IntArray, data_sizes: IntArray) -> None:
        self._clusters, self._data_sizes = clusters, data_sizes
        self._fusion, self._client = records.open(FUSION), records.open(NODE_CLIENT)
        self._path, self._similarity = records.open(NODE_PATH), records.open(CLIENT_SIMILARITY)

    def write(self, version: int, arrived: Sequence[int], fused: Fused) -> None:
        """Write one round; `arrived` : the clients whose models it was, ascending."""
        nodes = list(fused.node_clients)
        overlap = np.bincount(self._clusters[nodes], minlength=len(fused.shares))
        for cluster, share in enumerate(fused.shares.tolist()):
            counts = int(fused.num_arrived[cluster]), int(overlap[cluster])
            self._fusion(version, cluster, share, float(fused.accuracies[cluster]), *counts)
        total = self._data_sizes[nodes].sum()
        for client in nodes:
            self._client(version, client, float(self._data_sizes[client] / total))
        if fused.selected is not None:
            for number, (path, score) in enumerate(zip(fused.selected.paths, fused.selected.scores, strict=True)):
                for place, client in enumerate(path):
                    self._path(version, number, place, client, score)
        if fused.similarity is not None and version & (version - 1) == 0:
            self._write_similarity(version, arrived, fused.similarity)

    def _write_similarity(self, version: int, arrived: Sequence[int], similarity: FloatArray) -> None:
        edges = client_topology(similarity)
        for i, j in combinations(range(len(arrived)), 2):
            self._similarity(version, arrived[i], arrived[j], float(similarity[i, j]), bool(edges[i, j]))
