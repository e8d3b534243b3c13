"""`degree`: the histogram of degrees, compared by Jensen-Shannon. Our choice, as an alternative to `rwse-dse`.

Cost: one addition a directed edge and one a node.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.vector import HistogramOfGraphs
from testbed.layout import FloatArray

__all__ = ["Degree"]


class Degree(HistogramOfGraphs):
    """The share of nodes of degree 0, 1, 2, ..."""

    kind: str = "degree"
    num_bins: Annotated[int, Field(ge=2)] = 32  # degrees told apart from 0 on, the last for all higher ones

    @property
    def num_values(self) -> int:
        """One a degree."""
        return self.num_bins

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return directed edges + nodes [FLOP]."""
        return float(graphs.num_edges[members].sum() + graphs.num_nodes[members].sum())

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        return union.histogram(np.minimum(union.degrees, self.num_bins - 1), self.num_bins)
