"""The kernel that computes nothing: the timeline of a dry run, without its learning."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from testbed.learning.kernels.joint import skipped_jointly
from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    Family,
    GradientJob,
    GradientOutput,
    Job,
    JointJob,
    Output,
    TrainingOutput,
    evaluation_family,
)
from testbed.settings import Part

__all__ = ["NoKernel"]


class NoKernel(Part):
    """Returns every job's parameters as they were, zero gradients, and evaluates nothing.

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
    return [_skipped(job) for job in chunk.jobs]


def _skipped(job: Job) -> Output:
    if isinstance(job, EvaluationJob):
        return None
    if isinstance(job, GradientJob):
        return GradientOutput.of(np.zeros_like(job.parameters), 0.0)
    if isinstance(job, JointJob):
        return skipped_jointly(job)
    return TrainingOutput(job.parameters, 0.0, 0.0, job.optimizer_state, 0.0)
