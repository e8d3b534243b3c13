"""Size skew of the graphs themselves: clients with small graphs and clients with large ones."""

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from graphs.partition.quantile_blocks import quantile_blocks
from graphs.partition.rule import GraphRule, require_one_domain
from testbed.settings import Fraction

__all__ = ["GraphSizePartition"]


class GraphSizePartition(GraphRule):
    """Graphs sorted by their number of nodes and cut into blocks of equally many graphs, one a client (our choice)."""

    kind: str = "graph-size"
    mix: Fraction = 0.0  # the share of a client's graphs that is exchanged at random

    def deal_graphs(self, graphs: GraphSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `GraphPartition.deal_graphs`."""
        require_one_domain(graphs, self.kind)
        return quantile_blocks(graphs.num_nodes, self.mix, num_clients, rng)
