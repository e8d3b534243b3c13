"""The graphs of a run's clients, for methods that look at them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphs.clustering import canonical_labels
from graphs.graph_dataset import GraphDataset
from graphs.graph_set import GraphSet, IntArray
from testbed.errors import RequestError
from testbed.learning.workload import Workload

__all__ = ["GraphClients", "graph_clients"]


@dataclass(frozen=True, eq=False)
class GraphClients:
    """What every client trains on.

    Attributes
    ----------
    graphs : all graphs of the run.
    shards : for each client the ids of its training graphs, at least one, all of one domain.
    """

    graphs: GraphSet
    shards: Sequence[IntArray]

    def __len__(self) -> int:
        return len(self.shards)

    @property
    def domains(self) -> tuple[str, ...]:
        """The name of each client's domain, the data set that its graphs are from."""
        return tuple(self.graphs.domains[self.graphs.domain_of[shard[0]]] for shard in self.shards)

    @property
    def domain_clusters(self) -> IntArray:
        """The clusters that the domains make of the clients, numbered from 0 by their smallest member: (M,)."""
        return canonical_labels(np.array([self.graphs.domain_of[shard[0]] for shard in self.shards]))


def graph_clients(workload: Workload, method: str) -> GraphClients:
    """Return the graphs of the clients.

    `method` : who asks, for the message.

    Raises
    ------
    RequestError : the data are no graphs.
    """
    data = workload.data
    if not isinstance(data, GraphDataset):
        raise RequestError(
            f"the method {method} compares clients by their graphs, and data set {data.name!r} has none: "
            "use digit-graphs, tu-dataset or graph-collection"
        )
    return GraphClients(data.graphs, workload.shards)
