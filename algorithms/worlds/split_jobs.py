"""What a cluster of split learning learns: its joint job, with all its luck drawn when it starts.

A mix-in of `split.py`, which holds the state.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.worlds.server import Server
from algorithms.worlds.split_settings import SplitSettings
from algorithms.worlds.split_task import Task
from channels.codecs.fp32 import Fp32Codec
from testbed.learning.jobs import JointJob
from testbed.learning.minibatches import MinibatchSequence
from testbed.learning.workload import Workload
from testbed.simulation import Simulation
from testbed.streams import Purpose

__all__ = ["SplitJobs"]


class SplitJobs:
    """The jobs of a world of split learning."""

    simulation: Simulation
    workload: Workload
    settings: SplitSettings
    server: Server
    _num_jobs: list[int]

    def _job(self, task: Task) -> JointJob:
        """Return the joint job; luck comes from the streams (TRAIN, client, its k-th job) and (TRAIN, first, k, 0, 1).

        Minibatches of a client all have its batch size; epochs follow each other without a gap.
        """
        width = max(task.batch_sizes)
        samples = np.zeros((task.num_iterations, len(task.clients), width), dtype=np.int64)
        indices = [self._next_index(client) for client in task.clients]
        for position, (client, batch) in enumerate(zip(task.clients, task.batch_sizes, strict=True)):
            samples[:, position, :batch] = self._rows(client, indices[position], batch, task.num_iterations)
        first = task.clients[0]
        luck = self.simulation.stream(Purpose.TRAIN, first, indices[0], 0, 1)
        shape, alpha = (task.num_iterations, len(task.clients)), task.mixing_concentration
        orders = np.argsort(luck.random(shape), axis=1) if task.top == "sequential" else None
        return JointJob(
            task=self.workload.task,
            cut=self.settings.cut if task.cut is None else task.cut,
            clients=task.clients,
            index=indices[0],
            base_version=self.server.version,
            parameters=self.server.vector,
            samples=samples,
            counts=np.array(task.batch_sizes, dtype=np.int64),
            learning_rate=self.workload.optimizer.learning_rate.rate(self.server.version),
            top=task.top,
            top_weights=task.batch_weights,
            mean_weights=task.batch_weights,
            codec=Fp32Codec() if task.whole else self.settings.codec,
            orders=orders,
            mixing=luck.beta(alpha, alpha, shape) if alpha else None,
            local_weights=task.local_weights,
        )

    def _rows(self, client: int, index: int, batch: int, num_steps: int) -> npt.NDArray[np.int64]:
        """Return a client's minibatches, (num_steps, batch)."""
        shard, stream = self.workload.shards[client], self.simulation.stream

        def order(epoch: int) -> Any:
            return stream(Purpose.TRAIN, client, index, epoch).permutation(shard)

        rows, _ = MinibatchSequence(shard, batch, order).rows(0, num_steps)
        return np.broadcast_to(rows, (num_steps, batch))

    def _next_index(self, client: int) -> int:
        self._num_jobs[client] += 1
        return self._num_jobs[client] - 1
