"""The workload: what the clients of a run hold and train, and what one job of theirs costs.

A world asks it for jobs and prices; it does not care what is learnt. There are two ways to train:

- whole jobs (`next_job`): every one starts afresh, its length is planned, and its luck is addressed by client and by
  the count of that client's jobs;
- segments (`next_segment`) and single gradients (`next_gradient`): a client's steps are counted through, it keeps its
  optimiser's state, and luck is addressed by client and step.

Luck never depends on time, so not on what others do.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.cost import TrainingCost
from testbed.learning.evaluation import NO_VIEWS, Evaluator
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.jobs import GradientJob, Jobs, TrainingJob
from testbed.learning.learning_rate import LearningRate
from testbed.learning.minibatches import BatchPlan, MinibatchSequence, make_training_job
from testbed.learning.partition import label_distance
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream

__all__ = ["Watch", "Workload"]


class Watch(Protocol):
    """Whoever is told of every global version; see `Evaluator.commit`."""

    def __call__(self, version: int, time_s: float, parameters: State, views: Mapping[str, State] = NO_VIEWS) -> None:
        """Take note of a version and of further parameter vectors that belong to it."""
        ...


class Workload:
    """Task, shards, cost and the queue of jobs of one run.

    Parameters
    ----------
    task : model, loss, optimiser and data.
    shards : for each client the indices of its training samples.
    label_histograms : (num_clients, num_classes) sample counts.
    plan : how many steps of what batch a job takes.
    cost : FLOP and bytes of a training step.
    learning_rate : the rate of each step; None: that of the task, constant.
    data_dir : the folder in which data sets lie, for a world that reads files itself; None if there is none.

    `watch(version, time_s, parameters, views)` is told of every global version; by default that is the evaluator.
    `optimizer` makes the steps of a job for whoever holds a gradient.
    `sources` are the SHA-256 of the files that were read, by name; those of the data set are added by who builds this.
    `horizon_rounds` is the version with which the run ends, infinity if only time ends it.
    """

    def __init__(
        self,
        root_seed: int,
        task: LearningTask,
        shards: Sequence[npt.NDArray[np.int64]],
        label_histograms: npt.NDArray[np.int64],
        plan: BatchPlan,
        cost: TrainingCost,
        jobs: Jobs,
        evaluator: Evaluator,
        learning_rate: LearningRate | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self.root_seed = root_seed
        self.task = task
        self.shards = shards
        self.label_histograms = label_histograms
        self.plan = plan
        self.cost = cost
        self.jobs = jobs
        self.evaluator = evaluator
        self.watch: Watch = evaluator.commit
        self.optimizer = InnerOptimizer(task, learning_rate or LearningRate(task.optimizer.learning_rate))
        self.data_dir = data_dir
        self.sources: dict[str, str] = {}
        self.horizon_rounds: float = math.inf
        self.data_sizes = np.array([len(shard) for shard in shards], dtype=np.int64)
        self.initial_state = task.initial_state()
        self.num_entries = len(self.initial_state)
        self.label_distances = label_distance(label_histograms)
        self.peak_bytes = cost.peak_bytes(task.batch_width)
        self._jobs_made = [0] * len(shards)
        self._sequences: dict[int, MinibatchSequence] = {}
        self._torch_seeds: dict[int, int] = {}

    def add_sources(self, sources: Mapping[str, str]) -> None:
        """Have the record state files that were read: SHA-256 in hexadecimal by file name.

        Raises
        ------
        RequestError : two files of one name and different content.
        """
        for name, digest in sources.items():
            if self.sources.setdefault(name, digest) != digest:
                raise RequestError(
                    f"two different files named {name!r} are read: rename one, so that the record is clear"
                )

    @property
    def step_flop(self) -> npt.NDArray[np.float64]:
        """FLOP of one step of a segment, or of one gradient, of each client, `(num_clients,)`."""
        return np.array([self.cost.flop(self.plan.width(int(n))) for n in self.data_sizes])

    @property
    def job_flop(self) -> npt.NDArray[np.float64]:
        """FLOP of one job of each client, `(num_clients,)`: proportional to steps times batch."""
        return np.array([self.cost.flop(self.plan.samples_per_job(int(n))) for n in self.data_sizes])

    def label_distance_of(self, clients: Sequence[int]) -> float:
        """Return the L1 distance of the pooled label mix of `clients` from the global one, 0 to 2."""
        pooled = self.label_histograms[list(clients)].sum(axis=0, keepdims=True)
        return float(label_distance(pooled, self.label_histograms.sum(axis=0))[0])

    def next_job(self, client: int, base_version: int, base: State, proximal_weight: float = 0.0) -> TrainingJob:
        """Return the client's next training job, started from the model `base : (num_entries,)`.

        All its steps have the learning rate of `base_version`: our choice is that schedules go by global versions, and
        that every job starts from an optimiser's state of zeros.

        `proximal_weight` : mu, by which the objective holds the client to that model.
        """
        optimizer, rates = self.task.optimizer, self.optimizer.learning_rate
        rate = None if optimizer.is_plain and rates.is_constant else rates.rate(base_version)
        index, shard = self._next_index(client), self.shards[client]
        return make_training_job(
            self.task, client, index, base_version, base, shard, self.plan, self.root_seed, proximal_weight, rate
        )

    def next_segment(
        self,
        client: int,
        base_version: int,
        parameters: State,
        optimizer_state: State | None,
        first_step: int,
        num_steps: int,
    ) -> TrainingJob:
        """Return the client's steps `first_step` to `first_step + num_steps`, counted from 0, as a job.

        Minibatch, learning rate and luck of a step are the same however the steps are cut into jobs: one job of n steps
        and n jobs of one, each started where the one before ended, have the same bits under one kernel.

        Parameters
        ----------
        client, base_version : whose job, and the global version it goes on from, for the record.
        parameters : (num_entries,) float32, the client's state; made read-only.
        optimizer_state : (num_state,) float32, from the job before or `optimizer.start()`; made read-only. None: zeros.
        first_step, num_steps : which steps; at least one.
        """
        samples, counts = self._sequence(client).rows(first_step, num_steps)
        return TrainingJob(
            task=self.task,
            client=client,
            index=self._next_index(client),
            base_version=base_version,
            parameters=parameters,
            samples=samples,
            counts=counts,
            num_steps=num_steps,
            torch_seed=self._torch_seed(client),
            first_step=first_step,
            optimizer_state=self.optimizer.start() if optimizer_state is None else optimizer_state,
            learning_rates=self.optimizer.learning_rate.rates(first_step, num_steps),
        )

    def next_gradient(self, client: int, base_version: int, parameters: State, step: int) -> GradientJob:
        """Return the gradient of the client's minibatch of `step` at `parameters : (num_entries,)`, as a job.

        It is the minibatch, and the luck, of that step of a segment.

        Raises
        ------
        RequestError : a model with running statistics, which a gradient does not carry.
        """
        if self.task.traits.changes_buffers:
            raise RequestError("the model keeps running statistics, which gradients alone do not carry to the others")
        samples, counts = self._sequence(client).rows(step, 1)
        return GradientJob(
            task=self.task,
            client=client,
            index=self._next_index(client),
            base_version=base_version,
            parameters=parameters,
            samples=samples,
            counts=counts,
            step=step,
            torch_seed=self._torch_seed(client),
        )

    def _next_index(self, client: int) -> int:
        self._jobs_made[client] += 1
        return self._jobs_made[client] - 1

    def _sequence(self, client: int) -> MinibatchSequence:
        """Return the client's minibatches; epoch e's order is drawn from stream (MINIBATCH, client, e)."""
        if client not in self._sequences:
            shard, root_seed = self.shards[client], self.root_seed

            def order_of(epoch: int) -> npt.NDArray[np.int64]:
                return stream(root_seed, Purpose.MINIBATCH, client, epoch).permutation(shard)

            self._sequences[client] = MinibatchSequence(shard, self.plan.width(len(shard)), order_of)
        return self._sequences[client]

    def _torch_seed(self, client: int) -> int:
        """Return what, with the step, seeds a forward that draws, from stream (MINIBATCH, client)."""
        if client not in self._torch_seeds:
            drawn = stream(self.root_seed, Purpose.MINIBATCH, client).integers(2**63)
            self._torch_seeds[client] = int(drawn)
        return self._torch_seeds[client]

    def flop_of(self, job: TrainingJob | GradientJob) -> float:
        """Return what the job costs [FLOP]."""
        return self.cost.flop(job.num_samples)

    def part_done(self, job: TrainingJob, flop: float) -> TrainingJob | None:
        """Return the job of those whole steps that `flop` operations pay for; None if not one [FLOP]."""
        # A billionth more, because the operations of a stopped job are the rounded product of a time and a speed.
        affordable = flop * (1.0 + 1e-9) / self.cost.flop_per_sample
        num_steps = int(np.searchsorted(job.samples_after(), affordable, side="right"))
        return job.cut(num_steps) if num_steps else None
