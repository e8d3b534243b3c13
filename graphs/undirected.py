"""Edges in one order: as a sorted list without loops or repetitions, each in both directions."""

import numpy as np

from graphs.graph_set import IntArray
from testbed.errors import RequestError

__all__ = ["undirected_edges"]


def undirected_edges(edges: IntArray, num_nodes: int, what: str) -> IntArray:
    """Return the directed edges sorted by source and then target, without loops and repetitions, (2, num_edges).

    Parameters
    ----------
    edges : (2, any) ends, 0 to num_nodes - 1.
    num_nodes : nodes of the graph, or of all graphs together.
    what : whose edges they are, for the message.

    Raises
    ------
    RequestError : an end that is no node, or an edge that stands in one direction only.

    >>> undirected_edges(np.array([[1, 0, 1, 1], [0, 1, 1, 0]]), 2, "a pair").tolist()
    [[0, 1], [1, 0]]
    """
    if edges.size and not 0 <= edges.min() <= edges.max() < num_nodes:
        raise RequestError(f"{what}: an edge has an end that is none of the {num_nodes} nodes")
    source, target = edges[:, edges[0] != edges[1]]
    keys = np.unique(source * num_nodes + target)
    source, target = np.divmod(keys, num_nodes)
    back = np.sort(target * num_nodes + source)
    if not np.array_equal(keys, back):
        first, last = divmod(int(np.setdiff1d(keys, back)[0]), num_nodes)
        raise RequestError(
            f"{what}: the edge from node {first} to node {last} (counted from 0) has none back; graphs are undirected "
            "here, so list every edge in both directions"
        )
    return np.stack([source, target])
