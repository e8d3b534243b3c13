"""Chunks by their size, and in words."""

from typing import Final

from testbed.learning.kernels.protocol import Chunk, EvaluationJob, Job

__all__ = ["jobs_in_words", "num_passes"]

# A step of training passes forward and, taking twice as long, backward; an evaluation only forward.
_TRAINING_PASSES: Final = 3
_MOST_NAMED: Final = 3


def num_passes(chunk: Chunk) -> int:
    """Return how long a chunk takes beside others of its task, in forward passes of a sample."""
    return sum(job.num_samples * (1 if isinstance(job, EvaluationJob) else _TRAINING_PASSES) for job in chunk.jobs)


def jobs_in_words(chunk: Chunk) -> str:
    """Return whose jobs a chunk has, for a message."""
    named = ", ".join(_in_words(job) for job in chunk.jobs[:_MOST_NAMED])
    more = len(chunk.jobs) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _in_words(job: Job) -> str:
    if isinstance(job, EvaluationJob):
        return f"the evaluation of version {job.version}"
    return f"client {job.client} in round {job.base_version} (job {job.index})"
