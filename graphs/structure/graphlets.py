"""`graphlet`: how the connected subgraphs of three and of four nodes divide into kinds, compared by the cosine.

Our choice, as an alternative to `rwse-dse`: shares among those of three nodes and, apart, among those of four, or the
fours would drown the threes; zeros where there is none. Counts are exact in graphs of any size, so nothing is sampled.

Cost: 2 sum over nodes of (d^2 + d^3): common neighbours of all pairs, and which of them are neighbours themselves.
"""

from typing import ClassVar

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.distances import cosine_distances
from graphs.structure.graphlet_counts import GRAPHLETS, graphlet_counts
from graphs.structure.vector import MeanOfGraphs
from testbed.layout import FloatArray

__all__ = ["Graphlet"]


class Graphlet(MeanOfGraphs):
    """The shares of the 2 graphlets of three nodes and of the 6 of four."""

    kind: str = "graphlet"
    _OF_THREE: ClassVar[int] = 2

    @property
    def num_values(self) -> int:
        """8."""
        return len(GRAPHLETS)

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return the vectors at length 1, on which Euclid orders as the cosine does; zeros stay."""
        exact = np.asarray(vectors, dtype=np.float64)
        norms = np.linalg.norm(exact, axis=1, keepdims=True)
        return exact / np.where(norms > 0, norms, 1.0)

    def distances(self, vectors: FloatArray) -> FloatArray:
        """Return 1 - cosine of all pairs."""
        return cosine_distances(vectors)

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 2 sum (d^2 + d^3) over all nodes [FLOP]."""
        degrees = DisjointUnion.of(graphs, members).degrees.astype(np.float64)
        return float(2 * (degrees**2 + degrees**3).sum())

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        counts = graphlet_counts(union)
        parts = np.split(counts, [self._OF_THREE], axis=1)
        totals = [np.maximum(part.sum(axis=1, keepdims=True), 1.0) for part in parts]  # counts are whole numbers
        return np.concatenate([part / total for part, total in zip(parts, totals, strict=True)], axis=1)
