"""The linear layers of lanes: each lane's rows times the lane's own weights.

    y = x W_k^T + b_k                                     for the rows of lane k
    dW_k = g^T x,    db_k = sum over rows of g,    dx = g W_k

The parameters of a lane lie side by side in one row of a matrix, and the gradients are written straight into a row of
another. Every matrix that is multiplied starts on 64 bytes: matrix libraries choose their arithmetic by the alignment
of their operands, and the bits of a lane must not depend on where it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from graphs.lane_batch import LaneBatch
from graphs.models.architecture import NO_CLASS

__all__ = ["ALIGNED_ENTRIES", "LaneLayer", "LanePass", "Slot"]

# Numbers in 64 bytes.
ALIGNED_ENTRIES: Final = 16


@dataclass(frozen=True)
class Slot:
    """Where a linear layer's parameters stand in a lane's row.

    Attributes
    ----------
    weight, bias : their places among the parameters.
    num_outputs : rows of the weight.
    is_aligned : the weight starts on 64 bytes wherever the row does.
    """

    weight: int
    bias: int
    num_outputs: int
    is_aligned: bool


class LanePass:
    """What the layers share while lanes are computed.

    Attributes
    ----------
    parameters, gradients : for each parameter its views, one a lane; no gradients where none are wanted.
    batch : the graphs of all lanes.
    generators : where each lane's dropout comes from.
    anchor : what every layer's output depends on, so that the way back passes it.
    used : the layers that have been passed.
    """

    def __init__(self) -> None:
        self.parameters: list[tuple[torch.Tensor, ...]] = []
        self.gradients: list[tuple[torch.Tensor, ...]] = []
        self.batch: LaneBatch | None = None
        self.generators: Sequence[torch.Generator] = ()
        self.anchor = torch.zeros((), requires_grad=True)
        self.used: set[int] = set()

    def num_rows(self, x: torch.Tensor) -> list[int]:
        """Return each lane's rows of `x`, which has one a node or one a graph; with one node a graph both are equal."""
        assert self.batch is not None
        return self.batch.num_nodes_of if len(x) == len(self.batch.graph_of) else self.batch.num_graphs_of


class LaneLayer(nn.Module):
    """A linear layer, or the heads of all domains, of which each lane uses its own.

    Parameters
    ----------
    run : what it shares with the others.
    slots : its parameters; of heads one for each domain.
    num_columns : of the output; those that a head lacks are `NO_CLASS`.
    takes_features : its input is what the nodes come with, whose width differs from lane to lane.
    """

    def __init__(self, run: LanePass, slots: Sequence[Slot], num_columns: int, *, takes_features: bool = False) -> None:
        super().__init__()
        self.run, self.slots, self.num_columns, self.takes_features = run, tuple(slots), num_columns, takes_features

    def __getitem__(self, domain: int) -> "LaneLayer":
        """Return the heads: which lane has which domain is known without the number."""
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of all lanes, (rows of x, num_columns).

        Raises
        ------
        ValueError : the layer is used a second time, when its gradient would be overwritten.
        """
        if id(self) in self.run.used:
            raise ValueError("a linear layer is used twice in one forward: this network has no lanes")
        self.run.used.add(id(self))
        found: torch.Tensor = _LaneProducts.apply(x, self.run.anchor, self)  # type: ignore[no-untyped-call]
        return found

    def lane_slots(self) -> list[Slot]:
        """Return the slot of each lane."""
        assert self.run.batch is not None
        domains = self.run.batch.domains
        return [self.slots[domain] for domain in domains] if len(self.slots) > 1 else [self.slots[0]] * len(domains)

    def inputs(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return each lane's rows of the input."""
        assert self.run.batch is not None
        return self.run.batch.features if self.takes_features else torch.split(x, self.run.num_rows(x))

    def weight(self, slot: Slot, lane: int) -> torch.Tensor:
        """Return a lane's weight, (num_outputs, num_inputs)."""
        weight = self.run.parameters[slot.weight][lane]
        return weight if slot.is_aligned else weight.clone()


class _LaneProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, anchor: torch.Tensor, layer: LaneLayer) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.layer = layer
        num_columns, biases = layer.num_columns, layer.run.parameters
        y = x.new_empty(len(x), num_columns)
        rows = zip(layer.lane_slots(), layer.inputs(x), torch.split(y, layer.run.num_rows(x)), strict=True)
        for lane, (slot, x_k, y_k) in enumerate(rows):
            weight, bias = layer.weight(slot, lane).t(), biases[slot.bias][lane]
            if num_columns % ALIGNED_ENTRIES == 0:
                torch.addmm(bias, x_k, weight, out=y_k)
                continue
            y_k[:, : slot.num_outputs] = torch.addmm(bias, x_k, weight)
            y_k[:, slot.num_outputs :] = NO_CLASS
        return y

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:
        (x,) = ctx.saved_tensors
        layer: LaneLayer = ctx.layer
        gradients, num_rows = layer.run.gradients, layer.run.num_rows(x)
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        parts: Sequence[torch.Tensor | None] = [None] * len(num_rows) if of_x is None else torch.split(of_x, num_rows)
        is_aligned = layer.num_columns % ALIGNED_ENTRIES == 0
        rows = zip(
            layer.lane_slots(), layer.inputs(x), torch.split(outer[0].contiguous(), num_rows), parts, strict=True
        )
        for lane, (slot, x_k, outer_k, part) in enumerate(rows):
            g = outer_k if is_aligned else outer_k[:, : slot.num_outputs].clone(memory_format=torch.contiguous_format)
            if slot.is_aligned:
                torch.mm(g.t(), x_k, out=gradients[slot.weight][lane])
            else:
                gradients[slot.weight][lane].copy_(torch.mm(g.t(), x_k))
            torch.sum(g, 0, out=gradients[slot.bias][lane])
            if part is not None:
                torch.mm(g, layer.weight(slot, lane), out=part)
        return of_x, None, None
