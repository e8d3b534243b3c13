"""Stacks of linear layers by hand: the products of all lanes in one batched call, the descent fused in.

For one lane with layers z_l = x_l W_l^T + b_l, x_{l+1} = max(z_l, 0) and mean cross-entropy over n samples:

    D_L = (softmax(z_L) - one_hot(y)) / n,    D_l = (D_{l+1} W_{l+1}) * (z_l > 0)
    W_l <- (1 - rate decay) W_l - rate D_l^T x_l,    b_l likewise with x = 1

A proximal term adds - rate mu (W_l - base) to the step, of the W_l before it.

Every feature dimension is padded with zeros to a multiple of 16 numbers, 64 bytes. Matrix libraries choose
their arithmetic by the alignment of their operands, so that without it the bits of a job would depend on
its lane. Padding keeps itself: its weights have zero gradients, and padded classes a bias so low that their
probability is zero.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from testbed.learning.kernels.lanes import MIN_LANES, LaneBatches, lanes_of, shared_by_lanes, stretches
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput
from testbed.learning.kernels.workspace import workspace
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask, State

__all__ = ["ALIGNED_ENTRIES", "dense_family"]

ALIGNED_ENTRIES: Final = 16

# Parameters and activations of a chunk should stay in the processor's cache.
_CHUNK_BYTES: Final = 4e6

# exp(_NEVER) is zero, and unlike minus infinity it survives weight decay and momentum.
_NEVER: Final = -1e30


def dense_family(task: LearningTask, width: int, proximal_weight: float = 0.0) -> Family:
    """Return the family of the jobs of a plain stack whose batches are `width` wide.

    `proximal_weight` : of their objective; with it a lane also holds the parameters it started from.
    """
    layers = task.traits.layers
    num_parameters = sum(_aligned(layer.num_outputs) * (_aligned(layer.num_inputs) + 1) for layer in layers)
    # Activations and their gradients; the inputs have none.
    num_activations = _aligned(layers[0].num_inputs) + 2 * sum(_aligned(layer.num_outputs) for layer in layers)
    num_states = 2 if proximal_weight else 1
    lane_bytes = 4 * (num_states * num_parameters + width * num_activations)
    return Family(
        task,
        f"{task.name}/train/dense/{shared_by_lanes(width, proximal_weight)}",
        _train_lanes,
        max_jobs=max(MIN_LANES, int(_CHUNK_BYTES // lane_bytes)),
        min_lanes=MIN_LANES,
        reason="a stack of linear layers: fused batched products",
    )


def _train_lanes(chunk: Chunk) -> Sequence[Output]:
    lanes = lanes_of(chunk)
    task = chunk.family.task
    batches = LaneBatches(lanes)
    stack = _Stack(task, lanes)
    trained = [lend_state(task) for _ in lanes]
    losses = np.empty(0, dtype=np.float32)
    for first, stop, alive, going_on in stretches([job.num_steps for job in lanes]):
        num_lanes = max(alive, MIN_LANES)
        for step in range(first, stop):
            if step == first or len(batches) > 1:
                batch = stack.prepare(*batches.gather(min(step, len(batches) - 1), num_lanes))
            scores, activations = stack.forward(batch[0])
            if step == 0:
                losses = (torch.log_softmax(scores, -1) * batch[1]).sum((1, 2)).neg_().numpy()
            stack.descend(scores, activations, batch[1], batch[2])
        stack.store(trained, going_on, alive)
    return [
        TrainingOutput.of(job, trained[lane], float(losses[lane])) for lane, job in enumerate(lanes[: len(chunk.jobs)])
    ]


class _Stack:
    """The weights of all lanes, layer by layer; aligned, contiguous, updated in place."""

    def __init__(self, task: LearningTask, lanes: Sequence[TrainingJob]) -> None:
        self.task = task
        self.layers = task.traits.layers
        self.optimizer: OptimizerSettings = task.optimizer
        self.weights = [self._load(layer, layer.weight, lanes) for layer in self.layers]  # (lanes, out, in)
        self.biases = [self._load(layer, layer.bias, lanes) for layer in self.layers]  # (lanes, 1, out)
        self.biases[-1][..., self.layers[-1].num_outputs :] = _NEVER
        momentum = self.optimizer.momentum > 0
        self.weight_velocities = [torch.zeros_like(w) if momentum else None for w in self.weights]
        self.bias_velocities = [torch.zeros_like(b) if momentum else None for b in self.biases]
        self.proximal_weight = lanes[0].proximal_weight
        self.weight_bases = [w.clone() if self.proximal_weight else None for w in self.weights]
        self.bias_bases = [b.clone() if self.proximal_weight else None for b in self.biases]

    def _load(self, layer: LinearLayer, name: str | None, lanes: Sequence[TrainingJob]) -> torch.Tensor:
        """Return a tensor of all lanes, zero beyond what the layer has."""
        is_weight, columns = name == layer.weight, _aligned(layer.num_outputs)
        shape = (layer.num_outputs, layer.num_inputs) if is_weight else (1, layer.num_outputs)
        padded = (columns, _aligned(layer.num_inputs)) if is_weight else (1, columns)
        if name is None:
            return torch.zeros(len(lanes), *padded)
        tensor = workspace(self.task, name, (len(lanes), *padded))
        cells = tensor.numpy()
        cells[:, shape[0] :] = 0.0
        cells[:, : shape[0], shape[1] :] = 0.0
        values = [self.task.layout.view(job.parameters, name).reshape(shape) for job in lanes]
        if all(job.parameters is lanes[0].parameters for job in lanes):
            cells[:, : shape[0], : shape[1]] = values[0]
        else:
            for lane, own in enumerate(values):
                cells[lane, : shape[0], : shape[1]] = own
        return tensor

    def store(self, trained: Sequence[State], first: int, stop: int) -> None:
        """Write the states of lanes `first` to `stop` into `trained`, one (num_entries,) for each lane."""
        for layer, weight, bias in zip(self.layers, self.weights, self.biases, strict=True):
            weights, biases = weight.numpy(), bias.numpy()
            for lane in range(first, stop):
                view = self.task.layout.view(trained[lane], layer.weight)
                view[:] = weights[lane, : layer.num_outputs, : layer.num_inputs]
                if layer.bias is not None:
                    self.task.layout.view(trained[lane], layer.bias)[:] = biases[lane, 0, : layer.num_outputs]

    def prepare(
        self, inputs: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return inputs (lanes, width, in), targets (lanes, width, classes), weights (lanes, width, 1).

        The weights are mask / n, and the targets contain them.
        """
        inputs = inputs.flatten(2)
        missing = self.weights[0].shape[2] - inputs.shape[2]
        if missing:
            inputs = torch.nn.functional.pad(inputs, (0, missing))
        weights = (mask / mask.sum(1, keepdim=True)).unsqueeze(2)
        targets = torch.zeros(*labels.shape, self.weights[-1].shape[1])
        return inputs, targets.scatter_(2, labels.unsqueeze(2), weights), weights

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the scores (lanes, width, classes) and the inputs of every layer."""
        num_lanes = len(inputs)
        activations = [inputs]
        for layer, weight, bias in zip(self.layers, self.weights, self.biases, strict=True):
            z = torch.baddbmm(bias[:num_lanes], activations[-1], weight[:num_lanes].transpose(1, 2))
            activations.append(z.relu_() if layer.rectified else z)
        return activations.pop(), activations

    def descend(
        self,
        scores: torch.Tensor,
        activations: list[torch.Tensor],
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> None:
        """Take one step down the gradient."""
        num_lanes, width, _ = scores.shape
        ones = torch.ones(num_lanes, 1, width)
        gradient = torch.softmax(scores, -1).mul_(weights).sub_(targets)
        for position in reversed(range(len(self.layers))):
            inputs, outer = activations[position], gradient
            if position > 0:
                gradient = torch.bmm(outer, self.weights[position][:num_lanes])
                if self.layers[position - 1].rectified:
                    gradient.mul_(inputs > 0)
            weight, velocity, base = (
                self.weights[position],
                self.weight_velocities[position],
                self.weight_bases[position],
            )
            self._update(weight, velocity, base, outer.transpose(1, 2), inputs)
            if self.layers[position].bias is not None:
                bias, velocity, base = self.biases[position], self.bias_velocities[position], self.bias_bases[position]
                self._update(bias, velocity, base, ones, outer)

    def _update(
        self,
        tensor: torch.Tensor,
        velocity: torch.Tensor | None,
        base: torch.Tensor | None,
        left: torch.Tensor,
        right: torch.Tensor,
    ) -> None:
        """Descend along the gradient left @ right of `tensor` in the lanes of `left`."""
        num_lanes, rate, decay = len(left), self.optimizer.learning_rate, self.optimizer.weight_decay
        tensor = tensor[:num_lanes]
        # A difference, so that padding stays what it is; nor can it be lost in rounding where little has moved.
        drift = None if base is None else tensor - base[:num_lanes]
        if velocity is None:
            tensor.baddbmm_(left, right, beta=1.0 - rate * decay, alpha=-rate)
            if drift is not None:
                tensor.add_(drift, alpha=-rate * self.proximal_weight)
            return
        velocity = velocity[:num_lanes]
        velocity.baddbmm_(left, right, beta=self.optimizer.momentum)
        if decay:
            velocity.add_(tensor, alpha=decay)
        if drift is not None:
            velocity.add_(drift, alpha=self.proximal_weight)
        tensor.add_(velocity, alpha=-rate)


def _aligned(num_entries: int) -> int:
    return -(-num_entries // ALIGNED_ENTRIES) * ALIGNED_ENTRIES
