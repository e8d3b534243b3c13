"""What becomes of one graph when its nodes are dealt: a subgraph for every client, and edges that nobody has."""

from collections.abc import Sequence

import numpy as np

from graphs.graph_set import IntArray
from graphs.node_set import NodeSet

__all__ = ["edges_between_clients", "induced_subgraph", "lost_edge_fraction"]


def induced_subgraph(nodes: NodeSet, members: IntArray) -> NodeSet:
    """Return some nodes of a graph, numbered from 0 in the order given, and the edges that have both ends among them.

    Parameters
    ----------
    members : (any,) distinct nodes, at least one.
    """
    number = np.full(len(nodes), -1, np.int64)
    number[members] = np.arange(len(members))
    ends = number[nodes.edges]
    return NodeSet(
        name=nodes.name,
        edges=ends[:, (ends >= 0).all(axis=0)],
        features=nodes.features[members],
        labels=nodes.labels[members],
        num_classes=nodes.num_classes,
        sources=nodes.sources,
    )


def edges_between_clients(nodes: NodeSet, shards: Sequence[IntArray]) -> IntArray:
    """Return how many undirected edges there are between any two clients, (num_clients, num_clients), symmetric.

    The diagonal counts the edges inside a client, which it keeps; all others are lost.

    Parameters
    ----------
    shards : each client's nodes; together all nodes, disjoint.
    """
    client_of = np.empty(len(nodes), np.int64)
    for client, shard in enumerate(shards):
        client_of[shard] = client
    counts = np.zeros((len(shards), len(shards)), np.int64)
    np.add.at(counts, tuple(client_of[nodes.edges]), 1)
    np.fill_diagonal(counts, np.diagonal(counts) // 2)  # an edge inside a client stands in both directions
    return counts


def lost_edge_fraction(counts: IntArray) -> float:
    """Return the share of edges that end at two different clients, 0 to 1; 0 of a graph without edges.

    Parameters
    ----------
    counts : as `edges_between_clients` returns them.

    >>> lost_edge_fraction(np.array([[3, 1], [1, 0]]))
    0.25
    """
    kept, lost = int(np.trace(counts)), int(np.triu(counts, k=1).sum())
    return lost / (kept + lost) if kept + lost else 0.0
