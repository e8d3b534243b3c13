"""Many graphs as one: their disjoint union, whose adjacency matrix has one block a graph.

A product with it walks one step in every graph at once; a graph of thousands of nodes needs no dense matrix. Our
choice: edges lose their direction, an edge given twice stands once, and an edge of a node to itself is left out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array

from graphs.graph_set import GraphSet, IntArray
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["DisjointUnion"]


@dataclass(frozen=True, eq=False)
class DisjointUnion:
    """Graphs side by side; nodes are counted through, those of a graph together.

    Attributes
    ----------
    adjacency : CSR matrix (num_nodes, num_nodes), symmetric, 0 or 1, with a zero diagonal.
    sizes : (num_graphs,) nodes of each graph, at least 1.
    """

    adjacency: Any
    sizes: IntArray

    @classmethod
    def of(cls, graphs: GraphSet, members: IntArray) -> "DisjointUnion":
        """Return the union of the graphs `members` of a set, in that order.

        Raises
        ------
        RequestError : no member, or one that is no graph of the set.
        """
        ids = np.asarray(members, dtype=np.int64)
        if ids.ndim != 1 or len(ids) == 0:
            raise RequestError(f"data set {graphs.name!r}: a client without graphs has no structure")
        if ids.min() < 0 or ids.max() >= len(graphs):
            wrong = ids[(ids < 0) | (ids >= len(graphs))][0]
            raise RequestError(f"data set {graphs.name!r} has no graph {wrong}: there are 0 to {len(graphs) - 1}")
        sizes, counts = graphs.num_nodes[ids], graphs.num_edges[ids]
        where = np.repeat(graphs.edge_offsets[ids] - _starts(counts), counts) + np.arange(counts.sum())
        source, target = graphs.edges[:, where] + np.repeat(_starts(sizes), counts)
        proper = source != target
        ends = np.concatenate([[source[proper], target[proper]], [target[proper], source[proper]]], axis=1)
        num_nodes = int(sizes.sum())
        adjacency = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(num_nodes, num_nodes)).tocsr()
        adjacency.data[:] = 1.0  # the conversion has added up what stood several times
        return cls(adjacency, sizes)

    @cached_property
    def starts(self) -> IntArray:
        """The first node of each graph, (num_graphs,)."""
        return _starts(self.sizes)

    @cached_property
    def graph_of(self) -> IntArray:
        """The graph of each node, (num_nodes,)."""
        return np.repeat(np.arange(len(self.sizes), dtype=np.int64), self.sizes)

    @cached_property
    def position(self) -> IntArray:
        """The place of each node within its graph, (num_nodes,)."""
        return np.asarray(np.arange(len(self.graph_of)) - self.starts[self.graph_of])

    @cached_property
    def degrees(self) -> IntArray:
        """The neighbours of each node, (num_nodes,)."""
        return np.asarray(np.diff(self.adjacency.indptr), dtype=np.int64)

    def sum_over_nodes(self, values: FloatArray) -> FloatArray:
        """Return for each graph the sum of `values : (num_nodes, ...)` over its nodes: (num_graphs, ...)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    def mean_over_nodes(self, values: FloatArray) -> FloatArray:
        """Return for each graph the mean of `values : (num_nodes, width)` over its nodes: (num_graphs, width)."""
        return self.sum_over_nodes(values) / self.sizes[:, None]

    def histogram(self, bins: IntArray, num_bins: int) -> FloatArray:
        """Return for each graph the shares of its nodes by `bins : (num_nodes,)`: (num_graphs, num_bins)."""
        flat = np.bincount(self.graph_of * num_bins + bins, minlength=len(self.sizes) * num_bins)
        return flat.reshape(len(self.sizes), num_bins) / self.sizes[:, None]

    def part(self, which: IntArray) -> "DisjointUnion":
        """Return the union of some of these graphs, in the order given."""
        nodes = np.concatenate([np.arange(self.starts[g], self.starts[g] + self.sizes[g]) for g in which])
        return DisjointUnion(self.adjacency[nodes][:, nodes], self.sizes[which])


def _starts(lengths: IntArray) -> IntArray:
    return np.cumsum(lengths) - lengths
