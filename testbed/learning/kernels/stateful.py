"""Jobs whose optimiser has a state, and gradients: one at a time, on one flat vector of trained entries.

A step is a forward and a backward pass of the template, the gradients written side by side, one pass of the optimiser
over them (`FlatOptimizer`), and the entries copied back into the template. What the forward draws is seeded by step, so
that training cut into several jobs meets the same luck as in one.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from testbed.errors import RunFailure
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import (
    GradientJob,
    GradientOutput,
    TrainingJob,
    TrainingOutput,
    euclidean_norm,
)
from testbed.learning.loss import mean_loss
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded
from testbed.streams import Purpose, stream

__all__ = ["forward", "gradient_of", "luck_seed", "train_with_state"]


def forward(model: nn.Module, inputs: Any, job: TrainingJob | GradientJob) -> Any:
    """Return what the model says of a minibatch.

    Raises
    ------
    RunFailure : the model cannot take it; the message names the client and the round.
    """
    try:
        return model(inputs)
    except (RuntimeError, ValueError) as error:  # such as batch normalisation of a single sample
        where = f"client {job.client} in round {job.base_version}"
        raise RunFailure(f"{where}: the model fails on a batch of {len(inputs)} samples: {error}") from error


def train_with_state(job: TrainingJob) -> TrainingOutput:
    """Return the output of a job that brings the state of its optimiser, with the state after it."""
    task, descent = job.task, job.task.descent
    assert job.optimizer_state is not None and job.learning_rates is not None
    model = task.load(job.parameters)
    descent.load([job.parameters[run] for run in task.trained], job.optimizer_state)
    base = descent.parameters.clone() if job.proximal_weight else None
    held = task.trained_is_exchanged
    tensors = task.trainable_tensors
    places = _places(descent.parameters, tensors)
    batches = _batches(job)
    first_loss = gradient_norm = 0.0
    for step, rate in enumerate(job.learning_rates.tolist()):
        if step < len(batches):
            inputs, labels = task.train_inputs[batches[step]], task.train_labels[batches[step]]
        with _luck(task, job.torch_seed, job.first_step + step):
            loss = mean_loss(forward(model, inputs, job), labels)
        if step == 0:
            first_loss = loss.item()
        torch.cat(_gradients(loss, tensors), out=descent.gradient)
        if base is not None:
            pull = descent.parameters - base
            # What stays with the client has no global model that it could be held to.
            descent.gradient.add_(pull * held if task.is_personal else pull, alpha=job.proximal_weight)
        if step == job.num_steps - 1:
            exchanged = descent.gradient * held if task.is_personal else descent.gradient
            gradient_norm = euclidean_norm(exchanged.cpu().numpy())
        descent.step(rate)
        with torch.no_grad():
            for tensor, place in zip(tensors, places, strict=True):
                tensor.copy_(place)
    return TrainingOutput.of(job, task.unload(lend_state(task)), first_loss, descent.state(), gradient_norm)


def gradient_of(job: GradientJob) -> GradientOutput:
    """Return the gradient of a minibatch's mean loss at the job's parameters."""
    task = job.task
    model = task.load(job.parameters)
    (batch,) = _batches(job)
    with _luck(task, job.torch_seed, job.step):
        loss = mean_loss(forward(model, task.train_inputs[batch], job), task.train_labels[batch])
    gradient = np.zeros(task.layout.size, dtype=np.float32)
    pieces = torch.cat(_gradients(loss, task.trainable_tensors)).cpu().numpy()
    stop = 0
    for run in task.trained:
        start, stop = stop, stop + run.stop - run.start
        gradient[run] = pieces[start:stop]
    return GradientOutput.of(gradient, loss.item())


def _batches(job: TrainingJob | GradientJob) -> list[torch.Tensor]:
    samples = torch.from_numpy(job.samples).to(job.task.device)
    return [row[:count] for row, count in zip(samples, job.counts.tolist(), strict=True)]


def _gradients(loss: torch.Tensor, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the flat gradient of each tensor; zeros where the loss does not depend on it."""
    found = cast(Sequence[torch.Tensor | None], torch.autograd.grad(loss, tensors, allow_unused=True))
    return [
        torch.zeros(tensor.numel(), device=tensor.device) if gradient is None else gradient.reshape(-1)
        for tensor, gradient in zip(tensors, found, strict=True)
    ]


def _places(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the views of a flat vector that have the shapes of these tensors, one after another."""
    ends = np.cumsum([tensor.numel() for tensor in tensors])[:-1]
    pieces = flat.tensor_split(ends.tolist())
    return [piece.view(tensor.shape) for piece, tensor in zip(pieces, tensors, strict=True)]


def _luck(task: LearningTask, torch_seed: int, step: int) -> AbstractContextManager[None]:
    """Return the scope of a forward; the global generator is only entered where it would be drawn from."""
    if not task.traits.draws:
        return nullcontext()
    return seeded(luck_seed(torch_seed, step))


def luck_seed(torch_seed: int, step: int) -> int:
    """Return what seeds the forward of a step of a job whose optimiser has a state."""
    return int(stream(torch_seed, Purpose.TRAIN, step).integers(2**63))
