"""`spectral`: the eigenvalues of the normalised Laplacian, as a histogram or as a heat trace.

    L = I - D^-1/2 A D^-1/2        eigenvalues in [0, 2]; an isolated node has 0 (Chung, "Spectral Graph Theory", 1997)
    heat trace h(t) = mean over eigenvalues of exp(-t lambda)

Our choice, as an alternative to `rwse-dse`. Cost: 4/3 n^3 a graph, the tridiagonal form of a symmetric matrix (Golub
and Van Loan), on which all else is small.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.distances import euclidean_distances
from graphs.structure.vector import HistogramOfGraphs
from testbed.layout import FloatArray

__all__ = ["Spectral", "laplacian_eigenvalues"]

_TIMES = np.logspace(-1, 1, 10)  # of the heat trace, from within a neighbourhood to across a graph
_ENTRIES = 2**21  # of the matrices that are solved together


class Spectral(HistogramOfGraphs):
    """The spectrum of the normalised Laplacian."""

    kind: str = "spectral"
    form: Literal["histogram", "heat-trace"] = "histogram"  # shares of eigenvalues, or traces at 10 times 0.1 to 10
    num_bins: Annotated[int, Field(ge=2)] = 20  # of the histogram, on [0, 2]

    @property
    def num_values(self) -> int:
        """20 bins, or 10 times."""
        return self.num_bins if self.form == "histogram" else len(_TIMES)

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 4/3 sum n^3 [FLOP]."""
        return float(4 / 3 * (graphs.num_nodes[members].astype(np.float64) ** 3).sum())

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return the roots of the shares; heat traces as they are."""
        return super().points(vectors) if self.form == "histogram" else np.asarray(vectors, dtype=np.float64)

    def distances(self, vectors: FloatArray) -> FloatArray:
        """Return the Jensen-Shannon divergence of histograms [bit], the Euclidean distance of heat traces."""
        return super().distances(vectors) if self.form == "histogram" else euclidean_distances(self.points(vectors))

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        eigenvalues = laplacian_eigenvalues(union)
        if self.form == "heat-trace":
            return union.mean_over_nodes(np.exp(-eigenvalues[:, None] * _TIMES))
        bins = np.minimum((eigenvalues * self.num_bins / 2).astype(np.int64), self.num_bins - 1)
        return union.histogram(bins, self.num_bins)


def laplacian_eigenvalues(union: DisjointUnion) -> FloatArray:
    """Return the eigenvalues of each graph, ascending, in the places of its nodes: (num_nodes,) in [0, 2].

    Rounded to 9 decimals: 0, 1 and 2 are common and must not fall beside the edge of a bin.
    """
    found = np.empty(len(union.graph_of))
    for size in np.unique(union.sizes):
        (same,) = np.nonzero(union.sizes == size)
        for which in np.array_split(same, max(len(same) * int(size) ** 2 // _ENTRIES, 1)):
            nodes = union.starts[which][:, None] + np.arange(size)
            found[nodes] = np.linalg.eigvalsh(_laplacians(union, which, int(size)))
    return np.clip(np.round(found, 9), 0.0, 2.0)


def _laplacians(union: DisjointUnion, which: IntArray, size: int) -> Any:
    """Return the dense normalised Laplacians of graphs of one size: (num_graphs, size, size)."""
    part = union.part(which)
    edges = part.adjacency.tocoo()
    source, target = edges.coords
    dense = np.zeros((len(which), size, size))
    roots = np.sqrt(part.degrees.astype(np.float64))
    dense[part.graph_of[source], part.position[source], part.position[target]] = -1.0 / (roots[source] * roots[target])
    graph, place = part.graph_of, part.position
    dense[graph, place, place] = part.degrees > 0
    return dense
