"""What a kernel is given and what it gives: jobs in, outputs out, and the rule by which jobs form chunks.

A job is pure: its output follows from its fields alone. A kernel names the *family* of a job: which
function computes it, which jobs it can be computed beside, and why. Chunks are then formed from the list of
jobs by one rule, the same for all kernels (`form_chunks`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.learning.kernels.joint_job import JointJob, JointOutput
from testbed.learning.kernels.workspace import workspace
from testbed.learning.task import LearningTask, State

__all__ = [
    "Chunk",
    "EvaluationJob",
    "EvaluationOutput",
    "Family",
    "GradientJob",
    "GradientOutput",
    "Job",
    "JointJob",
    "JointOutput",
    "Kernel",
    "Output",
    "TrainingJob",
    "TrainingOutput",
    "distance",
    "euclidean_norm",
    "evaluation_family",
    "form_chunks",
]

# Entries summed at once: they stay in the first cache, and the library sums them on one thread.
_BLOCK: Final = 8192
# As many blocks are subtracted at once: every call costs, and what is larger leaves the caches.
_BLOCKS: Final = 8


def _frozen_state(task: LearningTask, parameters: State) -> None:
    """Check a job's state and make it read-only: a change before it is computed would rewrite history."""
    if parameters.dtype != np.float32 or parameters.shape != (task.layout.size,):
        found = f"{parameters.dtype} {parameters.shape}"
        raise ValueError(f"parameters must be float32 ({task.layout.size},), got {found}")
    parameters.setflags(write=False)


def _check_batches(task: LearningTask, samples: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
    """Check minibatches: as many valid samples in each row as it says, and no more columns than the task allows."""
    valid = counts.tolist()  # mostly a few: NumPy takes longer for its call
    if not 1 <= min(valid) <= max(valid) <= samples.shape[1] <= task.batch_width:
        raise ValueError(f"batches of {counts} in {samples.shape[1]} columns, the task allows {task.batch_width}")


def euclidean_norm(vector: State) -> float:
    """Return the Euclidean norm, by blocks."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.sqrt(_plus_squares(0.0, vector))


def distance(task: LearningTask, new: State, old: State) -> float:
    """Return the Euclidean norm of new minus old, states of a task or parts of them."""
    # What is larger than a block the system would provide anew, page by page.
    size = min(max(len(new), 1), _BLOCKS * _BLOCK)
    total, room = 0.0, np.empty(size, np.float32) if size <= _BLOCK else workspace(task, "difference", (size,)).numpy()
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged job says so when it is read
        for start in range(0, len(new), len(room)):
            ours = new[start : start + len(room)]
            update = np.subtract(ours, old[start : start + len(room)], out=room[: len(ours)])
            total = _plus_squares(total, update)
        return math.sqrt(total)


def _plus_squares(total: float, vector: State) -> float:
    """Return `total` and the squares of all entries, a block at a time."""
    whole = len(vector) // _BLOCK * _BLOCK
    if whole:
        blocks, vector = vector[:whole].reshape(-1, _BLOCK), vector[whole:]
        for square in np.vecdot(blocks, blocks).tolist():
            total += square
    return total + float(np.dot(vector, vector))


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingJob:
    """One client's local training, fixed at the moment it starts.

    Attributes
    ----------
    task : what is trained.
    client, index : whose job, and its how-manieth.
    base_version : the global version it starts from.
    parameters : (num_entries,) float32, that version's state; made read-only.
    samples : (num_rows, width) int64, minibatches as indices into the training set, padded on the right;
        one row if every step takes the same batch, else a row a step.
    counts : (num_rows,) int64, how many samples of a row are valid.
    num_steps : optimiser steps, at least 1.
    torch_seed : seeds what the model's forward draws.
    proximal_weight : mu of the proximal term that the objective contains, 0 for none; see
        `OptimizerSettings`.
    first_step : how many steps the client had taken before, where steps are counted through; see
        `Segments.next_segment`.
    optimizer_state : (num_state,) float32, the optimiser's state at the first step, made read-only; None: plain SGD
        that starts without momentum, at the task's learning rate.
    learning_rates : (num_steps,) float64, the rate of each step; there exactly if there is a state.
    """

    task: LearningTask
    client: int
    index: int
    base_version: int
    parameters: State
    samples: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    num_steps: int
    torch_seed: int
    proximal_weight: float = 0.0
    first_step: int = 0
    optimizer_state: State | None = None
    learning_rates: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _frozen_state(self.task, self.parameters)
        num_rows, _ = self.samples.shape
        if self.num_steps < 1 or num_rows not in (1, self.num_steps) or self.counts.shape != (num_rows,):
            found = f"{num_rows} rows, {self.counts.shape} counts and {self.num_steps} steps"
            raise ValueError(f"a job needs one batch for all steps or one a step, got {found}")
        _check_batches(self.task, self.samples, self.counts)
        if self.proximal_weight and self.optimizer_state is None and self.task.is_personal:
            raise ValueError("a proximal term of a personal task needs an optimizer_state: see `stateful`")
        if not 0.0 <= self.proximal_weight < math.inf:
            raise ValueError(f"proximal_weight = {self.proximal_weight!r}: must be at least 0 and finite")
        if self.first_step < 0:
            raise ValueError(f"first_step = {self.first_step}: must be at least 0")
        self._check_optimizer()

    def _check_optimizer(self) -> None:
        state, rates = self.optimizer_state, self.learning_rates
        if (state is None) != (rates is None):
            raise ValueError("a job has both an optimizer_state and learning_rates, or neither")
        if state is None or rates is None:
            if not self.task.optimizer.is_plain:
                raise ValueError("only plain SGD can start without an optimizer_state")
            return
        if state.dtype != np.float32 or state.shape != (self.task.num_state,):
            raise ValueError(
                f"optimizer_state must be float32 ({self.task.num_state},), got {state.dtype} {state.shape}"
            )
        if rates.shape != (self.num_steps,) or not ((rates >= 0) & (rates < math.inf)).all():
            raise ValueError(f"a job of {self.num_steps} steps needs as many learning rates, got {rates}")
        state.setflags(write=False)
        rates.setflags(write=False)

    @property
    def num_samples(self) -> int:
        """Samples that all steps visit together: what the job's cost is proportional to."""
        counts: list[int] = self.counts.tolist()
        return sum(counts) * (self.num_steps // len(counts))

    def samples_after(self) -> npt.NDArray[np.int64]:
        """Return how many samples have been visited when each of the steps is done, (num_steps,)."""
        return np.cumsum(np.broadcast_to(self.counts, self.num_steps))

    def cut(self, num_steps: int) -> "TrainingJob":
        """Return the first `num_steps` steps as a job of their own: the same batches from the same start.

        Raises
        ------
        ValueError : the job does not have so many steps, or none is left.
        """
        if not 1 <= num_steps <= self.num_steps:
            raise ValueError(f"num_steps = {num_steps}: must be 1 to {self.num_steps}, the steps of the job")
        rates = None if self.learning_rates is None else self.learning_rates[:num_steps]
        samples, counts = self.samples[:num_steps], self.counts[:num_steps]
        return replace(self, samples=samples, counts=counts, num_steps=num_steps, learning_rates=rates)


@dataclass(frozen=True, eq=False, kw_only=True)
class GradientJob:
    """One minibatch's gradient at a given state: what a client of data-parallel training computes.

    Attributes
    ----------
    task : what is trained.
    client, index : whose job, and its how-manieth.
    base_version : the global version it starts from.
    parameters : (num_entries,) float32, that version's state; made read-only.
    samples : (1, width) int64, the minibatch as indices into the training set; the first `counts[0]` are valid.
    counts : (1,) int64.
    step : the client's how-manieth step the minibatch is, from 0.
    torch_seed : seeds, with the step, what the model's forward draws.
    """

    task: LearningTask
    client: int
    index: int
    base_version: int
    parameters: State
    samples: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    step: int
    torch_seed: int

    def __post_init__(self) -> None:
        _frozen_state(self.task, self.parameters)
        if self.samples.shape[0] != 1 or self.counts.shape != (1,) or self.step < 0:
            raise ValueError(f"a gradient is that of one minibatch, got {self.samples.shape} at step {self.step}")
        _check_batches(self.task, self.samples, self.counts)

    @property
    def num_samples(self) -> int:
        """Samples that are visited: what the job's cost is proportional to."""
        return int(self.counts[0])


@dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationJob:
    """One version on test samples.

    Attributes
    ----------
    task : what is evaluated.
    version : the global version, for the record.
    parameters : (num_entries,) float32, made read-only.
    samples : (num_samples,) int64, at least one, indices into the test set, made read-only; None: all of it.
    """

    task: LearningTask
    version: int
    parameters: State
    samples: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        _frozen_state(self.task, self.parameters)
        if self.samples is not None:
            if len(self.samples) == 0:
                raise ValueError("an evaluation needs a sample")
            self.samples.setflags(write=False)

    @property
    def num_samples(self) -> int:
        """Samples that are visited: what the job's cost is proportional to."""
        return len(self.task.test_labels) if self.samples is None else len(self.samples)


@dataclass(frozen=True, eq=False)
class TrainingOutput:
    """What a job learnt.

    Attributes
    ----------
    parameters : (num_entries,) float32, read-only.
    train_loss : mean loss of the first minibatch before the first step [nat].
    update_norm : Euclidean norm of new minus old.
    optimizer_state : (num_state,) float32, read-only, the optimiser's after the last step; None where the job had none.
    gradient_norm : Euclidean norm of the last step's gradient of what is exchanged, before clipping and weight decay,
        with a proximal term; None where the job brought no state of its optimiser.
    """

    parameters: State
    train_loss: float
    update_norm: float
    optimizer_state: State | None = None
    gradient_norm: float | None = None

    @classmethod
    def of(
        cls,
        job: TrainingJob,
        parameters: State,
        train_loss: float,
        optimizer_state: State | None = None,
        gradient_norm: float | None = None,
        update_norm: float | None = None,
    ) -> "TrainingOutput":
        """Return the output of a job that ended with these vectors; they are made read-only.

        `update_norm` : given by a kernel that knows it without looking at all entries again.
        """
        parameters.setflags(write=False)
        if optimizer_state is not None:
            optimizer_state.setflags(write=False)
        norm = distance(job.task, parameters, job.parameters) if update_norm is None else update_norm
        return cls(parameters, train_loss, norm, optimizer_state, gradient_norm)


@dataclass(frozen=True, eq=False)
class GradientOutput:
    """The gradient of the mean loss of a minibatch.

    Attributes
    ----------
    gradient : (num_entries,) float32, read-only; zero for what training does not change by gradient.
    train_loss : that mean loss [nat].
    gradient_norm : Euclidean norm of the gradient.
    """

    gradient: State
    train_loss: float
    gradient_norm: float

    @classmethod
    def of(cls, gradient: State, train_loss: float) -> "GradientOutput":
        """Return the output with this gradient; it is made read-only."""
        gradient.setflags(write=False)
        return cls(gradient, train_loss, euclidean_norm(gradient))


@dataclass(frozen=True, eq=False)
class EvaluationOutput:
    """How good a version is on the test set.

    Attributes
    ----------
    loss : mean loss [nat].
    num_correct, num_samples : (num_classes,) int64, test samples (of language: tokens) of each class: told rightly, and
        all.
    """

    loss: float
    num_correct: npt.NDArray[np.int64]
    num_samples: npt.NDArray[np.int64]


Job: TypeAlias = TrainingJob | GradientJob | EvaluationJob | JointJob
Output: TypeAlias = TrainingOutput | GradientOutput | EvaluationOutput | JointOutput | None


@dataclass(frozen=True)
class Family:
    """Jobs that may be computed side by side, and how.

    Attributes
    ----------
    task : the task of all its jobs.
    name : shown in the records, and part of the family's identity.
    compute : returns the outputs of a chunk, in the order of its jobs.
    max_jobs : the most jobs of a chunk.
    min_lanes : the fewest lanes of a chunk: a smaller one is padded.
    reason : why this arithmetic was chosen.
    """

    task: LearningTask
    name: str
    compute: Callable[["Chunk"], Sequence[Output]]
    max_jobs: int
    min_lanes: int
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Jobs of one family that are computed in one go; `positions` are their places in the whole list."""

    family: Family
    positions: tuple[int, ...]
    jobs: tuple[Job, ...]

    @property
    def num_lanes(self) -> int:
        """Jobs and padding."""
        return max(len(self.jobs), self.family.min_lanes)

    def compute(self) -> list[Output]:
        """Return the outputs, in the order of the jobs."""
        return list(self.family.compute(self))


class Kernel(Protocol):
    """The arithmetic of jobs.

    `computes` is false for a kernel whose outputs mean nothing (a dry run): nobody should report them.
    """

    @property
    def kind(self) -> str: ...

    @property
    def computes(self) -> bool: ...

    def family(self, job: Job) -> Family:
        """Return the family of a job: a function of the job alone."""
        ...


def evaluation_family(task: LearningTask, compute: Callable[[Chunk], Sequence[Output]]) -> Family:
    """Return the family of the evaluations of a task: one version at a time, all in one chunk."""
    return Family(task, f"{task.name}/evaluate", compute, 2**62, 1, "one version at a time on the whole test set")


def form_chunks(jobs: Sequence[Job], kernel: Kernel) -> list[Chunk]:
    """Return the jobs in chunks: a function of the list and the kernel alone.

    Families stand in the order of their first job. Within a family jobs with more steps stand first, then
    those submitted first; the sequence is cut into as few chunks of at most `max_jobs` as will do, no two of
    which differ by more than one job, so that none is left with a few.
    """
    members: dict[Family, list[int]] = {}
    for position, job in enumerate(jobs):
        members.setdefault(kernel.family(job), []).append(position)
    chunks: list[Chunk] = []
    for family, positions in members.items():
        ordered = sorted(positions, key=lambda position: -_num_steps(jobs[position]))
        num_chunks = -(-len(ordered) // family.max_jobs)
        borders = [len(ordered) * number // num_chunks for number in range(num_chunks + 1)]
        for start, stop in pairwise(borders):
            cut = ordered[start:stop]
            chunks.append(Chunk(family, tuple(cut), tuple(jobs[position] for position in cut)))
    return chunks


def _num_steps(job: Job) -> int:
    return job.num_steps if isinstance(job, TrainingJob) else 0
