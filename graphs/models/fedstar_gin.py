"""The two-channel network of FedStar: what it knows of structure is kept apart, so that it can be exchanged.

    s <- linear(structure encoding of the node)               x <- linear(features of the node)
    each layer:  x <- dropout(ReLU(GIN(x ; s))),              s <- tanh(GCN(s))
    linear(x ; s), added up over the nodes, linear, ReLU, dropout, linear to the classes

Only what the structure channel is made of, tensors with `_s` in their names, is exchanged.

Source: Tan et al., "Federated learning on non-IID graphs via structural knowledge sharing", 2023, section 4 and its
code, which has the layers and the dropout.
"""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn import functional

from graphs.batch import Batch
from graphs.graph_set import FloatArray, GraphSet
from graphs.models.architecture import FlopArray, GraphModelPart, Sizes
from graphs.models.gcn import GcnConvolution
from graphs.models.gin import GinConvolution
from graphs.models.shape import GraphShape
from graphs.models.skeleton import HEADS, GraphModule
from graphs.structure.encodings import RwseDse
from testbed.errors import RequestError
from testbed.learning.torch_seed import seeded

__all__ = ["FedStarGin", "FedStarNetwork"]


class FedStarGin(GraphModelPart):
    """FedStar's network; with 3 layers of width 64 and encodings of 32 numbers 14,592 parameters are exchanged."""

    kind: str = "fedstar-gin"
    num_layers: PositiveInt = 3  # layers of both channels
    width: PositiveInt = 64  # d: entries of a node's vector in each channel
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # share of activations set to zero in training

    @property
    def local_tensors(self) -> tuple[str, ...]:
        """Patterns of the tensors that stay with the clients: all without `_s` in their names."""
        return (*HEADS, "convs.*", "merge.*")

    def encode_nodes(self, graphs: GraphSet) -> FloatArray:
        """Return what the structure channel is given of every node: return probabilities and degree, 16 each."""
        return RwseDse().encode_nodes(graphs)

    def build_for_graphs(self, shape: GraphShape, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `GraphArchitecture.build_for_graphs`."""
        if shape.num_extras == 0:
            raise RequestError("model fedstar-gin needs a structure encoding of every node, and these graphs have none")
        with seeded(torch_generator_seed):
            return FedStarNetwork(self, shape)


class FedStarNetwork(GraphModule):
    """The module of `FedStarGin`: a batch with encodings to logits (len(batch), max_classes)."""

    def __init__(self, settings: FedStarGin, shape: GraphShape) -> None:
        super().__init__(shape, settings.width, settings.dropout)
        width, layers = self.width, range(settings.num_layers)
        self.embedding_s = nn.Linear(shape.num_extras, width)
        self.convs_s = nn.ModuleList(GcnConvolution(width, width) for _ in layers)
        self.convs = nn.ModuleList(GinConvolution(2 * width, width) for _ in layers)
        self.merge = nn.Linear(2 * width, width)
        self.add_heads()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the logits; see `GraphArchitecture`."""
        assert batch.extras is not None, "the model was built for graphs with encodings"
        x, s = self.pre[batch.domain](batch.x), self.embedding_s(batch.extras)  # (N, d) each
        for features, structure in zip(self.convs, self.convs_s, strict=True):
            x = self.dropout(functional.relu(features(torch.cat([x, s], dim=1), batch.adjacency)))
            s = torch.tanh(structure(s, batch.adjacency))
        return self.logits(batch, self.merge(torch.cat([x, s], dim=1)))

    def forward_flop(self, num_nodes: Sizes, num_edges: Sizes, domain: int) -> FlopArray:
        """Return heads + 2 N d (k + 2 d) + L (3 E d + 8 N d^2), k the encoding; see `GraphModule.forward_flop`."""
        nodes, edges = np.asarray(num_nodes, dtype=np.float64), np.asarray(num_edges, dtype=np.float64)
        width = self.width
        around = 2.0 * nodes * width * (self.shape.num_extras + 2 * width)
        a_layer = 3.0 * edges * width + 8.0 * nodes * width**2
        return self.head_flop(num_nodes, domain) + around + len(self.convs) * a_layer
