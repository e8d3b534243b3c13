"""Any model that allows it: `torch.func.vmap` of its own gradient over stacked states.

The lanes of every matrix should start on 64 bytes, or the bits of a job would depend on its lane (`lane_layer`
tells why); and element-wise functions treat the last few numbers of a tensor differently. So batches are
padded to a multiple of 32 samples, and a model whose matrices are not a multiple of 16 numbers is not
computed here.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from testbed.learning.kernels.lane_layer import ALIGNED_ENTRIES
from testbed.learning.kernels.lanes import MIN_LANES, LaneBatches, lanes_of, shared_by_lanes, stretches
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask, State
from testbed.learning.traits import lane_loss

__all__ = ["MOST_ENTRIES", "misaligned_tensor", "vmap_family"]

# A larger model keeps the processor busy alone, and vmap only moves its lanes through memory.
MOST_ENTRIES: Final = 80_000

_WIDTH_MULTIPLE: Final = 32

# Parameters, gradients and activations of a chunk.
_CHUNK_BYTES: Final = 32e6

_Tensors = dict[str, torch.Tensor]


def misaligned_tensor(task: LearningTask) -> str:
    """Return the first matrix whose size is not a multiple of 16 numbers; empty if there is none."""
    sizes = ((slot.name, len(slot.shape), slot.stop - slot.start) for slot in task.layout)
    return next((name for name, rank, size in sizes if rank > 1 and size % ALIGNED_ENTRIES), "")


def vmap_family(task: LearningTask, width: int, proximal_weight: float = 0.0) -> Family:
    """Return the family of the jobs of a model without a closed form on its device, whose batches are `width` wide.

    `proximal_weight` : of their objective; with it a lane also holds the parameters it started from.
    """
    num_states = 4 if proximal_weight else 3
    obstacle = "its closed form is arithmetic of the CPU" if task.traits.layers else "no closed form"
    lane_bytes = 4 * (num_states * task.layout.size + 2 * _padded(width) * task.traits.saved_entries_per_sample)
    return Family(
        task,
        f"{task.name}/train/vmap/{shared_by_lanes(width, proximal_weight)}",
        _train_lanes,
        max_jobs=max(MIN_LANES, int(_CHUNK_BYTES // lane_bytes)),
        min_lanes=MIN_LANES,
        reason=f"{obstacle}: batched by torch.func",
    )


def _train_lanes(chunk: Chunk) -> Sequence[Output]:
    lanes = lanes_of(chunk)
    task = chunk.family.task
    batches = LaneBatches(lanes, min_width=_padded(lanes[0].samples.shape[1]))
    state = _load(task, lanes)
    trained = {name: state.pop(name) for name in task.trainable}
    velocities: _Tensors = {}
    proximal_weight = lanes[0].proximal_weight
    bases = {name: tensor.clone() for name, tensor in trained.items()} if proximal_weight else {}
    task.load(lanes[0].parameters)  # the template supplies what does not travel
    gradient_and_loss = torch.func.vmap(torch.func.grad_and_value(lane_loss(task.model)))
    results = [lend_state(task) for _ in lanes]
    losses = np.empty(0, dtype=np.float32)
    for first, stop, alive, going_on in stretches([job.num_steps for job in lanes]):
        num_lanes = max(alive, MIN_LANES)
        active, fixed, moving, start = (_prefix(tensors, num_lanes) for tensors in (trained, state, velocities, bases))
        for step in range(first, stop):
            if step == first or len(batches) > 1:
                row = min(step, len(batches) - 1)
                batch = (batches.inputs(row, num_lanes), batches.labels(row, num_lanes), batches.masks(row, num_lanes))
            gradients, loss = gradient_and_loss(active, fixed, *batch)
            if step == 0:
                losses = loss.cpu().numpy()
            _descend(active, moving, gradients, task.optimizer, start, proximal_weight)
        velocities = moving
        _store(task, results, trained | state, going_on, alive)
    return [
        TrainingOutput.of(job, results[lane], float(losses[lane])) for lane, job in enumerate(lanes[: len(chunk.jobs)])
    ]


def _load(task: LearningTask, lanes: Sequence[TrainingJob]) -> _Tensors:
    """Return the lanes' states as tensors (num_lanes, *shape) by name."""
    stacked = torch.from_numpy(np.stack([job.parameters for job in lanes])).to(task.device)
    # Copied into memory of PyTorch's own, which is aligned.
    views = {slot.name: stacked[:, slot.start : slot.stop].reshape(len(lanes), *slot.shape) for slot in task.layout}
    return {name: view.clone(memory_format=torch.contiguous_format) for name, view in views.items()}


def _store(task: LearningTask, results: Sequence[State], tensors: _Tensors, first: int, stop: int) -> None:
    for slot in task.layout:
        rows = tensors[slot.name].reshape(len(results), -1).cpu().numpy()
        for lane in range(first, stop):
            results[lane][slot.start : slot.stop] = rows[lane]


def _prefix(tensors: _Tensors, num_lanes: int) -> _Tensors:
    return {name: tensor[:num_lanes] for name, tensor in tensors.items()}


def _descend(
    active: _Tensors,
    velocities: _Tensors,
    gradients: _Tensors,
    optimizer: OptimizerSettings,
    bases: _Tensors,
    proximal_weight: float,
) -> None:
    """Take one step in place; see `OptimizerSettings` for the equation. Without a proximal term `bases` is empty."""
    for name, tensor in active.items():
        gradient = gradients[name]
        if optimizer.weight_decay:
            gradient = gradient.add(tensor, alpha=optimizer.weight_decay)
        if bases:
            gradient = gradient.add(tensor - bases[name], alpha=proximal_weight)
        if optimizer.momentum:
            velocity = velocities.get(name)
            gradient = gradient if velocity is None else velocity.mul_(optimizer.momentum).add_(gradient)
            velocities[name] = gradient
        tensor.add_(gradient, alpha=-optimizer.learning_rate)


def _padded(width: int) -> int:
    return -(-width // _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE
