"""What every measure of structure can do, and what all of ours share: the mean over graphs, and noise for privacy.

A client describes its own graphs once, before training, and uploads the vector; the server compares vectors.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Protocol

import numpy as np
from pydantic import Field

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.distances import euclidean_distances, jensen_shannon_bits, shares
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["HistogramOfGraphs", "MeanOfGraphs", "StructureVector"]


class StructureVector(Protocol):
    """A measure of the structure of graphs."""

    @property
    def num_values(self) -> int:
        """The length of the vector; its upload has 4 bytes a value."""
        ...

    def describe_each(self, graphs: GraphSet, members: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return one vector a graph, without noise: (num_members, num_values)."""
        ...

    def describe(self, graphs: GraphSet, members: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return the vector s_i of one client: (num_values,).

        Parameters
        ----------
        members : ids of the client's training graphs, at least one.
        rng : the client's own stream; an exact measure without noise draws nothing from it.

        Raises
        ------
        RequestError : no graph, or one that the set does not have.
        """
        ...

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return the points at which k-means, which knows only Euclid, should take these vectors: (M, width)."""
        ...

    def distances(self, vectors: FloatArray) -> FloatArray:
        """Return how far clients with `vectors : (M, num_values)` are apart: (M, M), symmetric, 0 on the diagonal."""
        ...

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return what describing these graphs costs the device [FLOP]."""
        ...


class MeanOfGraphs(Part, ABC):
    """Base of the measures: the mean over graphs of one vector a graph, compared by Euclid.

    The mean over graphs is our choice (the paper's pooling is not known), and so is the Gaussian mechanism.
    """

    sigma: Annotated[float, Field(ge=0)] = 0.0  # deviation of the Gaussian noise on each number of the client's vector

    @property
    @abstractmethod
    def num_values(self) -> int:
        """The length of the vector."""

    def describe_each(self, graphs: GraphSet, members: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return one vector a graph; see `StructureVector.describe_each`."""
        return self._values(DisjointUnion.of(graphs, members), rng)

    def describe(self, graphs: GraphSet, members: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return the client's vector; see `StructureVector.describe`."""
        mean = np.asarray(self.describe_each(graphs, members, rng).mean(axis=0))
        return mean + rng.normal(0.0, self.sigma, self.num_values) if self.sigma > 0 else mean

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return the vectors themselves."""
        return np.asarray(vectors, dtype=np.float64)

    def distances(self, vectors: FloatArray) -> FloatArray:
        """Return |v_i - v_j| of the points of all pairs."""
        return euclidean_distances(self.points(vectors))

    @abstractmethod
    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        """Return the vector of each graph of the union: (num_graphs, num_values)."""


class HistogramOfGraphs(MeanOfGraphs):
    """Base of the measures whose vector is a histogram: compared by Jensen-Shannon.

    Our choice: k-means takes the roots of the shares, whose Euclidean distance is Hellinger's; like Jensen-Shannon, it
    weighs a rare bin more than the shares themselves would.
    """

    def points(self, vectors: FloatArray) -> FloatArray:
        """Return the roots of the shares: (M, num_values)."""
        return np.sqrt(shares(vectors))

    def distances(self, vectors: FloatArray) -> FloatArray:
        """Return the Jensen-Shannon divergence of all pairs [bit]."""
        return jensen_shannon_bits(vectors)
