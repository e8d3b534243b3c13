"""Stacks of linear layers by hand: the products of all lanes in one batched call, the descent fused in.

For one lane with layers z_l = x_l W_l^T + b_l, x_{l+1} = max(z_l, 0) and mean cross-entropy over n samples:

    D_L = (softmax(z_L) - one_hot(y)) / n,    D_l = (D_{l+1} W_{l+1}) * (z_l > 0)
    W_l <- (1 - rate decay) W_l - rate D_l^T x_l,    b_l likewise with x = 1

A proximal term adds - rate mu (W_l - base) to the step, of the W_l before it.

The first layer may do that in the space of its samples instead, where that is cheaper (`sample_space`): which, follows
from the job alone.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import torch

from testbed.learning.kernels.lane_layer import LaneLayer, aligned
from testbed.learning.kernels.lanes import MIN_LANES, LaneBatches, lanes_of, shared_by_lanes, stretches
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput, distance
from testbed.learning.kernels.sample_space import SampleSpaceLayer, num_rows_if_cheaper
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.task import State

__all__ = ["dense_family"]

# What a chunk works on should stay in the processor's cache.
_CHUNK_BYTES: Final = 4e6

# Of a step: where its inputs are, given its row and the number of lanes.
_Inputs = Callable[[int, int], torch.Tensor]
# Writes what a lane has learnt into a state and returns the norm of its update, if that is known.
_Store = Callable[[State, int], float | None]


def dense_family(job: TrainingJob) -> Family:
    """Return the family of a job of a plain stack: width of batches, proximal weight, arithmetic of the first layer.

    With a proximal term a lane also holds the parameters it started from.
    """
    task, width = job.task, job.samples.shape[1]
    first, *others = task.traits.layers
    shared = shared_by_lanes(width, job.proximal_weight)
    num_rows = num_rows_if_cheaper(first, job)
    if num_rows:
        num_outputs = aligned(first.num_outputs)
        # What a step works on: products, what they start from, coefficients. The samples are read before and after.
        num_kept = num_rows * (num_rows + (3 if task.optimizer.momentum else 2) * num_outputs)
        return _family(
            job,
            f"dense-{num_rows}/{shared}",
            _train_by_samples,
            num_kept + _num_entries(job, others) + 2 * width * num_outputs,
            f"a stack of linear layers: fused batched products, the first in the space of its {num_rows} samples",
        )
    num_entries = _num_entries(job, task.traits.layers) + width * aligned(first.num_inputs)
    return _family(
        job, f"dense/{shared}", _train_by_weights, num_entries, "a stack of linear layers: fused batched products"
    )


def _num_entries(job: TrainingJob, layers: Sequence[LinearLayer]) -> int:
    """Return how many numbers the parameters, outputs and their gradients of these layers are in a lane."""
    num_entries = 0
    for layer in layers:
        num_outputs = aligned(layer.num_outputs)
        num_parameters = num_outputs * (aligned(layer.num_inputs) + 1)
        num_entries += (2 if job.proximal_weight else 1) * num_parameters + 2 * job.samples.shape[1] * num_outputs
    return num_entries


def _family(
    job: TrainingJob, name: str, compute: Callable[[Chunk], Sequence[Output]], num_entries: int, reason: str
) -> Family:
    max_jobs = max(MIN_LANES, int(_CHUNK_BYTES // (4 * num_entries)))
    return Family(job.task, f"{job.task.name}/train/{name}", compute, max_jobs, MIN_LANES, reason)


def _train_by_weights(chunk: Chunk) -> Sequence[Output]:
    lanes, task = lanes_of(chunk), chunk.family.task
    batches = LaneBatches(lanes)
    layers = [LaneLayer(task, layer, lanes) for layer in task.traits.layers]
    missing = layers[0].weight.value.shape[2] - layers[0].layer.num_inputs

    def inputs(row: int, num_lanes: int) -> torch.Tensor:
        found = batches.inputs(row, num_lanes).flatten(2)
        return torch.nn.functional.pad(found, (0, missing)) if missing else found

    def store(trained: State, lane: int) -> None:
        for layer in layers:
            layer.store(trained, lane)

    return _train(chunk, _Stack(layers), batches, inputs, store)


def _train_by_samples(chunk: Chunk) -> Sequence[Output]:
    lanes, task = lanes_of(chunk), chunk.family.task
    first = SampleSpaceLayer(task, lanes, len(chunk.jobs))
    others = [LaneLayer(task, layer, lanes) for layer in task.traits.layers[1:]]
    others_start = first.layer.num_outputs * first.layer.num_inputs  # a stack's state begins with its first weight

    def store(trained: State, lane: int) -> float:
        norm = first.store(trained, lane)
        for layer in others:
            layer.store(trained, lane)
        before = lanes[lane].parameters
        return math.hypot(norm, distance(task, trained[others_start:], before[others_start:]))

    return _train(chunk, _Stack([first, *others]), LaneBatches(lanes), first.rows, store)


def _train(chunk: Chunk, stack: "_Stack", batches: LaneBatches, inputs: _Inputs, store: _Store) -> Sequence[Output]:
    """Return the outputs of a chunk."""
    lanes = lanes_of(chunk)
    outputs: list[Output] = [None] * len(chunk.jobs)
    losses: list[float] = []
    for first, stop, alive, going_on in stretches([job.num_steps for job in lanes]):
        num_lanes = max(alive, MIN_LANES)
        for step in range(first, stop):
            if step == first or len(batches) > 1:
                row = min(step, len(batches) - 1)
                batch = inputs(row, num_lanes)
                labels = batches.labels(row, num_lanes).unsqueeze(2)
                weights = batches.weights(row, num_lanes).unsqueeze(2)
            scores, activations = stack.forward(batch)
            if step == 0:
                picked = torch.log_softmax(scores, -1).gather(2, labels)
                losses = picked.mul_(weights).sum((1, 2)).neg_().tolist()
            # The gradient with respect to the scores: softmax minus one-hot, over n.
            gradient = torch.softmax(scores, -1).mul_(weights).scatter_add_(2, labels, -weights)
            stack.descend(activations, gradient)
        for lane in range(going_on, min(alive, len(outputs))):
            trained = lend_state(chunk.family.task)
            norm = store(trained, lane)
            # Now, while the result lies in the processor's cache.
            outputs[lane] = TrainingOutput.of(lanes[lane], trained, losses[lane], update_norm=norm)
    return outputs


class _Stack:
    """The layers of all lanes, one after another."""

    def __init__(self, layers: Sequence[LaneLayer | SampleSpaceLayer]) -> None:
        self.layers = layers

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the scores (lanes, width, classes) and the inputs of every layer."""
        activations = [inputs]
        for layer in self.layers:
            z = layer.forward(activations[-1])
            activations.append(z.relu_() if layer.layer.rectified else z)
        return activations.pop(), activations

    def descend(self, activations: list[torch.Tensor], gradient: torch.Tensor) -> None:
        """Take one step down, `gradient : (lanes, width, classes)` with respect to the scores."""
        for position in reversed(range(len(self.layers))):
            layer, inputs, outer = self.layers[position], activations[position], gradient
            if position > 0 and isinstance(layer, LaneLayer):
                gradient = layer.backward(outer)
                if self.layers[position - 1].layer.rectified:
                    torch.ops.aten.threshold_backward.grad_input(gradient, inputs, 0, grad_input=gradient)
            layer.descend(inputs, outer)
