"""Return probabilities of random walks, and the degree of a node as one of sixteen: the encodings of FedStar.

    RW = A D^-1        RWSE_v = [(RW)_vv, (RW^2)_vv, ..., (RW^K)_vv]        DSE_v = one-hot(clip(deg_v, 1, K))

Tan et al., "Federated Learning on Non-IID Graphs via Structural Knowledge Sharing", AAAI 2023 (FedStar). Our choice: an
isolated node has RWSE 0 and the DSE of degree 1.

All graphs walk together: column j of a matrix with one row a node holds, for every graph, the walk that began at its
node j. A step is one sparse product. Graphs of similar size go together, or small ones would carry the columns of the
largest; a very large graph is walked a slab of columns at a time.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import diags_array

from graphs.graph_set import IntArray
from graphs.structure.disjoint_union import DisjointUnion
from testbed.layout import FloatArray

__all__ = ["degree_encoding", "return_probabilities"]

_ENTRIES = 2**19  # of a walking matrix: 4 MB, about what a processor's cache holds


def return_probabilities(union: DisjointUnion, num_steps: int) -> FloatArray:
    """Return RWSE_v of every node: (num_nodes, num_steps) in [0, 1]."""
    encoded = np.empty((len(union.graph_of), num_steps))
    for which in _of_similar_size(union.sizes):
        nodes = np.concatenate([np.arange(union.starts[g], union.starts[g] + union.sizes[g]) for g in which])
        encoded[nodes] = _walk(union.part(which), num_steps)
    return encoded


def degree_encoding(union: DisjointUnion, num_degrees: int) -> FloatArray:
    """Return DSE_v of every node: (num_nodes, num_degrees), a single one in each row."""
    return np.eye(num_degrees)[np.clip(union.degrees, 1, num_degrees) - 1]


def _of_similar_size(sizes: IntArray) -> Iterator[IntArray]:
    """Yield the graphs in ascending size, as many at a time as fit into one walking matrix; at least one."""
    order = np.argsort(sizes, kind="stable")
    first, nodes = 0, 0
    for last, size in enumerate(sizes[order]):
        if last > first and (nodes + size) * size > _ENTRIES:
            yield order[first:last]
            first, nodes = last, 0
        nodes += int(size)
    yield order[first:]


def _walk(union: DisjointUnion, num_steps: int) -> FloatArray:
    num_nodes, widest = len(union.position), int(union.sizes.max())
    step = union.adjacency @ diags_array(1.0 / np.maximum(union.degrees, 1))
    returned = np.empty((num_nodes, num_steps))
    slab = min(widest, max(_ENTRIES // num_nodes, 1))
    for first in range(0, widest, slab):
        (home,) = np.nonzero((union.position >= first) & (union.position < first + slab))
        column = union.position[home] - first
        walks = np.zeros((num_nodes, slab))
        walks[home, column] = 1.0
        for k in range(num_steps):
            walks = step @ walks
            returned[home, k] = walks[home, column]
    return returned
