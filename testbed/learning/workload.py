"""The workload: what the clients of a run hold and train, and what one job of theirs costs.

A world asks it for jobs and prices; it does not care what is learnt. The luck of a job is addressed by client and by
the count of that client's jobs, never by time, so it does not depend on what others do.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from testbed.learning.cost import TrainingCost
from testbed.learning.evaluation import Evaluator
from testbed.learning.jobs import Jobs, TrainingJob
from testbed.learning.minibatches import BatchPlan, make_training_job
from testbed.learning.partition import label_distance
from testbed.learning.task import LearningTask

__all__ = ["Workload"]


class Workload:
    """Task, shards, cost and the queue of jobs of one run.

    Parameters
    ----------
    task : model, loss, optimiser and data.
    shards : for each client the indices of its training samples.
    label_histograms : (num_clients, num_classes) sample counts.
    plan : how many steps of what batch a job takes.
    cost : FLOP and bytes of a training step.

    `watch(version, time_s, vector)` is told of every global version; by default that is the evaluator.
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
    ) -> None:
        self.root_seed = root_seed
        self.task = task
        self.shards = shards
        self.label_histograms = label_histograms
        self.plan = plan
        self.cost = cost
        self.jobs = jobs
        self.evaluator = evaluator
        self.watch: Callable[[int, float, npt.NDArray[np.float32]], None] = evaluator.commit
        self.data_sizes = np.array([len(shard) for shard in shards], dtype=np.int64)
        self.initial_state = task.initial_state()
        self.num_entries = len(self.initial_state)
        self.label_distances = label_distance(label_histograms)
        self.peak_bytes = cost.peak_bytes(task.batch_width)
        self._jobs_made = [0] * len(shards)

    @property
    def job_flop(self) -> npt.NDArray[np.float64]:
        """FLOP of one job of each client, `(num_clients,)`: proportional to steps times batch."""
        return np.array([self.cost.flop(self.plan.samples_per_job(int(n))) for n in self.data_sizes])

    def label_distance_of(self, clients: Sequence[int]) -> float:
        """Return the L1 distance of the pooled label mix of `clients` from the global one, 0 to 2."""
        pooled = self.label_histograms[list(clients)].sum(axis=0, keepdims=True)
        return float(label_distance(pooled, self.label_histograms.sum(axis=0))[0])

    def next_job(
        self, client: int, base_version: int, base: npt.NDArray[np.float32], proximal_weight: float = 0.0
    ) -> TrainingJob:
        """Return the client's next training job, started from the model `base : (num_entries,)`.

        `proximal_weight` : mu, by which the objective holds the client to that model.
        """
        index = self._jobs_made[client]
        self._jobs_made[client] = index + 1
        shard = self.shards[client]
        return make_training_job(
            self.task, client, index, base_version, base, shard, self.plan, self.root_seed, proximal_weight
        )

    def flop_of(self, job: TrainingJob) -> float:
        """Return what the job costs [FLOP]."""
        return self.cost.flop(job.num_samples)

    def part_done(self, job: TrainingJob, flop: float) -> TrainingJob | None:
        """Return the job of those whole steps that `flop` operations pay for; None if not one [FLOP]."""
        # A billionth more, because the operations of a stopped job are the rounded product of a time and a speed.
        affordable = flop * (1.0 + 1e-9) / self.cost.flop_per_sample
        num_steps = int(np.searchsorted(job.samples_after(), affordable, side="right"))
        return job.cut(num_steps) if num_steps else None
