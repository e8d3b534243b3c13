"""A set of graphs as a run sees it: dealt by graphs, tested client by client, costed graph by graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.batch import GraphStore
from graphs.dealing import deal
from graphs.graph_set import FloatArray, GraphSet, IntArray
from graphs.models.skeleton import TRAINING_FLOP_RATIO, GraphModule
from testbed.errors import RequestError
from testbed.learning.client_split import GRAPH_SPLIT, SplitFractions, split_shards
from testbed.learning.cost import TrainingCost, activation_bytes
from testbed.learning.held_out import ClientSplits, StreamOf
from testbed.records import Recorder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GraphDataset"]

# Graphs on which the memory of one is counted.
_NUM_EXAMPLES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphDataset:
    """Graphs to classify; see `testbed.learning.datasets.dataset.AnyDataset`.

    Training and test inputs are the same store: every client sets some of its own graphs apart (`split`).

    Parameters
    ----------
    graphs : the graphs.
    node_extras : (num_nodes, num_extras), the structure encoding of every node, for models that take one.
    """

    graphs: GraphSet
    node_extras: FloatArray | None = None

    @property
    def name(self) -> str:
        """The name under which results mention it."""
        return self.graphs.name

    @property
    def sources(self) -> Mapping[str, str]:
        """SHA-256 of each file the graphs came from, by file name."""
        return self.graphs.sources

    @cached_property
    def train_inputs(self) -> GraphStore:
        """The store of all graphs."""
        return GraphStore.of(self.graphs, self.node_extras)

    @property
    def test_inputs(self) -> GraphStore:
        """The store of all graphs."""
        return self.train_inputs

    @property
    def train_labels(self) -> IntArray:
        """The class of every graph within its domain, (num_graphs,)."""
        return self.graphs.labels

    @property
    def test_labels(self) -> IntArray:
        """The same."""
        return self.graphs.labels

    @property
    def num_classes(self) -> int:
        """The largest number of classes of a domain."""
        return max(self.graphs.num_classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Nothing: graphs have no common shape."""
        return ()

    @property
    def is_language(self) -> bool:
        """It is not."""
        return False

    @property
    def needs_full_batches(self) -> bool:
        """Graphs are computed side by side, each by itself."""
        return False

    def record(self, records: Recorder) -> None:
        """Write nothing."""

    @property
    def tests_by_client(self) -> bool:
        """Every client is tested on graphs of its own."""
        return True

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the graphs, whatever their name and source."""
        return self.graphs.digest()

    def deal(self, rule: Any, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal of the graphs; see `graphs.dealing.deal`."""
        return deal(self.graphs, rule, num_clients, rng)

    def seen_by(self, model: Any, shards: Sequence[IntArray], *, by_client: bool) -> "GraphDataset":
        """Return the data with structure encodings if `model` takes any; graphs are always tested by client."""
        encode = getattr(model, "encode_nodes", None)
        return self if encode is None else replace(self, node_extras=encode(self.graphs))

    def split(self, shards: Sequence[IntArray], fractions: SplitFractions | None, stream_of: StreamOf) -> ClientSplits:
        """Return every client's training, validation and test graphs, in the proportions of its classes."""
        return split_shards(self.graphs.labels, shards, fractions or GRAPH_SPLIT, stream_of)

    def build(self, model: Any, torch_generator_seed: int) -> "nn.Module":
        """Return the module for graphs of this shape; see `GraphArchitecture.build_for_graphs`."""
        if not hasattr(model, "build_for_graphs"):
            raise RequestError(f"data set {self.name!r} has graphs, and the model {model.kind!r} takes arrays: use gin")
        module: nn.Module = model.build_for_graphs(self.train_inputs.shape, torch_generator_seed)
        return module

    def cost(self, module: "nn.Module", splits: ClientSplits | None = None) -> TrainingCost:
        """Return the cost: operations by formula, each graph its own; memory as counted, the mean of some graphs.

        Raises
        ------
        RequestError : a module of the user's own that does not say what a graph costs.
        """
        if not isinstance(module, GraphModule):
            raise RequestError(
                "a module for graphs derives from graphs.models.skeleton.GraphModule, to say what it costs"
            )
        graphs = self.graphs
        forward = np.zeros(len(graphs))
        for domain in range(len(graphs.domains)):
            own = graphs.domain_of == domain
            forward[own] = module.forward_flop(graphs.num_nodes[own], graphs.num_edges[own], domain)
        first = np.flatnonzero(graphs.domain_of == graphs.domain_of[0])
        # Spread over the domain, whose files may be sorted by size.
        places = np.linspace(0, len(first) - 1, min(_NUM_EXAMPLES, len(first)))
        examples = first[places.astype(np.int64)]
        return TrainingCost(
            flop_per_sample=TRAINING_FLOP_RATIO * float(forward.mean()),
            forward_flop_per_sample=float(forward.mean()),
            parameter_bytes=sum(p.numel() * p.element_size() for p in module.parameters()),
            activation_bytes_per_sample=activation_bytes(module, self.train_inputs, self.graphs.labels, examples),
            flop_of_sample=TRAINING_FLOP_RATIO * forward,
        )
