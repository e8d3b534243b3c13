"""Lazy jobs: fixed when they start, computed when first read, together with all that is outstanding then.

A process submits a job, gets a handle at once, waits the modelled duration on the simulated clock, and
reads the value when it arrives. The first read computes every outstanding job in chunks, so that an
asynchronous method batches as well as a synchronous one. What a job returns does not depend on when, or
beside whom, it is computed.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, Protocol, overload

from typing_extensions import TypeVar

from testbed.errors import RunFailure
from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    EvaluationOutput,
    GradientJob,
    GradientOutput,
    Job,
    JointJob,
    JointOutput,
    Kernel,
    Output,
    TrainingJob,
    TrainingOutput,
    form_chunks,
)
from testbed.records import Recorder, Schema

__all__ = [
    "CHUNK",
    "UPDATE",
    "EvaluationJob",
    "EvaluationOutput",
    "GradientJob",
    "GradientOutput",
    "Handle",
    "Jobs",
    "JointJob",
    "JointOutput",
    "NonFiniteUpdateError",
    "Placement",
    "TrainingJob",
    "TrainingOutput",
]

OutputT = TypeVar("OutputT", default=TrainingOutput)

CHUNK: Final = Schema.of(
    "chunk",
    "Jobs that were computed in one go.",
    time_s=("float", "simulated time of the read that caused it [s]"),
    kernel=("str", "the kernel of the run"),
    family=("str", "task, purpose, arithmetic, batch width and proximal weight if there is one"),
    num_jobs=("int", "jobs in the chunk"),
    num_lanes=("int", "jobs and padding"),
    reason=("str", "why this arithmetic"),
)

UPDATE: Final = Schema.of(
    "update",
    "What a job of training returned, in the order in which jobs were first read.",
    client=("int", "client = device id; of a joint job its first client"),
    job=("int", "k-th job of this client"),
    base_version=("int", "global version the job started from"),
    num_steps=("int", "optimiser steps; 0 for a job that returns the gradient of one minibatch"),
    train_loss=("float", "mean loss of the first minibatch before the first step [nat]"),
    update_norm=("float", "Euclidean norm of new minus old; of the gradient if that is what was returned"),
)


class NonFiniteUpdateError(RunFailure):
    """A client's training diverged, and somebody read the result."""


class Placement(Protocol):
    """Where chunks are computed; it changes no bit of what they return.

    `reason` : where that is, or why there, for `meta.json`.
    """

    @property
    def kind(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def run(self, chunks: Sequence[Chunk]) -> Iterable[list[Output]]:
        """Return the outputs of each chunk, in order."""
        ...

    def close(self) -> None:
        """Let go of everything that it holds for the run; it may be used again."""
        ...


class Handle(Generic[OutputT]):
    """A job's value, to be read when it arrives in simulated time."""

    def __init__(self, jobs: "Jobs", number: int, job: Job, earliest_read_s: float) -> None:
        self._jobs = jobs
        self._number = number
        self._job: Job | None = job
        self._output: Any = None
        self._update: tuple[int, int, int, int] | None = None
        self.earliest_read_s = earliest_read_s
        self.is_computed = False
        if isinstance(job, TrainingJob | JointJob):
            self._update = (job.client, job.index, job.base_version, job.num_steps)
        elif isinstance(job, GradientJob):
            self._update = (job.client, job.index, job.base_version, 0)

    def value(self) -> OutputT:
        """Return the output, computing it with everything else outstanding if it is not there yet.

        Raises
        ------
        NonFiniteUpdateError : the job diverged; the message has client, round and simulated time.
        RuntimeError : the handle was discarded.
        """
        if not self.is_computed:
            self._jobs._compute_outstanding(self)
        if self._update is not None:
            update, self._update = self._update, None
            self._jobs._report(update, self._output)
        output: OutputT = self._output
        return output

    def discard(self) -> None:
        """Give up the value: nobody will read it, so it need not be computed."""
        self._jobs._outstanding.pop(self._number, None)
        self._job = None

    def _fulfil(self, output: Output) -> None:
        # The job is let go: a computed evaluation must not keep its version's parameters alive.
        self._job, self._output, self.is_computed = None, output, True


class Jobs:
    """The jobs of a run that nobody has read yet.

    Parameters
    ----------
    kernel : the arithmetic.
    placement : where it is carried out.
    clock : returns the simulated time [s].
    horizon_s : end of the run; jobs that cannot be read before are left alone.
    records : receives the tables `chunk` and `update`.
    """

    def __init__(
        self,
        kernel: Kernel,
        placement: Placement,
        clock: Callable[[], float],
        horizon_s: float,
        records: Recorder,
    ) -> None:
        self.kernel = kernel
        self.placement = placement
        self._clock = clock
        self._horizon_s = horizon_s
        self._record_chunk = records.open(CHUNK)
        self._record_update = records.open(UPDATE)
        self._outstanding: dict[int, Handle[Any]] = {}  # by number, in the order of submission
        self._num_submitted = 0

    @overload
    def submit(self, job: TrainingJob, earliest_read_s: float = 0.0) -> Handle[TrainingOutput]: ...
    @overload
    def submit(self, job: GradientJob, earliest_read_s: float = 0.0) -> Handle[GradientOutput]: ...
    @overload
    def submit(self, job: JointJob, earliest_read_s: float = 0.0) -> Handle[JointOutput]: ...
    @overload
    def submit(self, job: EvaluationJob, earliest_read_s: float = 0.0) -> Handle[EvaluationOutput | None]: ...
    def submit(self, job: Job, earliest_read_s: float = 0.0) -> Handle[Any]:
        """Return the handle of a job; nothing is computed.

        Parameters
        ----------
        job : the job, fixed from now on.
        earliest_read_s : the simulated time before which nobody can read it, if known.
        """
        handle: Handle[Any] = Handle(self, self._num_submitted, job, earliest_read_s)
        self._outstanding[handle._number] = handle
        self._num_submitted += 1
        return handle

    @property
    def num_outstanding(self) -> int:
        """Jobs submitted and neither computed nor discarded."""
        return len(self._outstanding)

    def _compute_outstanding(self, asked: Handle[Any]) -> None:
        """Compute `asked` and every outstanding job that can still be read before the horizon."""
        if asked._job is None:
            raise RuntimeError("a discarded job was read")
        handles = [h for h in self._outstanding.values() if h is asked or h.earliest_read_s <= self._horizon_s]
        for handle in handles:
            del self._outstanding[handle._number]
        jobs = [handle._job for handle in handles if handle._job is not None]
        chunks = form_chunks(jobs, self.kernel)
        now_s, kernel = self._clock(), self.kernel.kind
        for chunk, outputs in zip(chunks, self.placement.run(chunks), strict=True):
            family = chunk.family
            num_jobs = len(chunk.jobs)
            self._record_chunk(now_s, kernel, family.name, num_jobs, chunk.num_lanes, family.reason)
            for position, output in zip(chunk.positions, outputs, strict=True):
                handles[position]._fulfil(output)

    def _report(self, update: tuple[int, int, int, int], output: TrainingOutput | GradientOutput | JointOutput) -> None:
        """Record an update that is read for the first time, or fail if it is not finite."""
        client, index, base_version, _ = update
        norm = output.gradient_norm if isinstance(output, GradientOutput) else output.update_norm
        if not (math.isfinite(norm) and math.isfinite(output.train_loss)):
            raise NonFiniteUpdateError(
                f"client {client} diverged in round {base_version}: its update (job {index}) is not finite, "
                f"read at t = {self._clock():g} s; a smaller learning rate may help"
            )
        if self.kernel.computes:
            self._record_update(*update, output.train_loss, norm)
