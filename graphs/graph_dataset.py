"""A set of graphs as a run sees it: dealt by graphs, tested client by client, costed graph by graph."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from graphs.batch import GraphStore
from graphs.graph_data import GraphData, cost_by_formula
from graphs.graph_set import FloatArray, GraphSet, IntArray
from testbed.learning.client_split import GRAPH_SPLIT, SplitFractions
from testbed.learning.cost import TrainingCost, activation_bytes
from testbed.learning.held_out import ClientSplits
from testbed.records import Recorder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GraphDataset"]

# Graphs on which the memory of one is counted.
_NUM_EXAMPLES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphDataset(GraphData):
    """Graphs to classify.

    Parameters
    ----------
    graphs : the graphs.
    node_extras : (num_nodes, num_extras), the structure encoding of every node, for models that take one.
    """

    usual_split: ClassVar[SplitFractions] = GRAPH_SPLIT
    nature: ClassVar[str] = "has graphs"
    sample_word: ClassVar[str] = "graph"
    usual_model: ClassVar[str] = "gin"

    graphs: GraphSet
    node_extras: FloatArray | None = None

    @property
    def samples(self) -> GraphSet:
        """The graphs."""
        return self.graphs

    @cached_property
    def train_inputs(self) -> GraphStore:
        """The store of all graphs."""
        return GraphStore.of(self.graphs, self.node_extras)

    @property
    def num_classes(self) -> int:
        """The largest number of classes of a domain."""
        return max(self.graphs.num_classes)

    @property
    def needs_full_batches(self) -> bool:
        """Graphs are computed side by side, each by itself."""
        return False

    def record(self, records: Recorder) -> None:
        """Write nothing."""

    def seen_by(self, model: Any, shards: Sequence[IntArray], *, by_client: bool) -> "GraphDataset":
        """Return the data with structure encodings if `model` takes any; graphs are always tested by client."""
        encode = getattr(model, "encode_nodes", None)
        return self if encode is None else replace(self, node_extras=encode(self.graphs))

    def cost(self, module: "nn.Module", splits: ClientSplits | None = None) -> TrainingCost:
        """Return the cost: operations by formula, each graph its own; memory as counted, the mean of some graphs.

        Raises
        ------
        RequestError : a module of the user's own that does not say what a graph costs.
        """
        graphs, formula = self.graphs, self.graph_module(module)
        forward = np.zeros(len(graphs))
        for domain in range(len(graphs.domains)):
            own = graphs.domain_of == domain
            forward[own] = formula.forward_flop(graphs.num_nodes[own], graphs.num_edges[own], domain)
        first = np.flatnonzero(graphs.domain_of == graphs.domain_of[0])
        # Spread over the domain, whose files may be sorted by size.
        places = np.linspace(0, len(first) - 1, min(_NUM_EXAMPLES, len(first)))
        examples = first[places.astype(np.int64)]
        kept = activation_bytes(module, self.train_inputs, graphs.labels, examples)
        return cost_by_formula(module, forward, float(forward.mean()), kept)
