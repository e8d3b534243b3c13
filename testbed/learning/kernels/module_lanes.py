"""Modules that compute several states of themselves side by side: many clients' steps in one pass of the model.

The module says what a pass computes (`LaneModule`); here is what a job is besides: minibatches of unequal sizes,
unequal numbers of steps, luck by step, the proximal term, and one optimiser a lane, stepping as `stateful` does. A
lane has the bits of the same job alone, which is why a chunk of one job is computed by the serial kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import torch

from testbed.learning.device import upload
from testbed.learning.kernels.evaluation import evaluate, evaluation_output, kept_inputs
from testbed.learning.kernels.lanes import stretches
from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    Family,
    Output,
    TrainingJob,
    TrainingOutput,
    euclidean_norm,
)
from testbed.learning.kernels.serial import serial_family, train
from testbed.learning.kernels.stateful import luck_seed
from testbed.learning.lane_module import LaneModule, Lanes
from testbed.learning.loss import sample_losses
from testbed.learning.optimizer import FlatOptimizer
from testbed.learning.task import LearningTask

__all__ = ["evaluation_lanes_family", "lanes_obstacle", "module_lanes_family"]

_REASON: Final = "the module computes several states of itself side by side"
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
        reason=_REASON,
    )


def evaluation_lanes_family(job: EvaluationJob) -> Family | None:
    """Return the family of an evaluation that can lie in a lane; None for any other.

    Chunks are of evaluations on about as many samples: up to the same power of two.
    """
    task, offer = job.task, _offer(job.task)
    if offer.module is None or job.samples is None:
        return None
    width = 1 << (len(job.samples) - 1).bit_length()
    if width not in offer.test_obstacles:
        offer.test_obstacles[width] = offer.module.lane_obstacle(task.test_inputs, width)
    own = None if offer.test_obstacles[width] else offer.module.lane_family(task.test_inputs, job.samples)
    if own is None:
        return None
    return Family(
        task,
        "/".join(word for word in (task.name, "evaluate/lanes", own, str(width)) if word),
        _evaluate_lanes,
        max_jobs=offer.module.most_lanes(task.test_inputs, width),
        min_lanes=1,
        reason=_REASON,
    )


@dataclass(eq=False)
class _Offer:
    """What a task's module offers, and the room that its chunks share."""

    module: LaneModule | None
    obstacle: str | None
    max_jobs: int = 1
    lanes: Lanes | None = None
    room: "_Room | None" = None
    test_obstacles: dict[int, str] = field(default_factory=dict)  # by samples of an evaluation, rounded up

    def lanes_for(self, task: LearningTask, num_jobs: int) -> tuple[Lanes, "_Room"]:
        """Return the lanes, and room for so many jobs at least."""
        assert self.module is not None
        if self.lanes is None:
            self.lanes = self.module.lanes()
        if self.room is None or len(self.room.optimizers) < num_jobs:
            self.room = _Room(task, num_jobs)
        return self.lanes, self.room


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
    names = [name for name, _ in task.model.named_parameters()]
    if names != list(task.trainable) or task.num_trained != task.layout.size:
        return _Offer(None, "not all of the state is trained")
    obstacle = module.lane_obstacle(task.train_inputs, task.batch_width)
    return _Offer(module, obstacle, module.most_lanes(task.train_inputs, task.batch_width))


class _Room:
    """The parameters, gradients and optimisers of so many lanes.

    Rows start on 64 bytes: matrix libraries choose their arithmetic by the alignment of their operands.
    """

    def __init__(self, task: LearningTask, num_lanes: int) -> None:
        num_trained = task.num_trained
        stride = -(-num_trained // _ALIGNED_ENTRIES) * _ALIGNED_ENTRIES
        self.parameters = torch.zeros(num_lanes, stride, device=task.device)[:, :num_trained]
        self.gradients = torch.zeros(num_lanes, stride, device=task.device)[:, :num_trained]
        rows = zip(self.parameters, self.gradients, strict=True)
        self.optimizers = [FlatOptimizer(task.optimizer, num_trained, *pair) for pair in rows]
        self.generators = [torch.Generator(task.device) for _ in range(num_lanes)]


def _train_lanes(chunk: Chunk) -> Sequence[Output]:
    jobs = [job for job in chunk.jobs if isinstance(job, TrainingJob)]
    if len(jobs) < _FEWEST_JOBS:
        return [train(job) for job in jobs]
    task, offer = chunk.family.task, _offer(chunk.family.task)
    try:
        return _Training(task, offer, jobs).outputs()
    except (RuntimeError, ValueError):
        for job in jobs:  # who cannot be computed is told by name
            train(job)
        raise


class _Training:
    """The jobs of a chunk, longest first, one a lane."""

    def __init__(self, task: LearningTask, offer: _Offer, jobs: Sequence[TrainingJob]) -> None:
        assert offer.module is not None
        self.task, self.module, self.jobs = task, offer.module, jobs
        self.lanes, self.room = offer.lanes_for(task, len(jobs))
        for job, optimizer in zip(jobs, self.room.optimizers, strict=False):
            state = np.zeros(task.num_state, dtype=np.float32) if job.optimizer_state is None else job.optimizer_state
            optimizer.load([job.parameters], state)
        constant = task.optimizer.learning_rate
        self.rates = [
            [constant] * job.num_steps if job.learning_rates is None else job.learning_rates.tolist() for job in jobs
        ]
        self.bases = [
            optimizer.parameters.clone() if job.proximal_weight else None
            for job, optimizer in zip(jobs, self.room.optimizers, strict=False)
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
            lots.append(torch.from_numpy(job.samples[row, : job.counts[row]]).to(self.task.device))
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
            self.gradient_norms[lane] = euclidean_norm(exchanged.cpu().numpy())
        optimizer.step(self.rates[lane][step])

    def _output(self, lane: int, first_loss: float) -> TrainingOutput:
        job, optimizer = self.jobs[lane], self.room.optimizers[lane]
        state = None if job.optimizer_state is None else optimizer.state()
        parameters = optimizer.parameters.cpu().numpy().copy()
        return TrainingOutput.of(job, parameters, first_loss, state, self.gradient_norms[lane])


def _evaluate_lanes(chunk: Chunk) -> Sequence[Output]:
    jobs = [job for job in chunk.jobs if isinstance(job, EvaluationJob)]
    if len(jobs) < _FEWEST_JOBS:
        return evaluate(chunk)
    task, offer = chunk.family.task, _offer(chunk.family.task)
    assert offer.module is not None
    module = offer.module
    lanes, room = offer.lanes_for(task, len(jobs))
    for job, row in zip(jobs, room.parameters, strict=False):
        upload([job.parameters], row)
    samples = [job.samples for job in jobs if job.samples is not None]
    lots = [torch.tensor(own, device=task.device) for own in samples]
    inputs = kept_inputs(task).get(samples, lambda: module.lane_inputs(task.test_inputs, lots))
    sizes, labels = [len(lot) for lot in lots], task.test_labels[torch.cat(lots)]
    scores = lanes.scores(room.parameters[: len(jobs)], inputs)
    parts = (
        torch.split(tensor, sizes) for tensor in (sample_losses(scores, labels), scores.argmax(-1) == labels, labels)
    )
    return [evaluation_output(task, [loss], [hit], own) for loss, hit, own in zip(*parts, strict=True)]
