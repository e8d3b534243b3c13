"""One graph as a run sees it: its nodes are dealt, and every client has the subgraph of its own nodes.

The edges between nodes of two clients are lost: neither may see the other's nodes. How many, says the table `subgraph`.
A step of training computes a client's whole subgraph, whichever of its nodes count in the loss: so batches are full.
Clients see the features and edges of the nodes that they validate and test with, and not their classes (transductive
learning, as in Kipf and Welling, ICLR 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch

from graphs.graph_data import GraphData, cost_by_formula
from graphs.graph_set import IntArray
from graphs.node_set import NodeSet
from graphs.node_store import NodeStore
from graphs.subgraphs import edges_between_clients
from testbed.errors import RequestError
from testbed.learning.client_split import NODE_SPLIT, SplitFractions
from testbed.learning.cost import TrainingCost, kept_bytes
from testbed.learning.held_out import ClientSplits
from testbed.records import Recorder, Schema

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SUBGRAPH", "NodeDataset"]

SUBGRAPH: Final = Schema.of(
    "subgraph",
    "What a client was dealt of the one graph whose nodes are learnt.",
    client=("int", "client = device id"),
    num_nodes=("int", "its nodes"),
    num_edges=("int", "undirected edges between two of its nodes, which it has"),
    num_lost_edges=(
        "int",
        "undirected edges to nodes of others, which nobody has; each counts with both clients",
    ),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeDataset(GraphData):
    """Nodes to classify.

    Parameters
    ----------
    nodes : the graph.
    shards : each client's nodes; () as long as they have not been dealt.
    """

    usual_split: ClassVar[SplitFractions] = NODE_SPLIT
    nature: ClassVar[str] = "is a graph"
    sample_word: ClassVar[str] = "node"
    usual_model: ClassVar[str] = "gcn"

    nodes: NodeSet
    shards: tuple[IntArray, ...] = ()

    @property
    def samples(self) -> NodeSet:
        """The graph."""
        return self.nodes

    @cached_property
    def client_of(self) -> IntArray:
        """The client that has each node, (num_nodes,); 0 as long as they have not been dealt."""
        client_of = np.zeros(len(self.nodes), np.int64)
        for client, shard in enumerate(self.shards):
            client_of[shard] = client
        return client_of

    @cached_property
    def train_inputs(self) -> NodeStore:
        """The store of all subgraphs."""
        nodes = self.nodes
        return NodeStore.of(nodes.name, nodes.features, nodes.edges, self.client_of, nodes.num_classes)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self.nodes.num_classes

    @property
    def needs_full_batches(self) -> bool:
        """The nodes of a subgraph are computed together."""
        return True

    def record(self, records: Recorder) -> None:
        """Write the table `subgraph`."""
        append = records.open(SUBGRAPH)
        counts = edges_between_clients(self.nodes, self.shards)
        for client, (shard, row) in enumerate(zip(self.shards, counts.tolist(), strict=True)):
            append(client, len(shard), row[client], sum(row) - row[client])

    def seen_by(self, model: Any, shards: Sequence[IntArray], *, by_client: bool) -> "NodeDataset":
        """Return the data cut into the clients' subgraphs; nodes are always tested by client.

        Raises
        ------
        RequestError : a model that wants the structure encodings of whole graphs.
        """
        if hasattr(model, "encode_nodes"):
            raise RequestError(
                f"data set {self.name!r} is one graph whose nodes are dealt, and the model {model.kind!r} encodes the "
                "structure of many: use gcn or gin"
            )
        return replace(self, shards=tuple(shards))

    def cost(self, module: "nn.Module", splits: ClientSplits | None = None) -> TrainingCost:
        """Return the cost: operations by formula, memory as counted on the subgraph with the most nodes.

        The operations of a subgraph are shared equally by those of its nodes that are asked for together, which are
        what the client trains with, what it validates with, or what it tests with; without `splits`, all of them.

        Raises
        ------
        RequestError : a module of the user's own that does not say what a graph costs.
        """
        formula = self.graph_module(module)
        everything = self.shards or (np.arange(len(self.nodes)),)
        parts = (everything,) if splits is None else (splits.train, splits.validation, splits.test)
        store = self.train_inputs
        num_nodes, num_edges = (np.diff(offsets.numpy()) for offsets in (store.node_offsets, store.edge_offsets))
        for_one = formula.forward_flop(num_nodes, num_edges, 0)
        for_each_more = float(
            formula.forward_flop(0, 0, 0)
        )  # what the formula has for a sample besides nodes and edges
        forward = np.zeros(len(self.nodes))
        for part in parts:
            for client, asked in enumerate(part):
                if len(asked) > 0:
                    forward[asked] = for_one[client] / len(asked) + for_each_more * (1.0 - 1.0 / len(asked))
        mean = float(forward[np.concatenate(parts[0])].mean())
        largest = parts[0][int(num_nodes.argmax())]
        index = torch.tensor(largest)
        kept = kept_bytes(module, store[index], torch.from_numpy(self.nodes.labels[largest]))
        # Shared by the widest batch, so that it has it all.
        return cost_by_formula(module, forward, mean, kept / max(len(asked) for asked in parts[0]))
