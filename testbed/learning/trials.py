"""How good models are on a client's own samples: those it trains on, to choose among models, or validates with."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.cost import TrainingCost
from testbed.learning.held_out import ClientSplits
from testbed.learning.jobs import EvaluationJob, EvaluationOutput, Handle, Jobs
from testbed.learning.task import LearningTask, State

__all__ = ["Trials"]


class Trials:
    """Evaluations that clients make themselves, as part of a method, and what these cost them.

    Parameters
    ----------
    jobs : the queue of jobs of the run.
    task : model, loss and data.
    cost : FLOP of a sample.
    shards : for each client the indices of its training samples.
    splits : what each client keeps apart; None: there is one test set for all.
    state_of : (client, what is exchanged) -> its whole state, with its own tensors.
    """

    def __init__(
        self,
        jobs: Jobs,
        task: LearningTask,
        cost: TrainingCost,
        shards: Sequence[npt.NDArray[np.int64]],
        splits: ClientSplits | None,
        state_of: Callable[[int, State], State],
    ) -> None:
        self._jobs, self._task, self._cost = jobs, task, cost
        self._shards, self._splits, self._state_of = shards, splits, state_of

    def losses(self, client: int, version: int, models: Sequence[State]) -> npt.NDArray[np.float64]:
        """Return the mean loss of each model on what the client trains on, with its own tensors: (num_models,) [nat].

        Models are (num_entries,) each. Reading computes every outstanding job; all are 0 where nothing is computed.

        Raises
        ------
        RequestError : data that has one test set for all, which does not look at training samples.
        """
        if self._splits is None:
            raise RequestError(
                "clients that compare models need data on which each is tested on its own samples: set "
                "data.client_split"
            )
        jobs = [
            EvaluationJob(
                task=self._task, version=version, parameters=self._state_of(client, model), samples=self._shards[client]
            )
            for model in models
        ]
        outputs = [handle.value() for handle in [self._jobs.submit(job) for job in jobs]]
        return np.array([0.0 if output is None else output.loss for output in outputs])

    def losses_flop(self, client: int, num_models: int) -> float:
        """Return what `losses` costs a client [FLOP]."""
        return num_models * self._cost.forward_flop_of(self._shards[client])

    def validate(self, client: int, version: int, exchanged: State) -> Handle[EvaluationOutput | None]:
        """Return how good a model is on what the client keeps apart to validate with, as a handle.

        Raises
        ------
        RequestError : clients have no such samples.
        """
        if self._splits is None or len(self._splits.validation[client]) == 0:
            raise RequestError(
                f"client {client} has no samples to validate with: give data.client_split a larger validation share"
            )
        state, samples = self._state_of(client, exchanged), self._splits.validation[client]
        return self._jobs.submit(EvaluationJob(task=self._task, version=version, parameters=state, samples=samples))

    def validation_flop(self, client: int) -> float:
        """Return what finding out how good a model is costs a client, on what it validates with [FLOP]."""
        return 0.0 if self._splits is None else self._cost.forward_flop_of(self._splits.validation[client])
