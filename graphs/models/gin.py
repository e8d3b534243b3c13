"""The graph isomorphism network in the form that federated graph classification uses.

    h_v <- MLP(h_v + sum over neighbours u of h_u),    MLP = linear, ReLU, linear

Sources: Xu et al., "How powerful are graph neural networks?", 2019, equation 4.1 with epsilon = 0; Xie et al.,
"Federated graph classification over non-IID graphs" (GCFL), 2021, whose code has the layers, the widths and the dropout
after each of them.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn import functional

from graphs.adjacency import Adjacency
from graphs.batch import Batch, GraphStore
from graphs.lane_batch import LaneBatch
from graphs.lanes import FEWEST_LANES, NetworkLanes, layers_obstacle, most_lanes
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

    def lane_obstacle(self, inputs: Any, batch_width: int) -> str:
        """Return why jobs are computed one at a time; see `LaneModule`."""
        if not isinstance(inputs, GraphStore):
            return "nodes of one graph are computed one job at a time"
        if self.most_lanes(inputs, batch_width) < FEWEST_LANES:
            return "minibatches of this size and width fill the cache: they are as fast one job at a time"
        return layers_obstacle(self, self.width)

    def most_lanes(self, inputs: Any, batch_width: int) -> int:
        """Return how many lanes a pass should have; see `LaneModule`."""
        return most_lanes(inputs.mean_nodes * batch_width, self.width) if isinstance(inputs, GraphStore) else 1

    def lane_family(self, inputs: GraphStore, samples: npt.NDArray[np.int64]) -> str | None:
        """Return an empty word: lanes have nothing to share. None for graphs of several domains; see `LaneModule`."""
        domains = inputs.domain_of.numpy()[samples]
        return "" if (domains == domains[0]).all() else None

    def lane_inputs(self, inputs: GraphStore, lots: Sequence[torch.Tensor]) -> LaneBatch:
        """Return the graphs of all lanes; see `LaneModule`."""
        return LaneBatch.of(inputs, lots)

    def lanes(self) -> NetworkLanes:
        """Return lanes of the network; see `LaneModule`."""
        return NetworkLanes(self)

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
