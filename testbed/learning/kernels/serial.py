"""The reference kernel: one job at a time, as anybody would write it.

The state is loaded into the task's template, and every step is a forward and a backward pass on the valid
samples of one minibatch. No module or optimiser is made anew for a job. Jobs of plain SGD are computed here, those
whose optimiser has a state, and gradients, in `stateful`.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import ClassVar, cast

import torch
from torch import nn

from testbed.learning.kernels.evaluation import evaluate
from testbed.learning.kernels.joint import train_jointly
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    Family,
    GradientJob,
    Job,
    JointJob,
    Output,
    TrainingJob,
    TrainingOutput,
    evaluation_family,
)
from testbed.learning.kernels.stateful import forward, gradient_of, train_with_state
from testbed.learning.loss import sample_losses
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["SerialKernel", "serial_family", "train"]


class SerialKernel(Part):
    """Computes jobs one at a time with PyTorch's own layers and gradients."""

    kind: str = "serial"
    computes: ClassVar[bool] = True

    def family(self, job: Job) -> Family:
        """Return the family of a job: it stands alone."""
        if isinstance(job, EvaluationJob):
            return evaluation_family(job.task, evaluate)
        return serial_family(job.task, "the reference")


def serial_family(task: LearningTask, reason: str) -> Family:
    """Return the family of jobs that are computed one at a time, one a chunk."""
    return Family(task, f"{task.name}/train/serial", _compute_each, max_jobs=1, min_lanes=1, reason=reason)


def _compute_each(chunk: Chunk) -> Sequence[Output]:
    outputs: list[Output] = []
    for job in chunk.jobs:
        if isinstance(job, GradientJob):
            outputs.append(gradient_of(job))
        elif isinstance(job, JointJob):
            outputs.append(train_jointly(job))
        elif isinstance(job, TrainingJob):
            outputs.append(train(job))
    return outputs


def train(job: TrainingJob) -> TrainingOutput:
    """Return the output of a job of training."""
    return _train_plainly(job) if job.optimizer_state is None else train_with_state(job)


def _train_plainly(job: TrainingJob) -> TrainingOutput:
    """Return the output of plain SGD that starts without momentum."""
    task = job.task
    model = task.load(job.parameters)
    descent = _Descent(model, task.optimizer, job.proximal_weight)
    samples = torch.from_numpy(job.samples).to(task.device)
    batches = [row[:count] for row, count in zip(samples, job.counts.tolist(), strict=True)]
    first_loss = 0.0
    # The global generator is only entered where the forward would draw from it.
    with seeded(job.torch_seed) if task.traits.draws else nullcontext():
        for step in range(job.num_steps):
            if step < len(batches):
                inputs, labels = task.train_inputs[batches[step]], task.train_labels[batches[step]]
            loss = sample_losses(forward(model, inputs, job), labels).mean()
            if step == 0:
                first_loss = loss.item()
            descent.step(loss)
    return TrainingOutput.of(job, task.unload(lend_state(task)), first_loss)


class _Descent:
    """Stochastic gradient descent on a module's trainable parameters, as `torch.optim.SGD` does it.

    With a proximal weight mu the gradient of mu / 2 ||w - w_base||^2 is added, w_base the parameters as they are now.
    """

    def __init__(self, model: nn.Module, settings: OptimizerSettings, proximal_weight: float) -> None:
        self.settings = settings
        self.proximal_weight = proximal_weight
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.bases = [p.detach().clone() for p in self.parameters] if proximal_weight else []
        self.velocities: list[torch.Tensor | None] = [None] * len(self.parameters)

    def step(self, loss: torch.Tensor) -> None:
        """Go one step down the gradient of `loss`; a parameter it does not depend on stays as it is."""
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        gradients = cast(Sequence[torch.Tensor | None], found)  # the declaration forgets `allow_unused`
        momentum, weight_decay = self.settings.momentum, self.settings.weight_decay
        with torch.no_grad():
            for position, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
                if gradient is None:
                    continue
                if weight_decay:
                    gradient = gradient.add(parameter, alpha=weight_decay)
                if self.bases:
                    gradient = gradient.add(parameter - self.bases[position], alpha=self.proximal_weight)
                if momentum:
                    velocity = self.velocities[position]
                    gradient = gradient.clone() if velocity is None else velocity.mul_(momentum).add_(gradient)
                    self.velocities[position] = gradient
                parameter.add_(gradient, alpha=-self.settings.learning_rate)
