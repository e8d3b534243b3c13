"""How many minibatches of what size: the plan of a job, whose minibatches `job_luck.py` draws.

Where a client's steps are counted through (regions, each of which trains without end), `MinibatchSequence` has another
rule.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError

__all__ = [
    "BatchPlan",
    "BatchSize",
    "IntArray",
    "MinibatchSequence",
    "padded_width",
]

BatchSize: TypeAlias = int | Literal["full"]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Below this width a batch is not worth a family of its own: overheads dominate.
_SMALLEST_WIDTH = 32


@dataclass(frozen=True)
class BatchPlan:
    """How many steps of what batch a job takes: at most one of `local_steps` and `local_epochs` is set.

    Without either a job has no length of its own: whoever asks for it says how many steps it takes.

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
        if self.local_steps is not None and self.local_epochs is not None:
            raise RequestError("set exactly one of local_steps and local_epochs")
        sizes = (1 if self.batch_size == "full" else self.batch_size, self.local_steps, self.local_epochs)
        if min(size for size in sizes if size is not None) < 1:
            raise RequestError(f"batch_size, local_steps and local_epochs must be at least 1, got {self}")

    def num_steps(self, num_samples: int) -> int:
        """Return the optimiser steps of a client with that many samples.

        Raises
        ------
        ValueError : a plan without a length.
        """
        if self.local_steps is None and self.local_epochs is None:
            raise ValueError("a job's length is not planned: neither local_steps nor local_epochs is set")
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


class MinibatchSequence:
    """A client's minibatches counted through, k = 0, 1, ...: the same however its steps are cut into jobs.

    The samples stand in one endless row, epoch after epoch, every epoch all of them in a fresh order, and minibatch k
    are the entries k w to (k + 1) w. So all have the same size w, and one may reach over the border of two epochs. Our
    choice: the loss of every step is a mean over equally many samples, and every step costs the same. With w the whole
    shard every minibatch is the shard, in its own order, and nothing is drawn.

    Parameters
    ----------
    shard : (num_samples,) the client's samples, as indices into the training set.
    width : w, at least 1 and at most num_samples.
    order_of : returns epoch e's order of the samples, (num_samples,); a function of e alone.
    """

    def __init__(self, shard: IntArray, width: int, order_of: Callable[[int], IntArray]) -> None:
        if not 1 <= width <= len(shard):
            raise ValueError(f"minibatches of {width} from {len(shard)} samples")
        self._shard = shard
        self.width = width
        self._order_of = lru_cache(maxsize=2)(order_of)  # a step reaches into two epochs at most

    def rows(self, first_step: int, num_steps: int) -> tuple[IntArray, IntArray]:
        """Return minibatches as `samples : (num_rows, width)` and `counts : (num_rows,)`.

        One row for all steps if the batch is the whole shard, else a row a step.
        """
        size, width = len(self._shard), self.width
        if width == size:
            return np.array([self._shard], dtype=np.int64), np.array([width], dtype=np.int64)
        first, stop = first_step * width, (first_step + num_steps) * width
        epochs = range(first // size, (stop - 1) // size + 1)
        entries = np.concatenate([self._order_of(epoch) for epoch in epochs])[first - epochs[0] * size :]
        samples = np.array(entries[: stop - first], dtype=np.int64).reshape(num_steps, width)
        return samples, np.full(num_steps, width, dtype=np.int64)
