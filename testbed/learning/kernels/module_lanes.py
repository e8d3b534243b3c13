"""Modules that compute several states of themselves side by side: many clients' steps in one pass of the model.

The module says what a pass computes (`LaneModule`); here is what a job is besides: minibatches of unequal sizes,
unequal numbers of steps, luck by step, the proximal term, and one optimiser a lane, stepping as `stateful` does. A
lane has the bits of the same job alone, which is why a chunk of one job is computed by the serial kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import torch

from testbed.learning.kernels.lanes import stretches
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput, euclidean_norm
from testbed.learning.kernels.serial import serial_family, train
from testbed.learning.kernels.stateful import luck_seed
from testbed.learning.lane_module import LaneModule, Lanes
from testbed.learning.optimizer import FlatOptimizer
from testbed.learning.task import LearningTask

__all__ = ["lanes_obstacle", "module_lanes_family"]

# A lone lane costs more than a plain job.
_FEWEST_JOBS: Final = 2
# Numbers in 64 bytes: where every row begins.
_ALIGNED_ENTRIES: Final = 16


def lanes_obstacle(task: LearningTask) -> str | None:
    """Return why the jobs of a task are computed one at a time, empty if they need not be; None: no offer is made."""
    return _offer(task).obstacle


def module_lanes_family(job: TrainingJob) -> Family:
    """Return the family of a job of a task without obstacle."""
    task, offer = job.task, _offer(job.task)
    assert offer.module is not None
    if job.optimizer_state is None and task.optimizer.weight_decay:
        return serial_family(task, "without a state, weight decay leaves alone what a minibatch does not use")
    own = offer.module.lane_family(task.train_inputs, job.samples.reshape(-1))
    if own is None:
        return serial_family(task, "its minibatches differ in what the lanes of a pass must share")
    words = [own, f"proximal-{job.proximal_weight!r}" if job.proximal_weight else ""]
    words.append("" if job.optimizer_state is None else "state")
    name = "/".join(word for word in ("train/lanes", *words) if word)
    return Family(
        task,
        f"{task.name}/{name}",
        _train_lanes,
        max_jobs=offer.max_jobs,
        min_lanes=1,
        reason="the module computes several states of itself",
    )


@dataclass(eq=False)
class _Offer:
    """What a task's module offers, and the room that its chunks share."""

    module: LaneModule | None
    obstacle: str | None
    max_jobs: int = 1
    lanes: Lanes | None = None
    room: "_Room | None" = None


_offers: WeakKeyDictionary[LearningTask, _Offer] = WeakKeyDictionary()


def _offer(task: LearningTask) -> _Offer:
    offer = _offers.get(task)
    if offer is None:
        offer = _offers[task] = _observe(task)
    return offer


def _observe(task: LearningTask) -> _Offer:
    module = task.model
    if not isinstance(module, LaneModule):
        return _Offer(None, None)
    obstacle = module.lane_obstacle(task.train_inputs, task.batch_width)
    names = [name for name, _ in module.named_parameters()]  # type: ignore[attr-defined]
    if not obstacle and (names != list(task.trainable) or task.num_trained != task.layout.size):
        obstacle = "not all of its state is trained"
    return _Offer(module, obstacle, module.most_lanes(task.train_inputs, task.batch_width))


class _Room:
    """The parameters, gradients and optimisers of so many lanes.

    Rows start on 64 bytes: matrix libraries choose their arithmetic by the alignment of their operands.
    """

    def __init__(self, task: LearningTask, num_lanes: int) -> None:
        num_trained = task.num_trained
        stride = -(-num_trained // _ALIGNED_ENTRIES) * _ALIGNED_ENTRIES
        self.parameters = torch.zeros(num_lanes, stride)[:, :num_trained]
        self.gradients = torch.zeros(num_lanes, stride)[:, :num_trained]
        rows = zip(self.parameters, self.gradients, strict=True)
        self.optimizers = [FlatOptimizer(task.optimizer, num_trained, *pair) for pair in rows]
        self.generators = [torch.Generator() for _ in range(num_lanes)]


def _train_lanes(chunk: Chunk) -> Sequence[Output]:
    jobs = [job for job in chunk.jobs if isinstance(job, TrainingJob)]
    if len(jobs) < _FEWEST_JOBS:
        return [train(job) for job in jobs]
    task, offer = chunk.family.task, _offer(chunk.family.task)
    if offer.room is None or len(offer.room.optimizers) < len(jobs):
        offer.room = _Room(task, len(jobs))
    try:
        return _Training(task, offer, offer.room, jobs).outputs()
    except (RuntimeError, ValueError):
        for job in jobs:  # who cannot be computed is told by name
            train(job)
        raise


class _Training:
    """The jobs of a chunk, longest first, one a lane."""

    def __init__(self, task: LearningTask, offer: _Offer, room: _Room, jobs: Sequence[TrainingJob]) -> None:
        assert offer.module is not None
        if offer.lanes is None:
            offer.lanes = offer.module.lanes()
        self.task, self.module, self.lanes, self.room, self.jobs = task, offer.module, offer.lanes, room, jobs
        for job, optimizer in zip(jobs, room.optimizers, strict=False):
            state = np.zeros(task.num_state, dtype=np.float32) if job.optimizer_state is None else job.optimizer_state
            optimizer.load([job.parameters], state)
        constant = task.optimizer.learning_rate
        self.rates = [
            [constant] * job.num_steps if job.learning_rates is None else job.learning_rates.tolist() for job in jobs
        ]
        self.bases = [
            optimizer.parameters.clone() if job.proximal_weight else None
            for job, optimizer in zip(jobs, room.optimizers, strict=False)
        ]
        self.gradient_norms: list[float | None] = [None] * len(jobs)

    def outputs(self) -> list[Output]:
        """Carry out all steps and return the outputs."""
        first_losses: list[float] = []
        for first, stop, alive, _ in stretches([job.num_steps for job in self.jobs]):
            changes = any(len(job.samples) > 1 for job in self.jobs[:alive])
            for step in range(first, stop):
                if step == first or changes:
                    inputs, labels = self._minibatches(step, alive)
                losses = self.lanes.gradients(
                    self.room.parameters[:alive], inputs, labels, self._luck(step, alive), self.room.gradients[:alive]
                )
                if step == 0:
                    first_losses = losses.tolist()
                for lane in range(alive):
                    self._descend(lane, step)
        return [self._output(lane, loss) for lane, loss in enumerate(first_losses)]

    def _minibatches(self, step: int, alive: int) -> tuple[object, torch.Tensor]:
        """Return the input of a pass over the first `alive` lanes, and the labels."""
        lots = []
        for job in self.jobs[:alive]:
            row = min(step, len(job.samples) - 1)
            lots.append(torch.from_numpy(job.samples[row, : job.counts[row]]))
        inputs = self.module.lane_inputs(self.task.train_inputs, lots)
        return inputs, self.task.train_labels[torch.cat(lots)]

    def _luck(self, step: int, alive: int) -> list[torch.Generator]:
        """Return each lane's generator: seeded by step where the optimiser has a state, else once a job."""
        generators = self.room.generators[:alive]
        if self.task.traits.draws:
            for job, generator in zip(self.jobs, generators, strict=False):
                if job.optimizer_state is not None:
                    generator.manual_seed(luck_seed(job.torch_seed, job.first_step + step))
                elif step == 0:
                    generator.manual_seed(job.torch_seed)
        return generators

    def _descend(self, lane: int, step: int) -> None:
        job, optimizer, base, task = self.jobs[lane], self.room.optimizers[lane], self.bases[lane], self.task
        held = task.trained_is_exchanged
        if base is not None:
            pull = optimizer.parameters - base
            optimizer.gradient.add_(pull * held if task.is_personal else pull, alpha=job.proximal_weight)
        if step == job.num_steps - 1 and job.optimizer_state is not None:
            exchanged = optimizer.gradient * held if task.is_personal else optimizer.gradient
            self.gradient_norms[lane] = euclidean_norm(exchanged.numpy())
        optimizer.step(self.rates[lane][step])

    def _output(self, lane: int, first_loss: float) -> TrainingOutput:
        job, optimizer = self.jobs[lane], self.room.optimizers[lane]
        state = None if job.optimizer_state is None else optimizer.state()
        parameters = optimizer.parameters.numpy().copy()
        return TrainingOutput.of(job, parameters, first_loss, state, self.gradient_norms[lane])
