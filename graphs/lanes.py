"""Lanes: the minibatches of several clients in one pass of a graph network, each with parameters of its own.

The graphs of all lanes stand one after another, so that neighbours are added up, rectified, dropped and pooled for all
lanes at once. Only the linear layers go lane by lane, over the rows that are a lane's own: no padding, although graphs
differ in size, and heads of the lane's own domain. A lane's numbers come from the same products and the same luck as
alone, and so do its bits: every matrix that is multiplied starts on 64 bytes, or is copied to where it does.

This pays while the vectors of all lanes' nodes fit the processor's cache together: see `most_lanes`.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

from graphs.lane_batch import LaneBatch
from graphs.lane_products import ALIGNED_ENTRIES, LaneLayer, LanePass, Slot
from graphs.models.dropout import Dropout

if TYPE_CHECKING:
    from graphs.models.skeleton import GraphModule  # which makes lanes

__all__ = ["FEWEST_LANES", "NetworkLanes", "layers_obstacle", "most_lanes"]

# What one layer makes of all lanes' nodes should stay in the cache: measured on cores with 1 MB each.
_CACHE_BYTES: Final = 1e6
# With fewer lanes than this there is little left to save: a pass is then as long as its jobs one at a time.
FEWEST_LANES: Final = 4
# The layers that a domain has for itself, one a domain: see `graphs.models.skeleton`.
_HEADS: Final = ("pre", "post", "readout")


def most_lanes(num_nodes: float, width: int) -> int:
    """Return how many lanes of so many nodes pay: as many as fit the cache with a vector of the width a node."""
    return max(1, int(_CACHE_BYTES // (4 * num_nodes * width)))


def layers_obstacle(network: nn.Module, width: int) -> str:
    """Return why a network of this width cannot be computed in lanes; empty if it can.

    Its parameters must be those of linear layers with a bias, and rows of its width must start on 64 bytes.
    """
    layers = {
        name for name, layer in network.named_modules() if isinstance(layer, nn.Linear) and layer.bias is not None
    }
    outside = [name for name, _ in network.named_parameters() if name.rpartition(".")[0] not in layers]
    if outside:
        return f"{outside[0]} is no parameter of a linear layer with a bias"
    if width % ALIGNED_ENTRIES:
        return f"a width of {width} is not a multiple of {ALIGNED_ENTRIES}: lanes would be misaligned"
    return ""


class NetworkLanes:
    """Several states of one graph network side by side; see `testbed.learning.lane_module.Lanes`.

    Parameters
    ----------
    network : one whose parameters are all those of linear layers, as in `GinNetwork`, each used at most once in a
        forward; it is copied.

    Raises
    ------
    ValueError : a network that `layers_obstacle` names a reason against.
    """

    def __init__(self, network: "GraphModule") -> None:
        obstacle = layers_obstacle(network, network.width)
        if obstacle:
            raise ValueError(f"{obstacle}: this network has no lanes")
        parameters = dict(network.named_parameters())
        self._shapes = [tuple(parameter.shape) for parameter in parameters.values()]
        self._sizes = [parameter.numel() for parameter in parameters.values()]
        self._places = {name: place for place, name in enumerate(parameters)}
        self._pass = LanePass()
        self._network = copy.deepcopy(network)
        layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
        for name in layers:
            if name.partition(".")[0] not in _HEADS:
                self._replace(name, [name], network.width)
        for head in _HEADS:
            of_head = [name for name in layers if name.partition(".")[0] == head]
            if of_head:
                self._replace(head, of_head, network.shape.max_classes if head == "readout" else network.width)
        for name, layer in network.named_modules():
            if isinstance(layer, Dropout):
                self._network.set_submodule(name, _LaneDropout(copy.deepcopy(layer), self._pass))

    def _replace(self, place: str, names: Sequence[str], num_columns: int) -> None:
        """Put a layer of lanes in the place of a linear layer, or of the list of all domains' heads."""
        slots = [self._slot(name) for name in names]
        layer = LaneLayer(self._pass, slots, num_columns, takes_features=place == "pre")
        self._network.set_submodule(place, layer)

    def _slot(self, name: str) -> Slot:
        weight, bias = self._places[f"{name}.weight"], self._places[f"{name}.bias"]
        start = sum(self._sizes[:weight])
        return Slot(weight, bias, self._shapes[weight][0], start % ALIGNED_ENTRIES == 0)

    def gradients(
        self,
        parameters: torch.Tensor,
        batch: LaneBatch,
        labels: torch.Tensor,
        generators: Sequence[torch.Generator],
        out: torch.Tensor,
    ) -> torch.Tensor:
        """Return the mean loss of each lane [nat], (K,); see `Lanes.gradients`."""
        out.zero_()  # the heads of the other domains have no part in it
        self._begin(parameters, batch)
        self._pass.gradients, self._pass.generators = self._views(out), generators
        scores = functional.log_softmax(self._network.train()(batch), dim=1)
        lanes = zip(*(torch.split(part, batch.num_graphs_of) for part in (scores, labels)), strict=True)
        losses = torch.stack([functional.nll_loss(own, classes) for own, classes in lanes])
        torch.autograd.grad(losses.sum(), self._pass.anchor, allow_unused=True)
        self._end()
        return losses.detach()

    @torch.no_grad()
    def scores(self, parameters: torch.Tensor, batch: LaneBatch) -> torch.Tensor:
        """Return the logits (num_graphs, max_classes) of all lanes' graphs; see `Lanes.scores`."""
        self._begin(parameters, batch)
        found: torch.Tensor = self._network.eval()(batch)
        self._end()
        return found

    def _begin(self, parameters: torch.Tensor, batch: LaneBatch) -> None:
        self._pass.parameters, self._pass.batch = self._views(parameters), batch
        self._pass.used.clear()

    def _end(self) -> None:
        """Let go of what belongs to others."""
        self._pass.parameters, self._pass.gradients, self._pass.batch, self._pass.generators = [], [], None, ()

    def _views(self, rows: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        pieces = torch.split(rows, self._sizes, dim=1)
        return [piece.view(len(rows), *shape).unbind(0) for piece, shape in zip(pieces, self._shapes, strict=True)]


class _LaneDropout(nn.Module):
    def __init__(self, dropout: Dropout, run: LanePass) -> None:
        super().__init__()
        self.dropout, self.run = dropout, run

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.dropout.p == 0:
            return x
        sizes = [num_rows * x.shape[1] for num_rows in self.run.num_rows(x)]
        return x * self.dropout.factors_of_lanes(sizes, self.run.generators).view(x.shape)
