"""`stats`: six textbook numbers of a graph, each compared in deviations over the clients.

    mean degree        2 m / n
    density            2 m / (n (n - 1))
    clustering         mean over nodes of 2 t_v / (d_v (d_v - 1)), t_v the triangles at v
    transitivity       3 triangles / paths of three nodes
    assortativity      correlation of the degrees at the two ends of an edge
    mean path length   of the shortest paths between nodes that are connected

Our choice, as an alternative to `rwse-dse`: where a number has no value (one node, all degrees equal, no edge) it is 0.
Cost: 2 sum d^2 for triangles and n times the directed edges for breadth-first searches.
"""

import numpy as np
from scipy.sparse.csgraph import shortest_path

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.distances import z_scores
from graphs.structure.vector import MeanOfGraphs
from testbed.layout import FloatArray

__all__ = ["Stats"]


class Stats(MeanOfGraphs):
    """Mean degree, density, clustering, transitivity, assortativity, mean path length."""

    kind: str = "stats"

    @property
    def num_values(self) -> int:
        """6."""
        return 6

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return each number in deviations from its mean over the clients: (M, 6)."""
        return z_scores(np.asarray(vectors, dtype=np.float64))

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 2 sum d^2 + sum of nodes times directed edges [FLOP]."""
        degrees = DisjointUnion.of(graphs, members).degrees.astype(np.float64)
        searches = graphs.num_nodes[members].astype(np.float64) * graphs.num_edges[members]
        return float(2 * (degrees**2).sum() + searches.sum())

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        sizes, degrees = union.sizes.astype(np.float64), union.degrees.astype(np.float64)
        directed, wedges = union.sum_over_nodes(degrees), degrees * (degrees - 1) / 2
        triangles = np.asarray(union.adjacency.multiply(union.adjacency @ union.adjacency).sum(axis=1)).ravel() / 2
        return np.stack(
            [
                directed / sizes,
                _ratio(directed, sizes * (sizes - 1)),
                union.sum_over_nodes(_ratio(triangles, wedges)) / sizes,
                _ratio(union.sum_over_nodes(triangles), union.sum_over_nodes(wedges)),
                _assortativity(union),
                _mean_path_lengths(union),
            ],
            axis=1,
        )


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.asarray(numerator / np.where(denominator > 0, denominator, 1.0) * (denominator > 0))


def _assortativity(union: DisjointUnion) -> FloatArray:
    """Return for each graph the correlation of the degrees at the two ends of its edges, both directions counted."""
    degrees = union.degrees.astype(np.float64)
    directed = union.sum_over_nodes(degrees)
    mean = _ratio(union.sum_over_nodes(degrees**2), directed)  # of the degree at the end of an edge
    away = degrees - mean[union.graph_of]
    covariance = union.sum_over_nodes(away * (union.adjacency @ away))
    variance = union.sum_over_nodes(degrees * away**2)
    return _ratio(covariance, np.where(variance > 1e-9 * directed, variance, 0.0))


def _mean_path_lengths(union: DisjointUnion) -> FloatArray:
    lengths = np.zeros(len(union.sizes))
    for graph, (start, size) in enumerate(zip(union.starts, union.sizes, strict=True)):
        nodes = slice(start, start + size)
        hops = shortest_path(union.adjacency[nodes, nodes], unweighted=True)
        reached = hops[np.isfinite(hops) & (hops > 0)]
        lengths[graph] = reached.mean() if reached.size else 0.0
    return lengths
