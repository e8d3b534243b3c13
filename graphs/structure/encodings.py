"""`rwse-dse`, `rwse` and `dse`: return probabilities and degrees, the structural vector of FedGCF.

    s_i = mean over graphs of the mean over nodes of [RWSE_v ; DSE_v]

Gao et al., arXiv 2412.18845, in whose preparation third parties read random walks and a maximum degree; those are
FedStar's encodings (Tan et al., AAAI 2023), see `return_probabilities.py`. The pooling to one vector is our choice.

Cost: num_steps dense products of n x n a graph, 2 num_steps n^3, though we compute them sparsely: a device is charged
for what the textbook form does. Degrees: one addition a directed edge. Expected: molecules, proteins and social
networks fall apart, `tests/graphs/structure/test_real_structure.py`.
"""

import numpy as np
from pydantic import PositiveInt

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.return_probabilities import degree_encoding, return_probabilities
from graphs.structure.vector import MeanOfGraphs
from testbed.layout import FloatArray

__all__ = ["Dse", "Rwse", "RwseDse"]


class RwseDse(MeanOfGraphs):
    """Return probabilities and degrees, one after the other."""

    kind: str = "rwse-dse"
    num_steps: PositiveInt = 16  # steps of the random walk, one number each (FedStar)
    num_degrees: PositiveInt = 16  # degrees told apart, the last for all higher ones (FedStar)

    @property
    def num_values(self) -> int:
        """32 by default: 128 bytes."""
        return self.num_steps + self.num_degrees

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 2 num_steps sum n^3 + directed edges [FLOP]."""
        return _walk_flop(graphs, members, self.num_steps) + _degree_flop(graphs, members)

    def encode_nodes(self, graphs: GraphSet) -> FloatArray:
        """Return [RWSE_v ; DSE_v] of every node in the order of the set: (num_nodes, num_values)."""
        return self._encode(DisjointUnion.of(graphs, np.arange(len(graphs))))

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        return union.mean_over_nodes(self._encode(union))

    def _encode(self, union: DisjointUnion) -> FloatArray:
        encoded = [return_probabilities(union, self.num_steps), degree_encoding(union, self.num_degrees)]
        return np.concatenate(encoded, axis=1)


class Rwse(MeanOfGraphs):
    """Return probabilities alone."""

    kind: str = "rwse"
    num_steps: PositiveInt = 16  # steps of the random walk, one number each (FedStar)

    @property
    def num_values(self) -> int:
        """One a step."""
        return self.num_steps

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 2 num_steps sum n^3 [FLOP]."""
        return _walk_flop(graphs, members, self.num_steps)

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        return union.mean_over_nodes(return_probabilities(union, self.num_steps))


class Dse(MeanOfGraphs):
    """Degrees alone."""

    kind: str = "dse"
    num_degrees: PositiveInt = 16  # degrees told apart, the last for all higher ones (FedStar)

    @property
    def num_values(self) -> int:
        """One a degree."""
        return self.num_degrees

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return the directed edges [FLOP]."""
        return _degree_flop(graphs, members)

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        return union.mean_over_nodes(degree_encoding(union, self.num_degrees))


def _walk_flop(graphs: GraphSet, members: IntArray, num_steps: int) -> float:
    return float(2 * num_steps * (graphs.num_nodes[members].astype(np.float64) ** 3).sum())


def _degree_flop(graphs: GraphSet, members: IntArray) -> float:
    return float(graphs.num_edges[members].sum())
