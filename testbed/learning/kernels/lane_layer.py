"""A linear layer of all lanes with a weight a lane: its products in one batched call, the descent fused in.

Every feature dimension is padded with zeros to a multiple of 16 numbers, 64 bytes. Matrix libraries choose
their arithmetic by the alignment of their operands, so that without it the bits of a job would depend on
its lane. Padding keeps itself: its weights have zero gradients, and padded classes a bias so low that their
probability is zero.
"""

from collections.abc import Sequence
from typing import Final

import torch

from testbed.learning.kernels.protocol import TrainingJob
from testbed.learning.kernels.workspace import workspace
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask, State

__all__ = ["ALIGNED_ENTRIES", "NEVER", "LaneLayer", "aligned"]

ALIGNED_ENTRIES: Final = 16

# exp(NEVER) is zero, and unlike minus infinity it survives weight decay and momentum.
NEVER: Final = -1e30


def aligned(num_entries: int) -> int:
    """Return the next multiple of `ALIGNED_ENTRIES`.

    >>> aligned(10), aligned(784)
    (16, 784)
    """
    return -(-num_entries // ALIGNED_ENTRIES) * ALIGNED_ENTRIES


class LaneLayer:
    """The weights and biases of one layer: aligned, contiguous, updated in place.

    Parameters
    ----------
    task : what is trained.
    layer : the layer, one of the task's.
    lanes : the job of each lane, all with one proximal weight.
    """

    def __init__(self, task: LearningTask, layer: LinearLayer, lanes: Sequence[TrainingJob]) -> None:
        self.task = task
        self.layer = layer
        proximal_weight, columns = lanes[0].proximal_weight, aligned(layer.num_outputs)
        weight = self._load(layer.weight, (columns, aligned(layer.num_inputs)), lanes)  # (lanes, out, in)
        bias = self._load(layer.bias, (1, columns), lanes)
        if layer is task.traits.layers[-1]:
            bias[..., layer.num_outputs :] = NEVER
        self.weight = _Descending(weight, task.optimizer, proximal_weight)
        self.bias = _Descending(bias, task.optimizer, proximal_weight)
        self._weights, self._biases = weight.numpy(), bias.numpy()  # the same memory

    def _load(self, name: str | None, padded: tuple[int, int], lanes: Sequence[TrainingJob]) -> torch.Tensor:
        """Return a tensor of all lanes, (lanes, *padded), zero beyond what the layer has."""
        if name is None:
            return torch.zeros(len(lanes), *padded)
        tensor = workspace(self.task, name, (len(lanes), *padded))
        cells = tensor.numpy()
        values = [self.task.layout.view(job.parameters, name) for job in lanes]
        values = [value.reshape(-1, value.shape[-1]) for value in values]
        rows, columns = values[0].shape
        cells[:, rows:] = 0.0
        cells[:, :rows, columns:] = 0.0
        if all(job.parameters is lanes[0].parameters for job in lanes):
            cells[:, :rows, :columns] = values[0]
        else:
            for lane, own in enumerate(values):
                cells[lane, :rows, :columns] = own
        return tensor

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return W x + b (lanes, width, out) of `inputs : (lanes, width, in)`, those of the first lanes."""
        weight, bias = self.weight.value[: len(inputs)], self.bias.value[: len(inputs)]
        z = workspace(self.task, f"outputs of {self.layer.weight}", (*inputs.shape[:2], weight.shape[1]))
        return torch.baddbmm(bias, inputs, weight.transpose(1, 2), out=z)

    def backward(self, outer: torch.Tensor) -> torch.Tensor:
        """Return the gradient with respect to the inputs, of that with respect to the outputs."""
        weight = self.weight.value[: len(outer)]
        gradient = workspace(self.task, f"gradient before {self.layer.weight}", (*outer.shape[:2], weight.shape[2]))
        return torch.bmm(outer, weight, out=gradient)

    def descend(self, inputs: torch.Tensor, outer: torch.Tensor) -> None:
        """Take one step down, `outer : (lanes, width, out)` the gradient with respect to the outputs."""
        self.weight.descend(outer.transpose(1, 2), inputs)
        if self.layer.bias is not None:
            self.bias.descend(torch.ones(len(outer), 1, outer.shape[1]), outer)

    def store(self, trained: State, lane: int) -> None:
        """Write what a lane has learnt into `trained : (num_entries,)`."""
        layer, view = self.layer, self.task.layout.view
        view(trained, layer.weight)[:] = self._weights[lane, : layer.num_outputs, : layer.num_inputs]
        if layer.bias is not None:
            view(trained, layer.bias)[:] = self._biases[lane, 0, : layer.num_outputs]


class _Descending:
    """A tensor of all lanes with what its descent has to remember."""

    def __init__(self, value: torch.Tensor, optimizer: OptimizerSettings, proximal_weight: float) -> None:
        self.value = value
        self.optimizer = optimizer
        self.proximal_weight = proximal_weight
        self.velocity = torch.zeros_like(value) if optimizer.momentum > 0 else None
        self.base = value.clone() if proximal_weight else None

    def descend(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Descend along the gradient left @ right in the lanes of `left`."""
        num_lanes, rate, decay = len(left), self.optimizer.learning_rate, self.optimizer.weight_decay
        value = self.value[:num_lanes]
        # A difference, so that padding stays what it is; nor can it be lost in rounding where little has moved.
        drift = None if self.base is None else value - self.base[:num_lanes]
        if self.velocity is None:
            value.baddbmm_(left, right, beta=1.0 - rate * decay, alpha=-rate)
            if drift is not None:
                value.add_(drift, alpha=-rate * self.proximal_weight)
            return
        velocity = self.velocity[:num_lanes]
        velocity.baddbmm_(left, right, beta=self.optimizer.momentum)
        if decay:
            velocity.add_(value, alpha=decay)
        if drift is not None:
            velocity.add_(drift, alpha=self.proximal_weight)
        value.add_(velocity, alpha=-rate)
