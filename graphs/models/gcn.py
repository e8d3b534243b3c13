"""The graph convolutional network.

    H <- S H W + b,    S = D^-1/2 (A + I) D^-1/2,    D the degrees of A + I

A network of L layers is a convolution from the features to the width, L - 1 convolutions from width to width, and a
linear layer to the classes, with ReLU and dropout after every convolution. Samples can be nodes or graphs; of a graph
the vectors of its nodes are added up before the last layer.

Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks", 2017, equation 8; there
the last convolution goes to the classes directly, while here a linear layer does, so that clients of different classes
can exchange all convolutions but the first.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt, model_validator
from torch import nn
from torch.nn import functional

from graphs.adjacency import Adjacency
from graphs.batch import Batch
from graphs.models.architecture import FlopArray, GraphModelPart, Sizes
from graphs.models.shape import GraphShape
from graphs.models.skeleton import GraphModule
from testbed.errors import RequestError
from testbed.learning.torch_seed import seeded

__all__ = ["Gcn", "GcnConvolution", "GcnNetwork"]


class Gcn(GraphModelPart):
    """A graph convolutional network; the defaults are for the nodes of one graph, as of a network of citations."""

    kind: str = "gcn"
    num_layers: PositiveInt = 2  # convolutions
    width: PositiveInt = 64  # d: entries of a node's vector
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # share of activations set to zero in training
    share: Literal["convolutions", "body", "all"] = "all"  # what is exchanged; body: all but the last layer

    @model_validator(mode="after")
    def _check(self) -> "Gcn":
        if self.share == "convolutions" and self.num_layers == 1:
            raise RequestError(
                "num_layers = 1: with share = 'convolutions' at least 2, for the first depends on the features"
            )
        return self

    @property
    def local_tensors(self) -> tuple[str, ...]:
        """Patterns of the tensors that stay with the clients."""
        return {"convolutions": ("pre.*", "readout.*"), "body": ("readout.*",), "all": ()}[self.share]

    def build_for_graphs(self, shape: GraphShape, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `GraphArchitecture.build_for_graphs`."""
        if self.share != "convolutions":
            self.need_one_domain(shape, self.share)
        with seeded(torch_generator_seed):
            return GcnNetwork(self, shape)


class GcnNetwork(GraphModule):
    """The module of `Gcn`: a batch of nodes or graphs to logits (len(batch), max_classes)."""

    def __init__(self, settings: Gcn, shape: GraphShape) -> None:
        super().__init__(shape, settings.width, settings.dropout)
        self.convs = nn.ModuleList(GcnConvolution(self.width, self.width) for _ in range(settings.num_layers - 1))
        self.pre = nn.ModuleList(GcnConvolution(features, self.width) for features in shape.widths)
        self.readout = nn.ModuleList(nn.Linear(self.width, classes) for classes in shape.num_classes)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the logits; see `GraphArchitecture`."""
        x = batch.x
        for convolution in (self.pre[batch.domain], *self.convs):
            x = self.dropout(functional.relu(convolution(x, batch.adjacency)))
        return self.scores(batch, batch.pool(x))

    def forward_flop(self, num_nodes: Sizes, num_edges: Sizes, domain: int) -> FlopArray:
        """Return E d + 2 N d_in d for each convolution, and the last layer; see `GraphModule.forward_flop`."""
        nodes, edges = np.asarray(num_nodes, dtype=np.float64), np.asarray(num_edges, dtype=np.float64)
        width, num_convolutions = self.width, 1 + len(self.convs)
        features, classes = self.shape.widths[domain], self.shape.num_classes[domain]
        entries = features * width + len(self.convs) * width**2
        return num_convolutions * edges * width + 2.0 * nodes * entries + 2.0 * width * classes


class GcnConvolution(nn.Module):
    """One layer: (N, width_in) to (N, width).

    It starts without bias and uniform with a bound of sqrt(6 / (width_in + width)) (Glorot and Bengio, 2010), as in the
    source: features can be many and small, and a bound of 1 / sqrt(width_in) would make learning slow.

    It is PyTorch Geometric's `GCNConv`, but an edge of the data from a node to itself counts besides the one of I.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width, bias=False)
        nn.init.xavier_uniform_(self.linear.weight)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        """Return the new vectors of the nodes."""
        scale = adjacency.inverse_root_degrees
        return scale * adjacency.neighbour_sum(scale * self.linear(x)) + self.bias
