"""The deal of the GCFL code: a stretch of the file for everybody, the rest at random."""

import numpy as np
from pydantic import PositiveInt

from graphs.graph_set import GraphSet, IntArray
from graphs.partition.rule import GraphRule, require_one_domain
from testbed.learning.partition.rule import require_samples

__all__ = ["GcflPartition"]


class GcflPartition(GraphRule):
    """A stretch of min(chunk_size, n / M) graphs in the order of the file for everybody; each of the rest at random.

    Many files of the TU collection are sorted by label, so a stretch has one class. Whether clients differ depends on
    how far the stretches reach: those of 10 clients of PROTEINS all end inside the first class, of 663 graphs, so
    everybody has 50 of it and the deal is as even as `iid`; where they take all graphs, most clients have one class.

    References
    ----------
    The code of Xie et al., "Federated graph classification over non-IID graphs", NeurIPS 2021.
    """

    kind: str = "gcfl"
    chunk_size: PositiveInt = 50  # graphs of a client's stretch, at most

    def deal_graphs(self, graphs: GraphSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `GraphPartition.deal_graphs`."""
        require_one_domain(graphs, self.kind)
        require_samples(len(graphs), num_clients, 1)
        stretch = min(self.chunk_size, len(graphs) // num_clients)
        clients = np.concatenate(
            [
                np.repeat(np.arange(num_clients), stretch),
                rng.integers(num_clients, size=len(graphs) - num_clients * stretch),
            ]
        )
        return [np.flatnonzero(clients == client) for client in range(num_clients)]
