"""The evaluation of a version where every client is tested on samples of its own, with a model of its own.

A job a client; together they have one handle, like the evaluation on a common test set. Pooled over the clients, the
counts are those of an `EvaluationOutput`; how good the version is, is a mean over clients. Where a run asks for it, the
same is done on their validation samples, so that a reader may choose a version without looking at the test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.learning.held_out import IntArray
from testbed.learning.jobs import Handle, Jobs
from testbed.learning.kernels.protocol import EvaluationJob, EvaluationOutput
from testbed.learning.task import LearningTask, State
from testbed.records import Schema

__all__ = ["CLIENT_EVALUATION", "CLIENT_VALIDATION", "ClientTests", "ClientsHandle", "ClientsOutput", "StateOf"]


def _schema(name: str, meaning: str, part: str) -> Schema:
    return Schema.of(
        name,
        meaning,
        time_s=("float", "grid time; on a grid of rounds, the time of the version [s]"),
        version=("int", "global version current at that time"),
        client=("int", "client = device id"),
        num_samples=("int", f"its {part} samples"),
        accuracy=("float", "share of them told rightly"),
        loss=("float", "mean loss on them [nat]"),
    )


CLIENT_EVALUATION: Final = _schema(
    "client_evaluation",
    "How good a version is for each client, on its own test samples; the rows of `evaluation` are means of it.",
    "test",
)
CLIENT_VALIDATION: Final = _schema(
    "client_validation",
    "How good a version is for each client on its own validation samples, with `run.evaluates_validation`.",
    "validation",
)

# client -> its whole state, (num_entries,)
StateOf: TypeAlias = Callable[[int], State]


@dataclass(frozen=True, eq=False)
class ClientsOutput(EvaluationOutput):
    """How good a version is for every client; the counts are pooled, and `loss` is the mean over clients.

    Attributes
    ----------
    client_samples, client_correct : (num_clients,) int64, samples of each client: all, and told rightly.
    client_loss : (num_clients,) mean loss of each client [nat].
    """

    client_samples: npt.NDArray[np.int64]
    client_correct: npt.NDArray[np.int64]
    client_loss: npt.NDArray[np.float64]

    @property
    def client_accuracy(self) -> npt.NDArray[np.float64]:
        """The share of each client's samples that is told rightly, (num_clients,)."""
        return np.asarray(self.client_correct / self.client_samples)


class ClientsHandle:
    """The evaluations of all clients, read together."""

    def __init__(self, handles: list[Handle[EvaluationOutput | None]]) -> None:
        self._handles = handles
        self._output: ClientsOutput | None = None

    @property
    def is_computed(self) -> bool:
        """Whether reading computes nothing."""
        return all(handle.is_computed for handle in self._handles)

    def value(self) -> ClientsOutput | None:
        """Return the output; None under a kernel that computes nothing."""
        if self._output is None:
            found = [handle.value() for handle in self._handles]
            outputs = [output for output in found if output is not None]
            if len(outputs) < len(found):
                return None
            losses = np.array([output.loss for output in outputs])
            self._output = ClientsOutput(
                loss=float(losses.mean()),
                num_correct=np.sum([output.num_correct for output in outputs], axis=0),
                num_samples=np.sum([output.num_samples for output in outputs], axis=0),
                client_samples=np.array([output.num_samples.sum() for output in outputs]),
                client_correct=np.array([output.num_correct.sum() for output in outputs]),
                client_loss=losses,
            )
        return self._output


class ClientTests:
    """Submits the evaluation of a version for every client.

    Parameters
    ----------
    jobs : where evaluations are submitted.
    task : what is evaluated.
    samples : indices into the test inputs, what each client is tested on, at least one each.

    Raises
    ------
    ValueError : a client with nothing to be tested on.
    """

    def __init__(self, jobs: Jobs, task: LearningTask, samples: Sequence[IntArray]) -> None:
        if without := [client for client, own in enumerate(samples) if len(own) == 0]:
            raise ValueError(f"clients {without} have no samples to be tested on")
        self._jobs = jobs
        self._task = task
        self._samples = samples

    def submit(self, version: int, state_of: StateOf) -> ClientsHandle:
        """Return the handle of a version; `state_of` gives every client's whole state in it."""
        jobs = [
            EvaluationJob(task=self._task, version=version, parameters=state_of(client), samples=samples)
            for client, samples in enumerate(self._samples)
        ]
        return ClientsHandle([self._jobs.submit(job) for job in jobs])
