"""What a job costs the device that computes it, and how much of one a device has paid for."""

import numpy as np

from testbed.learning.cost import TrainingCost
from testbed.learning.jobs import GradientJob, JointJob, TrainingJob

__all__ = ["flop_of_job", "part_paid_for"]


def flop_of_job(cost: TrainingCost, job: TrainingJob | GradientJob | JointJob) -> float:
    """Return what the job costs [FLOP]."""
    if cost.flop_of_sample is None or isinstance(job, JointJob):
        return cost.flop(job.num_samples)
    repeats = job.num_steps // len(job.counts) if isinstance(job, TrainingJob) else 1
    return repeats * sum(cost.flop_of(row[:count]) for row, count in zip(job.samples, job.counts, strict=True))


def part_paid_for(cost: TrainingCost, job: TrainingJob, flop: float) -> TrainingJob | None:
    """Return the job of those whole steps that `flop` operations pay for; None if not one [FLOP]."""
    # A billionth more, because the operations of a stopped job are the rounded product of a time and a speed.
    affordable = flop * (1.0 + 1e-9)
    if cost.flop_of_sample is None:
        after = job.samples_after()
        affordable /= cost.flop_per_sample
    else:
        rows = [cost.flop_of(row[:count]) for row, count in zip(job.samples, job.counts, strict=True)]
        after = np.cumsum(np.broadcast_to(rows, job.num_steps))
    num_steps = int(np.searchsorted(after, affordable, side="right"))
    return job.cut(num_steps) if num_steps else None
