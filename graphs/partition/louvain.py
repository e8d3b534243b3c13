"""Communities of one graph for clients: who is closely connected stays together."""

import heapq
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import PositiveFloat

from graphs.graph_set import IntArray
from graphs.node_set import NodeSet
from graphs.partition.rule import NodeRule
from testbed.errors import RequestError
from testbed.learning.partition.rule import require_samples

__all__ = ["LouvainPartition", "louvain_communities", "merge_communities"]

_MAX_SEED: Final = 2**31


class LouvainPartition(NodeRule):
    """Louvain communities, largest first, each to the client with the fewest nodes; edges between clients are lost.

    Communities differ with the version of networkx: compare only runs of one.

    References
    ----------
    Blondel et al., "Fast unfolding of communities in large networks", J. Stat. Mech. 2008; as a deal of subgraphs in
    Zhang et al., "Subgraph federated learning with missing neighbor generation", NeurIPS 2021. The merging is
    our choice.
    """

    kind: str = "louvain"
    resolution: PositiveFloat = 1.0  # of the modularity: larger means more and smaller communities

    def deal_nodes(self, nodes: NodeSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `NodePartition.deal_nodes`."""
        require_samples(len(nodes), num_clients, 1)
        communities = louvain_communities(nodes, self.resolution, int(rng.integers(_MAX_SEED)))
        if len(communities) < num_clients:
            raise RequestError(
                f"partition louvain: {nodes.name!r} has {len(communities)} communities for {num_clients} clients; "
                f"use a larger resolution than {self.resolution:g}, or fewer clients"
            )
        return merge_communities(communities, num_clients)


def louvain_communities(nodes: NodeSet, resolution: float, seed: int) -> list[IntArray]:
    """Return the communities of a graph, each sorted; an isolated node is one of its own."""
    import networkx as nx  # loading it takes a good part of a second

    graph = nx.Graph()
    graph.add_nodes_from(range(len(nodes)))
    graph.add_edges_from(nodes.edges.T.tolist())
    found = nx.community.louvain_communities(graph, resolution=resolution, seed=seed)
    return [np.array(sorted(community), np.int64) for community in found]


def merge_communities(communities: Sequence[IntArray], num_clients: int) -> list[IntArray]:
    """Return communities gathered for clients: largest first, each to the client with the fewest nodes, sorted.

    Of communities equal in size the one with the smallest node comes first, of clients the first.

    >>> [c.tolist() for c in merge_communities([np.array([0, 1]), np.array([2]), np.array([3])], 2)]
    [[0, 1], [2, 3]]
    """
    clients = [(0, client) for client in range(num_clients)]
    gathered: list[list[IntArray]] = [[] for _ in clients]
    for community in sorted(communities, key=lambda members: (-len(members), members[0])):
        size, client = heapq.heappop(clients)
        gathered[client].append(community)
        heapq.heappush(clients, (size + len(community), client))
    return [np.sort(np.concatenate(pieces)) for pieces in gathered]
