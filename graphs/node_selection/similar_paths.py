"""Similar paths: the clients on the paths of largest similarity that lead from one structural cluster to another.

What stays alike along a chain of models that crosses clusters is shared whatever the structure: node features. FedGCF
(Gao et al., arXiv 2412.18845), as third parties describe it, aggregates the clients on the shortest paths of a topology
of similar models. Our choices: candidates are the paths of at least three clients whose ends lie in different clusters
(any ends if there is one cluster), their score the geometric mean of similarity; the best are taken until a fraction of
all clients is reached. Without a candidate, the clients of largest mean similarity.

The worked example is tested in `tests/graphs/node_selection/test_similar_paths.py`.
"""

import numpy as np

from graphs.client_topology import ClientPath, client_topology, shortest_paths
from graphs.graph_set import IntArray
from graphs.node_selection.rule import PartOfClients, Selected, check_clients, mean_similarity, most
from testbed.layout import FloatArray

__all__ = ["SimilarPaths"]


class SimilarPaths(PartOfClients):
    """The clients on the best paths across clusters, until there are enough."""

    kind: str = "similar-paths"

    def candidates(self, similarity: FloatArray, clusters: IntArray) -> list[ClientPath]:
        """Return the paths that may be taken, best first; of equals by their clients."""
        any_ends = len(np.unique(clusters)) == 1
        paths = [
            path
            for path in shortest_paths(similarity, client_topology(similarity))
            if len(path.clients) >= 3 and (any_ends or clusters[path.clients[0]] != clusters[path.clients[-1]])
        ]
        return sorted(paths, key=lambda path: (-round(path.score, 12), path.clients))

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return the clients and their paths; see `NodeSelection.select`."""
        wanted = self.size(check_clients(similarity, clusters, data_sizes))
        clients: set[int] = set()
        taken: list[ClientPath] = []
        for path in self.candidates(similarity, clusters):
            if len(clients) >= wanted:
                break
            clients.update(path.clients)
            taken.append(path)
        if not taken:
            return Selected(most(mean_similarity(similarity), wanted))
        return Selected(
            tuple(sorted(clients)), tuple(path.clients for path in taken), tuple(path.score for path in taken)
        )
