"""Work that is counted by step: segments of a client's steps, and the gradients of single ones.

A client's steps are counted through, it keeps its optimiser's state, and luck is addressed by client and step: the
minibatch, the learning rate and the luck of a step are the same however the steps are cut into jobs.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.jobs import GradientJob, TrainingJob
from testbed.learning.minibatches import BatchPlan, MinibatchSequence
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream

__all__ = ["Segments"]


class Segments:
    """The jobs of clients whose steps are counted through.

    Parameters
    ----------
    task : model, loss, optimiser and data; nothing of its state may stay with a client.
    root_seed : the run's seed.
    shards : for each client the indices of its training samples.
    plan : of what batch a step is.
    optimizer : the optimiser's first state, and the rate of each step.
    next_index : counts a client's jobs.
    """

    def __init__(
        self,
        task: LearningTask,
        root_seed: int,
        shards: Sequence[npt.NDArray[np.int64]],
        plan: BatchPlan,
        optimizer: InnerOptimizer,
        next_index: Callable[[int], int],
    ) -> None:
        self._task = task
        self._root_seed = root_seed
        self._shards = shards
        self._plan = plan
        self._optimizer = optimizer
        self._next_index = next_index
        self._sequences: dict[int, MinibatchSequence] = {}
        self._torch_seeds: dict[int, int] = {}

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
            task=self._task,
            client=client,
            index=self._next_index(client),
            base_version=base_version,
            parameters=parameters,
            samples=samples,
            counts=counts,
            num_steps=num_steps,
            torch_seed=self._torch_seed(client),
            first_step=first_step,
            optimizer_state=self._optimizer.start() if optimizer_state is None else optimizer_state,
            learning_rates=self._optimizer.learning_rate.rates(first_step, num_steps),
        )

    def next_gradient(self, client: int, base_version: int, parameters: State, step: int) -> GradientJob:
        """Return the gradient of the client's minibatch of `step` at `parameters : (num_entries,)`, as a job.

        It is the minibatch, and the luck, of that step of a segment.

        Raises
        ------
        RequestError : a model with running statistics, which a gradient does not carry.
        """
        self._refuse_personal()
        if self._task.traits.changes_buffers:
            raise RequestError("the model keeps running statistics, which gradients alone do not carry to the others")
        samples, counts = self._sequence(client).rows(step, 1)
        return GradientJob(
            task=self._task,
            client=client,
            index=self._next_index(client),
            base_version=base_version,
            parameters=parameters,
            samples=samples,
            counts=counts,
            step=step,
            torch_seed=self._torch_seed(client),
        )

    def _refuse_personal(self) -> None:
        if self._task.is_personal:
            local = ", ".join(self._task.local)
            raise RequestError(f"the model keeps {local} with each client, and this world exchanges whole states")

    def _sequence(self, client: int) -> MinibatchSequence:
        """Return the client's minibatches; epoch e's order is drawn from stream (MINIBATCH, client, e)."""
        if client not in self._sequences:
            shard, root_seed = self._shards[client], self._root_seed

            def order_of(epoch: int) -> npt.NDArray[np.int64]:
                return stream(root_seed, Purpose.MINIBATCH, client, epoch).permutation(shard)

            self._sequences[client] = MinibatchSequence(shard, self._plan.width(len(shard)), order_of)
        return self._sequences[client]

    def _torch_seed(self, client: int) -> int:
        """Return what, with the step, seeds a forward that draws, from stream (MINIBATCH, client)."""
        if client not in self._torch_seeds:
            drawn = stream(self._root_seed, Purpose.MINIBATCH, client).integers(2**63)
            self._torch_seeds[client] = int(drawn)
        return self._torch_seeds[client]
