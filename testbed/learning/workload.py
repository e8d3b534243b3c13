"""The workload: what the clients of a run hold and train, and what one job of theirs costs.

A world asks it for jobs and prices; it does not care what is learnt. There are two ways to train:

- whole jobs (`next_job`): every one starts afresh, its length is planned, and its luck is addressed by client and by
  the count of that client's jobs;
- segments (`next_segment`) and single gradients (`next_gradient`): a client's steps are counted through, it keeps its
  optimiser's state, and luck is addressed by client and step.

Luck never depends on time, so not on what others do.

A task may be *personal*: some tensors stay with each client. Everything that travels, `initial_state` included, is then
the exchanged part of a state (`LearningTask.exchanged_part`), and each client's own tensors are those its last finished
job left (`keep`).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from testbed.errors import RequestError
from testbed.learning.cost import TrainingCost
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.evaluation import NO_MODELS, NO_VIEWS, Evaluator
from testbed.learning.held_out import ClientSplits
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.jobs import (
    EvaluationJob,
    EvaluationOutput,
    GradientJob,
    Handle,
    Jobs,
    TrainingJob,
    TrainingOutput,
)
from testbed.learning.learning_rate import LearningRate
from testbed.learning.minibatches import BatchPlan, MinibatchSequence, make_training_job
from testbed.learning.partition import label_distance
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream

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
        self.data_sizes = np.array([len(shard) for shard in shards], dtype=np.int64)
        self.splits = splits
        self.keeps_optimizer_state = keeps_optimizer_state
        self.data = data
        self._build = build
        self.initial_state = task.exchanged_part(task.initial_state())
        self.num_entries = len(self.initial_state)  # that travel
        self.label_distances = label_distance(label_histograms)
        self.peak_bytes = cost.peak_bytes(task.batch_width)
        self._jobs_made: Counter[int] = Counter()
        self._kept: dict[int, Handle[TrainingOutput]] = {}
        self._own_starts = own_starts
        self._first_own = lru_cache(maxsize=None)(self._draw_own)
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
        """FLOP of one job of each client, `(num_clients,)`: proportional to steps times batch.

        Where samples differ, that of a job that visits each of the client's samples equally often.
        """
        passes = [self.plan.samples_per_job(len(shard)) / len(shard) for shard in self.shards]
        if self.cost.flop_of_sample is None:
            return np.array([self.cost.flop(self.plan.samples_per_job(int(n))) for n in self.data_sizes])
        return np.array([n * self.cost.flop_of(shard) for n, shard in zip(passes, self.shards, strict=True)])

    def label_distance_of(self, clients: Sequence[int]) -> float:
        """Return the L1 distance of the pooled label mix of `clients` from the global one, 0 to 2."""
        pooled = self.label_histograms[list(clients)].sum(axis=0, keepdims=True)
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
        state = (
            self._kept[client].value().optimizer_state if self.keeps_optimizer_state and client in self._kept else None
        )
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
        )

    def initial_state_of(self, number: int) -> State:
        """Return what travels of the `number`-th initial model, (num_entries,); number 0 is `initial_state`.

        The others differ by luck alone, which comes from stream (MODEL_INITIALISATION, number).

        Raises
        ------
        RequestError : the model was given as a module, of which there is only one.
        """
        if number == 0:
            return self.initial_state.copy()
        return self.task.exchanged_part(self._drawn(number))

    def _drawn(self, *ids: int) -> State:
        if self._build is None:
            raise RequestError("several initial models need an architecture or a function that builds the module")
        seed = int(stream(self.root_seed, Purpose.MODEL_INITIALISATION, *ids).integers(2**63))
        return self.task.state_in(self._build(seed))

    def _draw_own(self, client: int) -> State:
        """Return a state with the tensors with which a client starts that are its own."""
        return self.task.initial_state() if self._own_starts == "alike" else self._drawn(0, client)

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
        kept = dict(self._kept)  # as of now: an evaluation may be asked for later
        self.evaluator.commit(
            version,
            time_s,
            parameters,
            views,
            lambda client: self._merged(kept, client, models.get(client, parameters)),
        )

    def keep(self, client: int, trained: Handle[TrainingOutput]) -> None:
        """Take note of a job that the client has finished: its own tensors and optimiser's state are what that left."""
        if self.task.is_personal or self.keeps_optimizer_state:
            self._kept[client] = trained

    def state_of(self, client: int, exchanged: State) -> State:
        """Return the client's whole state with `exchanged` in it, (num_entries of the layout,).

        Its own tensors are those of the last job it finished, before the first as `own_starts` says.
        """
        return self._merged(self._kept, client, exchanged)

    def _merged(self, kept: Mapping[int, Handle[TrainingOutput]], client: int, exchanged: State) -> State:
        if not self.task.is_personal:
            return exchanged
        own = kept[client].value().parameters if client in kept else self._first_own(client)
        return self.task.with_exchanged(own, exchanged)

    def losses_on_own(self, client: int, version: int, models: Sequence[State]) -> npt.NDArray[np.float64]:
        """Return the mean loss of each model on what the client trains on, with its own tensors: (num_models,) [nat].

        Models are (num_entries,) each. Reading computes every outstanding job; all are 0 where nothing is computed.

        Raises
        ------
        RequestError : data that has one test set for all, which does not look at training samples.
        """
        if self.splits is None:
            raise RequestError(
                "clients that compare models need data on which each is tested on its own samples: set "
                "data.client_split"
            )
        jobs = [
            EvaluationJob(
                task=self.task, version=version, parameters=self.state_of(client, model), samples=self.shards[client]
            )
            for model in models
        ]
        outputs = [handle.value() for handle in [self.jobs.submit(job) for job in jobs]]
        return np.array([0.0 if output is None else output.loss for output in outputs])

    def losses_flop(self, client: int, num_models: int) -> float:
        """Return what `losses_on_own` costs a client [FLOP]."""
        return num_models * self.cost.forward_flop_of(self.shards[client])

    def validate(self, client: int, version: int, exchanged: State) -> Handle[EvaluationOutput | None]:
        """Return how good a model is on what the client keeps apart to validate with, as a handle.

        Raises
        ------
        RequestError : clients have no such samples.
        """
        if self.splits is None or len(self.splits.validation[client]) == 0:
            raise RequestError(
                f"client {client} has no samples to validate with: give data.client_split a larger validation share"
            )
        state, samples = self.state_of(client, exchanged), self.splits.validation[client]
        return self.jobs.submit(EvaluationJob(task=self.task, version=version, parameters=state, samples=samples))

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
        self._refuse_personal()
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
        self._refuse_personal()
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

    def validation_flop(self, client: int) -> float:
        """Return what finding out how good a model is costs a client, on what it validates with [FLOP]."""
        return 0.0 if self.splits is None else self.cost.forward_flop_of(self.splits.validation[client])

    def _refuse_personal(self) -> None:
        if self.task.is_personal:
            local = ", ".join(self.task.local)
            raise RequestError(f"the model keeps {local} with each client, and this world exchanges whole states")

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
        cost = self.cost
        if cost.flop_of_sample is None:
            return cost.flop(job.num_samples)
        repeats = job.num_steps // len(job.counts) if isinstance(job, TrainingJob) else 1
        return repeats * sum(cost.flop_of(row[:count]) for row, count in zip(job.samples, job.counts, strict=True))

    def part_done(self, job: TrainingJob, flop: float) -> TrainingJob | None:
        """Return the job of those whole steps that `flop` operations pay for; None if not one [FLOP]."""
        # A billionth more, because the operations of a stopped job are the rounded product of a time and a speed.
        affordable = flop * (1.0 + 1e-9)
        if self.cost.flop_of_sample is None:
            after = job.samples_after()
            affordable /= self.cost.flop_per_sample
        else:
            rows = [self.cost.flop_of(row[:count]) for row, count in zip(job.samples, job.counts, strict=True)]
            after = np.cumsum(np.broadcast_to(rows, job.num_steps))
        num_steps = int(np.searchsorted(after, affordable, side="right"))
        return job.cut(num_steps) if num_steps else None
