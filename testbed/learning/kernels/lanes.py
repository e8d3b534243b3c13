"""Lanes: jobs side by side in a chunk, one a lane, longest first.

Unequal steps shrink the prefix of lanes that still train. At least two lanes are always computed: a lone
one may take another path through the linear algebra library and differ in its last bits.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from testbed.learning.kernels.protocol import Chunk, TrainingJob
from testbed.learning.kernels.workspace import workspace
from testbed.learning.task import LearningTask

__all__ = ["MIN_LANES", "LaneBatches", "lanes_of", "shared_by_lanes", "stretches"]

MIN_LANES = 2


def lanes_of(chunk: Chunk) -> tuple[TrainingJob, ...]:
    """Return the job of each lane; the last job fills the padding."""
    jobs = tuple(job for job in chunk.jobs if isinstance(job, TrainingJob))
    return jobs + (jobs[-1],) * (chunk.num_lanes - len(jobs))


def shared_by_lanes(width: int, proximal_weight: float) -> str:
    """Return what all lanes of a chunk have in common, as the name of their family says it.

    >>> shared_by_lanes(64, 0.0), shared_by_lanes(64, 0.1)
    ('64', '64/proximal-0.1')
    """
    return f"{width}/proximal-{float(proximal_weight)!r}" if proximal_weight else f"{width}"


def stretches(num_steps: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (first step, last step + 1, lanes that train, lanes that go on) while that set is the same.

    >>> list(stretches([5, 3, 3]))
    [(0, 3, 3, 1), (3, 5, 1, 0)]
    """
    start, alive = 0, len(num_steps)
    while alive:
        stop = num_steps[alive - 1]
        going_on = sum(steps > stop for steps in num_steps)
        yield start, stop, alive, going_on
        start, alive = stop, going_on


class LaneBatches:
    """The minibatches of all lanes, gathered step by step from the task's one copy of the data.

    Parameters
    ----------
    lanes : jobs of one width.
    min_width : rows are padded to this width; the padding has no weight.
    """

    def __init__(self, lanes: Sequence[TrainingJob], min_width: int = 0) -> None:
        self._task: LearningTask = lanes[0].task
        num_rows = max(len(job.samples) for job in lanes)
        width = lanes[0].samples.shape[1]
        self.width = max(width, min_width)
        samples = np.empty((num_rows, len(lanes), self.width), dtype=np.int64)
        counts = np.empty((num_rows, len(lanes)), dtype=np.int64)
        for lane, job in enumerate(lanes):
            rows = len(job.samples)
            samples[:rows, lane, :width] = job.samples
            samples[:rows, lane, width:] = job.samples[:, :1]
            counts[:rows, lane] = job.counts
            # Past its steps a lane computes its last batch again, and nobody looks.
            samples[rows:, lane], counts[rows:, lane] = samples[rows - 1, lane], counts[rows - 1, lane]
        masks = np.arange(self.width) < counts[..., np.newaxis]
        device = self._task.device
        self._samples = torch.from_numpy(samples).to(device)
        self._masks = torch.from_numpy(masks.astype(np.float32)).to(device)  # (num_rows, num_lanes, width)
        self._weights = torch.from_numpy(masks / counts[..., np.newaxis].astype(np.float32)).to(device)
        self._num_rows = num_rows

    def __len__(self) -> int:
        return self._num_rows

    def inputs(self, row: int, num_lanes: int) -> torch.Tensor:
        """Return the inputs of one step, (num_lanes, width, ...), valid until the next step's are asked for."""
        samples = self._samples[row, :num_lanes]
        everything: torch.Tensor = self._task.train_inputs
        # As a matrix: of one, PyTorch copies whole rows.
        matrix = everything.reshape(len(everything), -1)
        inputs = workspace(self._task, "inputs", (samples.numel(), matrix.shape[1]), everything.dtype)
        torch.index_select(matrix, 0, samples.reshape(-1), out=inputs)
        return inputs.view(*samples.shape, *everything.shape[1:])

    def labels(self, row: int, num_lanes: int) -> torch.Tensor:
        """Return the labels of one step, (num_lanes, width)."""
        samples = self._samples[row, :num_lanes]
        labels: torch.Tensor = self._task.train_labels
        return labels.index_select(0, samples.reshape(-1)).view(samples.shape)

    def masks(self, row: int, num_lanes: int) -> torch.Tensor:
        """Return 1 for the samples of one step and 0 for padding, (num_lanes, width)."""
        return self._masks[row, :num_lanes]

    def weights(self, row: int, num_lanes: int) -> torch.Tensor:
        """Return what each sample counts in its batch's mean, (num_lanes, width): mask / n."""
        return self._weights[row, :num_lanes]
