"""The workload: what the clients of a run hold and train, and what one job of theirs costs.

A world asks it for jobs and prices; it does not care what is learnt. There are two ways to train:

- whole jobs (`next_job`): every one starts afresh, its length is planned, and its luck is addressed by client and by
  the count of that client's jobs;
- segments and single gradients (`segments.py`): a client's steps are counted through, it keeps its optimiser's state,
  and luck is addressed by client and step.

Luck never depends on time, so not on what others do.

A task may be *personal*: some tensors stay with each client. Everything that travels, `initial_state` included, is then
the exchanged part of a state (`LearningTask.exchanged_part`), and each client's own tensors are those its last finished
job left (`keep`).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from testbed.errors import RequestError
from testbed.index import index_of
from testbed.learning.cost import TrainingCost
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.evaluation import NO_MODELS, NO_VIEWS, Evaluator
from testbed.learning.held_out import ClientSplits
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.job_cost import flop_of_job, part_paid_for
from testbed.learning.job_luck import JobLuck, draw_luck_ahead, make_training_job
from testbed.learning.jobs import GradientJob, Handle, Jobs, JointJob, TrainingJob, TrainingOutput
from testbed.learning.learning_rate import LearningRate
from testbed.learning.minibatches import BatchPlan
from testbed.learning.own_tensors import OwnTensors
from testbed.learning.partition import label_distance, sizes_of
from testbed.learning.segments import Segments
from testbed.learning.task import LearningTask, State
from testbed.learning.trials import Trials

__all__ = ["Watch", "Workload"]


class Watch(Protocol):
    """Whoever is told of every global version; see `Evaluator.commit`."""

    def __call__(
        self,
        version: int,
        time_s: float,
        parameters: State,
        views: Mapping[str, State] = NO_VIEWS,
        models: Mapping[int, State] = NO_MODELS,
    ) -> None:
        """Take note of a version and of what else belongs to it; see `Evaluator.commit`."""
        ...


class Workload:
    """Task, shards, cost and the queue of jobs of one run.

    Parameters
    ----------
    data : the samples themselves, for a method that looks at them.
    task : model, loss, optimiser and data.
    shards : for each client the indices of its training samples.
    label_histograms : (num_clients, num_classes) sample counts.
    plan : how many steps of what batch a job takes.
    cost : FLOP and bytes of a training step.
    learning_rate : the rate of each step; None: that of the task, constant.
    data_dir : the folder in which data sets lie, for a world that reads files itself; None if there is none.
    splits : what each client keeps apart from its shard, where clients are tested on samples of their own.
    keeps_optimizer_state : whether a client's next whole job goes on with the state its last one ended with.
    build : returns a module like the task's for a torch seed; None: there is only the one that the task was given.
    own_starts : whether the tensors that stay with clients start alike, or each client's from a draw of its own, of
        stream (MODEL_INITIALISATION, 0, client).

    `watch(version, time_s, parameters, views, models)` is told of every global version; by default that is `commit`.
    `optimizer` makes the steps of a job for whoever holds a gradient.
    `segments` makes the jobs of those who count their steps through.
    `trials` says how good models are on a client's own samples.
    `sources` are the SHA-256 of the files that were read, by name; those of the data set are added by who builds this.
    `horizon_rounds` is the version with which the run ends, infinity if only time ends it.
    """

    def __init__(
        self,
        root_seed: int,
        data: AnyDataset,
        task: LearningTask,
        shards: Sequence[npt.NDArray[np.int64]],
        label_histograms: npt.NDArray[np.int64],
        plan: BatchPlan,
        cost: TrainingCost,
        jobs: Jobs,
        evaluator: Evaluator,
        learning_rate: LearningRate | None = None,
        data_dir: Path | None = None,
        splits: ClientSplits | None = None,
        keeps_optimizer_state: bool = False,
        build: Callable[[int], nn.Module] | None = None,
        own_starts: Literal["alike", "apart"] = "alike",
    ) -> None:
        self.root_seed = root_seed
        self.task = task
        self.shards = shards
        self.label_histograms = label_histograms
        self.plan = plan
        self.cost = cost
        self.jobs = jobs
        self.evaluator = evaluator
        self.watch: Watch = self.commit
        self.optimizer = InnerOptimizer(task, learning_rate or LearningRate(task.optimizer.learning_rate))
        self.data_dir = data_dir
        self.sources: dict[str, str] = {}
        self.horizon_rounds: float = math.inf
        self.data_sizes = sizes_of(shards)
        self.splits = splits
        self.keeps_optimizer_state = keeps_optimizer_state
        self.data = data
        self.initial_state = task.exchanged_part(task.initial_state())
        self.num_entries = len(self.initial_state)  # that travel
        self.label_distances = label_distance(label_histograms)
        self.peak_bytes = cost.peak_bytes(task.batch_width)
        self._jobs_made: Counter[int] = Counter()
        self._luck_ahead: dict[tuple[int, int], JobLuck] = {}  # (client, index) -> of a job not yet made
        self._own = OwnTensors(task, root_seed, build, own_starts)
        self.segments = Segments(task, root_seed, shards, plan, self.optimizer, self._next_index)
        self.trials = Trials(jobs, task, cost, shards, splits, self.state_of)

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
        return self._by_size(lambda size: self.cost.flop(self.plan.width(size)))

    @property
    def job_flop(self) -> npt.NDArray[np.float64]:
        """FLOP of one job of each client, `(num_clients,)`: proportional to steps times batch.

        Where samples differ, that of a job that visits each of the client's samples equally often.
        """
        if self.cost.flop_of_sample is None:
            return self._by_size(lambda size: self.cost.flop(self.plan.samples_per_job(size)))
        passes = [self.plan.samples_per_job(len(shard)) / len(shard) for shard in self.shards]
        return np.array([n * self.cost.flop_of(shard) for n, shard in zip(passes, self.shards, strict=True)])

    def label_distance_of(self, clients: Sequence[int]) -> float:
        """Return the L1 distance of the pooled label mix of `clients` from the global one, 0 to 2."""
        pooled = self.label_histograms[index_of(clients)].sum(axis=0, keepdims=True)
        return float(label_distance(pooled, self.label_histograms.sum(axis=0))[0])

    def next_job(
        self,
        client: int,
        base_version: int,
        base: State,
        proximal_weight: float = 0.0,
        *,
        gradient_norm: bool = False,
        samples: npt.NDArray[np.int64] | None = None,
        batch_size: int | None = None,
        local_steps: int | None = None,
    ) -> TrainingJob:
        """Return the client's next training job, started from the model `base : (num_entries,)`.

        All its steps have the learning rate of `base_version`: our choice is that schedules go by global versions, and
        that every job starts from an optimiser's state of zeros unless the run keeps it. In a personal task the tensors
        that stay with the client are as `state_of` says.

        `proximal_weight` : mu, by which the objective holds the client to that model.
        `gradient_norm` : whether the output must have that of the last step, which costs a batched kernel its speed.
        `samples` : (num_samples,) what is trained on instead of the client's own, for methods that gather data; our
        choice is that batches are then no larger than the largest of a client.
        """
        optimizer, rates, is_personal = self.task.optimizer, self.optimizer.learning_rate, self.task.is_personal
        is_plain = optimizer.is_plain and rates.is_constant
        needs_state = self.keeps_optimizer_state or gradient_norm or (is_personal and proximal_weight > 0)
        rate = rates.rate(base_version) if needs_state or not is_plain else None
        index, start = self._next_index(client), self.state_of(client, base)
        shard, plan = self.shards[client] if samples is None else samples, self.plan
        if plan.width(len(shard)) > self.task.batch_width:
            plan = replace(plan, batch_size=self.task.batch_width)
        if batch_size is not None:
            plan = replace(plan, batch_size=batch_size)
        if local_steps is not None:
            plan = replace(plan, local_steps=local_steps, local_epochs=None)
        state = self._own.optimizer_state_of(client) if self.keeps_optimizer_state else None
        luck = self._luck_ahead.pop((client, index), None)
        return make_training_job(
            self.task,
            client,
            index,
            base_version,
            start,
            shard,
            plan,
            self.root_seed,
            proximal_weight,
            rate,
            state,
            luck if samples is None and plan is self.plan else None,
        )

    def draw_ahead(self, clients: Sequence[int]) -> None:
        """Draw the luck of these clients' next jobs, which changes nothing: for many at once it costs a third."""
        next_jobs = {(client, self._jobs_made[client]): self.shards[client] for client in clients}
        self._luck_ahead |= draw_luck_ahead(self.root_seed, next_jobs, self.plan, self.task.batch_width)

    def initial_state_of(self, number: int) -> State:
        """Return what travels of the `number`-th initial model, (num_entries,); number 0 is `initial_state`.

        The others differ by luck alone, which comes from stream (MODEL_INITIALISATION, number).

        Raises
        ------
        RequestError : the model was given as a module, of which there is only one.
        """
        if number == 0:
            return self.initial_state.copy()
        return self.task.exchanged_part(self._own.drawn(number))

    def commit(
        self,
        version: int,
        time_s: float,
        parameters: State,
        views: Mapping[str, State] = NO_VIEWS,
        models: Mapping[int, State] = NO_MODELS,
    ) -> None:
        """Tell the evaluator that this version is current from `time_s` on.

        `parameters` : (num_entries,), what travels of the global model. `models` : the same of those clients who have a
        model of their own in this version.

        Raises
        ------
        RequestError : models of clients' own, on data that has one test set for all.
        """
        if self.splits is None:
            if models:
                raise RequestError(
                    "clients with models of their own need data on which each is tested on its own samples"
                )
            self.evaluator.commit(version, time_s, parameters, views)
            return
        state_of = self._own.as_of_now()  # an evaluation may be asked for later
        self.evaluator.commit(
            version,
            time_s,
            parameters,
            views,
            lambda client: state_of(client, models.get(client, parameters)),
        )

    def keep(self, client: int, trained: Handle[TrainingOutput]) -> None:
        """Take note of a job that the client has finished: its own tensors and optimiser's state are what that left."""
        if self.task.is_personal or self.keeps_optimizer_state:
            self._own.keep(client, trained)

    def state_of(self, client: int, exchanged: State) -> State:
        """Return the client's whole state with `exchanged` in it, (num_entries of the layout,).

        Its own tensors are those of the last job it finished, before the first as `own_starts` says.
        """
        return self._own.state_of(client, exchanged)

    def flop_of(self, job: TrainingJob | GradientJob | JointJob) -> float:
        """Return what the job costs [FLOP]."""
        return flop_of_job(self.cost, job)

    def part_done(self, job: TrainingJob, flop: float) -> TrainingJob | None:
        """Return the job of those whole steps that `flop` operations pay for; None if not one [FLOP]."""
        return part_paid_for(self.cost, job, flop)

    def _by_size(self, value: Callable[[int], float]) -> npt.NDArray[np.float64]:
        """Return a value of each client that its number of samples decides, `(num_clients,)`."""
        sizes, which = np.unique(self.data_sizes, return_inverse=True)
        return np.array([value(size) for size in sizes.tolist()], dtype=np.float64)[which]

    def _next_index(self, client: int) -> int:
        self._jobs_made[client] += 1
        return self._jobs_made[client] - 1
