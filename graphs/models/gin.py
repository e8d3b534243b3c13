"""The graph isomorphism network in the form that federated graph classification uses.

    h_v <- MLP(h_v + sum over neighbours u of h_u),    MLP = linear, ReLU, linear

Sources: Xu et al., "How powerful are graph neural networks?", 2019, equation 4.1 with epsilon = 0; Xie et al.,
"Federated graph classification over non-IID graphs" (GCFL), 2021, whose code has the layers, the widths and the dropout
after each of them.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn import functional

from graphs.adjacency import Adjacency
from graphs.batch import Batch
from graphs.models.architecture import FlopArray, GraphModelPart, Sizes
from graphs.models.shape import GraphShape
from graphs.models.skeleton import HEADS, GraphModule
from testbed.learning.torch_seed import seeded

__all__ = ["Gin", "GinConvolution", "GinNetwork"]


class Gin(GraphModelPart):
    """A graph isomorphism network; with 3 layers of width 64 its convolutions have 24,960 parameters."""

    kind: str = "gin"
    num_layers: PositiveInt = 3  # convolutions
    width: PositiveInt = 64  # d: entries of a node's vector
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # share of activations set to zero in training
    share: Literal["convolutions", "all"] = "convolutions"  # what is exchanged; all needs one domain

    @property
    def local_tensors(self) -> tuple[str, ...]:
        """Patterns of the tensors that stay with the clients."""
        return HEADS if self.share == "convolutions" else ()

    def build_for_graphs(self, shape: GraphShape, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `GraphArchitecture.build_for_graphs`."""
        if self.share == "all":
            self.need_one_domain(shape, self.share)
        with seeded(torch_generator_seed):
            return GinNetwork(self, shape)


class GinNetwork(GraphModule):
    """The module of `Gin`: a batch of graphs to logits (num_graphs, max_classes)."""

    def __init__(self, settings: Gin, shape: GraphShape) -> None:
        super().__init__(shape, settings.width, settings.dropout)
        self.convs = nn.ModuleList(GinConvolution(self.width, self.width) for _ in range(settings.num_layers))
        self.add_heads()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the logits; see `GraphArchitecture`."""
        x = self.pre[batch.domain](batch.x)  # (N, d)
        for convolution in self.convs:
            x = self.dropout(functional.relu(convolution(x, batch.adjacency)))
        return self.logits(batch, x)

    def forward_flop(self, num_nodes: Sizes, num_edges: Sizes, domain: int) -> FlopArray:
        """Return heads + L (E d + 4 N d^2) for each graph; see `GraphModule.forward_flop`."""
        nodes, edges = np.asarray(num_nodes, dtype=np.float64), np.asarray(num_edges, dtype=np.float64)
        a_layer = edges * self.width + 4.0 * nodes * self.width**2
        return self.head_flop(num_nodes, domain) + len(self.convs) * a_layer


class GinConvolution(nn.Module):
    """One layer: (N, width_in) to (N, width).

    It is PyTorch Geometric's `GINConv` with `train_eps=False`, but keeps no epsilon in its state, which would be sent.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width_in, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        """Return the new vectors of the nodes."""
        found: torch.Tensor = self.mlp(adjacency.neighbour_sum(x))
        return found
