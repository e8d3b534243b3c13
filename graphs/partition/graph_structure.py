"""Structure skew: clients with sparse graphs and clients with dense ones."""

from typing import Literal

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from graphs.partition.quantile_blocks import quantile_blocks
from graphs.partition.rule import GraphRule, require_one_domain
from graphs.structure.encodings import RwseDse
from graphs.structure.principal_component import first_principal_component
from testbed.layout import FloatArray
from testbed.settings import Fraction

__all__ = ["GraphStructurePartition"]


class GraphStructurePartition(GraphRule):
    """Graphs sorted by a structural number and cut into blocks of equal size, one a client, that exchange a share.

    With n nodes and m (undirected) edges in a graph

        density = 2 m / (n (n - 1))        mean degree = 2 m / n

    and density 0 for a single node. Density also sorts by size, for large sparse graphs have little; the mean degree
    does less. `principal-component` takes the number in which the structural vectors `rwse-dse` of the graphs differ
    most. Our choice.
    """

    kind: str = "graph-structure"
    score: Literal["density", "mean-degree", "principal-component"] = "density"  # the number by which graphs are sorted
    mix: Fraction = 0.2  # the share of a client's graphs that is exchanged at random

    def deal_graphs(self, graphs: GraphSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `GraphPartition.deal_graphs`."""
        require_one_domain(graphs, self.kind)
        return quantile_blocks(self._scores(graphs, rng), self.mix, num_clients, rng)

    def _scores(self, graphs: GraphSet, rng: np.random.Generator) -> FloatArray:
        """Return the number by which each graph is sorted: (num_graphs,); draws nothing from `rng`."""
        if self.score == "principal-component":
            return first_principal_component(RwseDse().describe_each(graphs, np.arange(len(graphs)), rng))
        others = graphs.num_nodes - 1 if self.score == "density" else 1
        return np.asarray(graphs.num_edges / np.maximum(graphs.num_nodes * others, 1))
