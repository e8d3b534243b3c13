"""How often each connected subgraph of three or four nodes occurs in a graph: exact, by counting and not by search.

Counts of subgraphs that may have further edges ("non-induced") follow from degrees, common neighbours and triangles; a
triangular system turns them into counts of induced ones. Textbook; in this form in Ahmed et al., "Efficient Graphlet
Counting for Large Networks", ICDM 2015. The laws are tested against a search over all subsets of nodes.
"""

import numpy as np

from graphs.structure.disjoint_union import DisjointUnion
from testbed.layout import FloatArray

__all__ = ["GRAPHLETS", "graphlet_counts"]

GRAPHLETS = ("path-3", "triangle", "path-4", "star-4", "cycle-4", "paw", "diamond", "clique-4")
_EDGES = 2**14  # whose common neighbours are looked up together


def graphlet_counts(union: DisjointUnion) -> FloatArray:
    """Return the induced connected subgraphs of each graph: (num_graphs, 8), columns as in `GRAPHLETS`."""
    adjacency, degrees = union.adjacency, union.degrees.astype(np.float64)
    common = (adjacency @ adjacency).tocoo()  # common neighbours of two nodes; on the diagonal the degree
    first, second = common.coords
    closed = adjacency.multiply(common.tocsr()).tocoo()  # the same, of neighbours: triangles on an edge
    source, target = closed.coords
    of_edge = union.graph_of[source]
    triangles = np.asarray(closed.sum(axis=1)).ravel() / 2  # at a node

    def over_nodes(values: FloatArray) -> FloatArray:
        return union.sum_over_nodes(values)

    def over_pairs(graph: FloatArray, values: FloatArray) -> FloatArray:
        return np.bincount(graph, values, minlength=len(union.sizes)).astype(np.float64)

    apart = first != second
    triangle = over_nodes(triangles) / 3
    clique = _four_cliques(union, source[source < target], target[source < target], closed.data[source < target])
    ends = adjacency.tocoo().coords
    path4 = over_pairs(union.graph_of[ends[0]], (degrees[ends[0]] - 1) * (degrees[ends[1]] - 1)) / 2 - 3 * triangle
    star = over_nodes(degrees * (degrees - 1) * (degrees - 2)) / 6
    cycle = over_pairs(union.graph_of[first[apart]], _pairs(common.data[apart])) / 4
    paw = over_nodes(triangles * (degrees - 2))
    diamond = over_pairs(of_edge, _pairs(closed.data)) / 2

    diamond = diamond - 6 * clique
    cycle = cycle - diamond - 3 * clique
    paw = paw - 4 * diamond - 12 * clique
    star = star - paw - 2 * diamond - 4 * clique
    path4 = path4 - 2 * paw - 4 * cycle - 6 * diamond - 12 * clique
    path3 = over_nodes(_pairs(degrees)) - 3 * triangle
    return np.stack([path3, triangle, path4, star, cycle, paw, diamond, clique], axis=1)


def _pairs(number: FloatArray) -> FloatArray:
    return number * (number - 1) / 2


def _four_cliques(union: DisjointUnion, source: FloatArray, target: FloatArray, common: FloatArray) -> FloatArray:
    """Return the 4-cliques of each graph: common neighbours of an edge that are neighbours, each seen from 6 edges."""
    adjacency, total = union.adjacency, np.zeros(len(union.sizes))
    (able,) = np.nonzero(common >= 2)
    for start in range(0, len(able), _EDGES):
        edges = able[start : start + _EDGES]
        shared = adjacency[source[edges]].multiply(adjacency[target[edges]]).tocsr()
        linked = np.asarray((shared @ adjacency).multiply(shared).sum(axis=1)).ravel() / 2
        total += np.bincount(union.graph_of[source[edges]], linked, minlength=len(total))
    return total / 6
