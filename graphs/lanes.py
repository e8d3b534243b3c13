"""Lanes: the minibatches of several clients in one pass of a graph network, each with parameters of its own.

The graphs of all lanes stand one after another, so that neighbours are added up, rectified, dropped and pooled for all
lanes at once. Only the linear layers go lane by lane, over the rows that are a lane's own: no padding, although graphs
differ in size. A lane's numbers come from the same products and the same luck as alone, and so do its bits, where rows
of the width start on 64 bytes (widths that are multiples of 16).

This pays while the vectors of all lanes' nodes fit the processor's cache together: see `most_lanes`. Measured on graphs
like PROTEINS against one client at a time: 10 lanes of 8 graphs, width 32: 2.8 times as fast; of 32 graphs, width 16:
2.1, width 32: 1.2 to 1.6; 3 to 5 lanes of 32 graphs, width 64: 1.2; wider or larger lanes: slower.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from graphs.batch import GraphBatch
from graphs.models.dropout import Dropout
from graphs.models.skeleton import GraphModule

__all__ = ["NetworkLanes", "most_lanes"]

# What one layer makes of all lanes' nodes should stay in the cache: measured on two cores with 2 MB each.
_CACHE_BYTES: Final = 2e6


def most_lanes(num_nodes: int, width: int) -> int:
    """Return how many lanes of so many nodes pay: as many as fit the cache with a vector of the width a node."""
    return max(1, int(_CACHE_BYTES // (4 * num_nodes * width)))


@dataclass
class _Cuts:
    """Where each lane's rows begin and the last one's end: of nodes and of graphs, (num_lanes + 1) each."""

    nodes: list[int]
    graphs: list[int]
    generators: Sequence[torch.Generator]

    def of(self, x: torch.Tensor) -> list[int]:
        """Return the cuts of a tensor's rows; graphs have at least one node, so equal ends mean equal cuts."""
        return self.nodes if len(x) == self.nodes[-1] else self.graphs


class NetworkLanes:
    """Several states of one graph network side by side.

    Parameters
    ----------
    network : its parameters are all those of linear layers, as in `GinNetwork`; it is copied.
    num_lanes : K.

    Raises
    ------
    ValueError : a parameter that is not that of a linear layer.
    """

    def __init__(self, network: GraphModule, num_lanes: int) -> None:
        self.num_lanes = num_lanes
        self._cuts = _Cuts([], [], [])
        self._names = [name for name, _ in network.named_parameters()]
        self._network = copy.deepcopy(network).train()
        outside = self._names_outside_linear_layers(network)
        if outside:
            raise ValueError(f"{outside[0]} is no parameter of a linear layer with a bias: this network has no lanes")
        for parent in list(self._network.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, nn.Linear):
                    setattr(parent, name, _LaneLinear(layer, num_lanes, self._cuts))
                elif isinstance(layer, Dropout):
                    setattr(parent, name, _LaneDropout(layer, self._cuts))
        self._parameters = dict(self._network.named_parameters())

    @staticmethod
    def _names_outside_linear_layers(network: nn.Module) -> list[str]:
        layers = {
            name for name, layer in network.named_modules() if isinstance(layer, nn.Linear) and layer.bias is not None
        }
        return [name for name, _ in network.named_parameters() if name.rpartition(".")[0] not in layers]

    @torch.no_grad()
    def load(self, states: torch.Tensor) -> None:
        """Take over the lanes' parameters `states : (K, num_parameters)`, in the order of `named_parameters`."""
        tensors = [self._parameters[name] for name in self._names]
        pieces = torch.split(states, [tensor[0].numel() for tensor in tensors], dim=1)
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view(tensor.shape))

    def gradients(
        self,
        batch: GraphBatch,
        labels: torch.Tensor,
        num_graphs: Sequence[int],
        generators: Sequence[torch.Generator],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of each lane [nat], (K,), and its gradient, (K, num_parameters).

        Parameters
        ----------
        batch : the graphs of all lanes, one lane after another.
        labels : (len(batch),) int64, theirs.
        num_graphs : how many graphs each lane has, at least one.
        generators : where each lane's dropout comes from.
        """
        counts = torch.tensor(num_graphs)
        graph_cuts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self._cuts.graphs = graph_cuts.tolist()
        self._cuts.nodes = torch.searchsorted(batch.graph_of, graph_cuts).tolist()
        self._cuts.generators = generators
        losses = functional.cross_entropy(self._network(batch), labels, reduction="none")
        means = torch.stack([losses[start:stop].mean() for start, stop in pairwise(self._cuts.graphs)])
        tensors = [self._parameters[name] for name in self._names]
        found = torch.autograd.grad(means.sum(), tensors, allow_unused=True, materialize_grads=True)
        return means.detach(), torch.cat([gradient.flatten(1) for gradient in found], dim=1)


class _LaneLinear(nn.Module):
    def __init__(self, layer: nn.Linear, num_lanes: int, cuts: _Cuts) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().repeat(num_lanes, 1, 1))  # (K, out, in)
        self.bias = nn.Parameter(layer.bias.detach().repeat(num_lanes, 1))  # (K, out)
        self.cuts = cuts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = _LaneProducts.apply(x, self.weight, self.bias, self.cuts.of(x))  # type: ignore[no-untyped-call]
        return found


class _LaneDropout(nn.Module):
    def __init__(self, dropout: Dropout, cuts: _Cuts) -> None:
        super().__init__()
        self.dropout, self.cuts = dropout, cuts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dropout.p == 0:
            return x
        factors = torch.empty_like(x)
        for generator, (start, stop) in zip(self.cuts.generators, pairwise(self.cuts.of(x)), strict=True):
            factors[start:stop] = self.dropout.factors(x[start:stop].shape, generator)
        return x * factors


class _LaneProducts(torch.autograd.Function):
    """y = x W_k^T + b_k on the rows of lane k."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, cuts: Sequence[int]
    ) -> torch.Tensor:
        y = x.new_empty(len(x), weight.shape[1])
        for lane, (start, stop) in enumerate(pairwise(cuts)):
            torch.addmm(bias[lane], x[start:stop], weight[lane].t(), out=y[start:stop])
        ctx.save_for_backward(x, weight)
        ctx.cuts = cuts
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor, None]:
        x, weight = ctx.saved_tensors
        outer = gradients[0].contiguous()
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = torch.empty_like(weight), outer.new_empty(weight.shape[:2])
        for lane, (start, stop) in enumerate(pairwise(ctx.cuts)):
            rows = outer[start:stop]
            torch.mm(rows.t(), x[start:stop], out=of_weight[lane])
            torch.sum(rows, 0, out=of_bias[lane])
            if of_x is not None:
                torch.mm(rows, weight[lane], out=of_x[start:stop])
        return of_x, of_weight, of_bias, None
