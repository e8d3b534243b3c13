"""The minibatches of a training job, all drawn before it starts.

Every epoch visits the client's samples once in a fresh order, in batches of `batch_size`; the last batch of
an epoch may be smaller and is kept. Batches stand as rows of one index matrix, padded on the right to a
common width with the row's own first sample, which costs arithmetic but carries no weight.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import TrainingJob
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream

__all__ = ["BatchPlan", "BatchSize", "IntArray", "draw_minibatches", "make_training_job", "padded_width"]

BatchSize: TypeAlias = int | Literal["full"]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Below this width a batch is not worth a family of its own: overheads dominate.
_SMALLEST_WIDTH = 32


@dataclass(frozen=True)
class BatchPlan:
    """How many steps of what batch a job takes: exactly one of `local_steps` and `local_epochs` is set.

    >>> plan = BatchPlan(10, local_epochs=2)
    >>> plan.num_steps(25), plan.samples_per_job(25), plan.width(25)
    (6, 50, 10)
    >>> plan = BatchPlan("full", local_steps=20)
    >>> plan.num_steps(25), plan.samples_per_job(25), plan.width(25)
    (20, 500, 25)
    """

    batch_size: BatchSize
    local_steps: int | None = None
    local_epochs: int | None = None

    def __post_init__(self) -> None:
        if (self.local_steps is None) == (self.local_epochs is None):
            raise RequestError("set exactly one of local_steps and local_epochs")
        sizes = (
            1 if self.batch_size == "full" else self.batch_size,
            self.local_steps or 0,
            self.local_epochs or 0,
        )
        if sizes[0] < 1 or max(sizes[1:]) < 1 or min(sizes[1:]) < 0:
            raise RequestError(f"batch_size, local_steps and local_epochs must be at least 1, got {self}")

    def num_steps(self, num_samples: int) -> int:
        """Return the optimiser steps of a client with that many samples."""
        return self.local_steps or (self.local_epochs or 0) * self.steps_per_epoch(num_samples)

    def steps_per_epoch(self, num_samples: int) -> int:
        """Return the optimiser steps of one pass over that many samples."""
        return 1 if self.batch_size == "full" else math.ceil(num_samples / self.batch_size)

    def samples_per_job(self, num_samples: int) -> int:
        """Return the samples that all steps of a job visit together: its cost is proportional to them."""
        epochs, steps = divmod(self.num_steps(num_samples), self.steps_per_epoch(num_samples))
        return epochs * num_samples + steps * self.width(num_samples)

    def width(self, num_samples: int) -> int:
        """Return the size of the largest batch that a client with that many samples can draw."""
        return num_samples if self.batch_size == "full" else min(self.batch_size, num_samples)


def padded_width(num_samples: int, batch_width: int) -> int:
    """Return the width of a matrix whose longest row has `num_samples`.

    The next power of two from 32 on, but at most `batch_width`: full batches of unequal clients then share
    a few widths. A function of the client and the task alone, so who else trains at the moment cannot
    change it.

    >>> padded_width(10, 10), padded_width(36, 500), padded_width(400, 500)
    (10, 64, 500)
    """
    if not 1 <= num_samples <= batch_width:
        raise ValueError(f"a batch of {num_samples} samples does not fit the task's width of {batch_width}")
    return min(batch_width, max(_SMALLEST_WIDTH, 1 << (num_samples - 1).bit_length()))


def draw_minibatches(
    shard: IntArray, plan: BatchPlan, batch_width: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Return the minibatches of a job as an index matrix and the number of samples in each row.

    Parameters
    ----------
    shard : (num_samples,) the client's samples, as indices into the training set.
    plan : the batch size and the number of steps.
    batch_width : the widest batch of the task.
    rng : the job's stream. A full batch draws nothing.

    Returns
    -------
    samples : (num_rows, width) and counts : (num_rows,); one row for all steps if the batch is the whole
        shard,
    else a row a step. Row r is valid up to counts[r].

    Raises
    ------
    ValueError : an empty shard, or a batch wider than the task's.
    """
    num_samples = len(shard)
    if num_samples < 1:
        raise ValueError("a client without samples cannot train")
    size = plan.width(num_samples)
    if size == num_samples:
        rows = [np.asarray(shard, dtype=np.int64)]
    else:
        num_steps = plan.num_steps(num_samples)
        rows = []
        while len(rows) < num_steps:
            order = rng.permutation(shard)
            rows += [order[first : first + size] for first in range(0, num_samples, size)]
        del rows[num_steps:]
    samples = np.empty((len(rows), padded_width(size, batch_width)), dtype=np.int64)
    for padded, row in zip(samples, rows, strict=True):
        padded[: len(row)] = row
        padded[len(row) :] = row[0]
    return samples, np.array([len(row) for row in rows], dtype=np.int64)


def make_training_job(
    task: LearningTask,
    client: int,
    index: int,
    base_version: int,
    parameters: State,
    shard: IntArray,
    plan: BatchPlan,
    root_seed: int,
    proximal_weight: float = 0.0,
) -> TrainingJob:
    """Return the `index`-th training job of a client, its luck drawn from stream (TRAIN, client, index).

    Parameters
    ----------
    task : what is trained.
    client, index : whose job, and its how-manieth.
    base_version : the global version `parameters` are.
    parameters : (num_entries,) float32, the state it starts from; made read-only, for it is read later.
    shard : (num_samples,) the client's samples, as indices into the training set.
    plan : the batch size and the number of steps.
    root_seed : the run's seed.
    proximal_weight : mu of the objective's proximal term.
    """
    rng = stream(root_seed, Purpose.TRAIN, client, index)
    torch_seed = int(rng.integers(2**63))
    samples, counts = draw_minibatches(shard, plan, task.batch_width, rng)
    return TrainingJob(
        task=task,
        client=client,
        index=index,
        base_version=base_version,
        parameters=parameters,
        samples=samples,
        counts=counts,
        num_steps=plan.num_steps(len(shard)),
        torch_seed=torch_seed,
        proximal_weight=proximal_weight,
    )
