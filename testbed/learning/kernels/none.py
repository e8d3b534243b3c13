"""The kernel that computes nothing: the timeline of a dry run, without its learning."""

from collections.abc import Sequence
from typing import ClassVar

from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    Family,
    Job,
    Output,
    TrainingOutput,
    evaluation_family,
)
from testbed.settings import Part

__all__ = ["NoKernel"]


class NoKernel(Part):
    """Returns every job's parameters as they were and evaluates nothing.

    Methods whose decisions read no trained values have the same timeline as under any other kernel.
    """

    kind: str = "none"
    computes: ClassVar[bool] = False

    def family(self, job: Job) -> Family:
        """Return the family of a job: all of a kind together."""
        if isinstance(job, EvaluationJob):
            return evaluation_family(job.task, _skip)
        return Family(job.task, f"{job.task.name}/train/none", _skip, 2**62, 1, "timeline only")


def _skip(chunk: Chunk) -> Sequence[Output]:
    return [None if isinstance(j, EvaluationJob) else TrainingOutput(j.parameters, 0.0, 0.0) for j in chunk.jobs]
