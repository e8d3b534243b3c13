"""The first layer of a stack in the space of its samples: its inputs are data and do not change.

Let X (n, d) be the n distinct samples of a job. Every gradient of the first weight is a combination of their rows,
so that after any number of steps of gradient descent

    W = (1 + a) W_0 + C^T X

with a number a and coefficients C (n, h). A step needs no more of the weight than the products of its rows with
the samples, and those follow from two products made once:

    A = X W_0^T + b_0,    K = X X^T + 1,    z = (1 + a) A[rows] + K[rows] C

The bias is the weight of an input that is always 1. With D (width, h) the gradient with respect to z, a step is

    C <- s C,  C[rows] <- C[rows] - rate D,    a <- s a - rate decay,    s = 1 - rate (decay + mu)

mu the weight of the proximal term; a momentum smooths what is taken from C and from a. In the end W is one product
more, of which the update is known before it is added to W_0 where the result lies.

The products A, K and W are made lane by lane, on the job's own n rows. Those of a step are batched, on rows padded
to a number that all jobs of a family share; padded coefficients are zero.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from testbed.learning.kernels.lane_layer import NEVER, aligned
from testbed.learning.kernels.protocol import TrainingJob, euclidean_norm
from testbed.learning.kernels.workspace import workspace
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.task import LearningTask, State

__all__ = ["SampleSpaceLayer", "num_rows_if_cheaper", "padded_rows"]

# Jobs of fewer samples share one family.
_FEWEST_ROWS: Final = 32

# What a byte of weights, which the caches hold but in which a step does little, costs as much as.
_FLOP_PER_BYTE: Final = 4.0
# What the calls cost as much as that are made lane by lane.
_FLOP_PER_LANE: Final = 1e7


def padded_rows(num_distinct: int) -> int:
    """Return to how many rows the distinct samples of a job are padded: the next power of two from 32 on.

    >>> padded_rows(50), padded_rows(64)
    (64, 64)
    """
    return max(_FEWEST_ROWS, 1 << (num_distinct - 1).bit_length())


def num_rows_if_cheaper(layer: LinearLayer, job: TrainingJob) -> int:
    """Return the rows of a job's samples, padded, if its first layer is cheaper in their space; else 0.

    With d inputs, h outputs, T steps of w rows, n distinct samples padded to N, in operations:

        by weights   4 T w d h  and 3 T passes through d h numbers (forward; read and written by the descent)
        by samples   2 n d (2 h + n) + 2 T w N h  and 2 passes through d h numbers, T through N h

    A byte passed counts as 4 operations, the calls for a lane as 1e7: both as measured on one core.
    """
    d, h, num_steps, width = aligned(layer.num_inputs), aligned(layer.num_outputs), job.num_steps, job.samples.shape[1]
    pass_flop = 4 * _FLOP_PER_BYTE
    by_weights = num_steps * d * h * (4 * width + 3 * pass_flop)
    if by_weights <= _FLOP_PER_LANE:
        return 0
    num_distinct = len(set(job.samples.ravel().tolist()))  # a third of what `np.unique` takes
    num_rows = padded_rows(num_distinct)
    once = 2 * num_distinct * d * (2 * h + num_distinct) + 2 * d * h * pass_flop + _FLOP_PER_LANE
    return num_rows if once + num_steps * num_rows * h * (2 * width + pass_flop) < by_weights else 0


class SampleSpaceLayer:
    """The first layer of all lanes.

    Parameters
    ----------
    task : what is trained.
    lanes : the job of each lane, all with one proximal weight and as many padded rows.
    num_jobs : the lanes from here on are padding, copies of the one before.
    """

    def __init__(self, task: LearningTask, lanes: Sequence[TrainingJob], num_jobs: int) -> None:
        self.task = task
        self.layer: LinearLayer = task.traits.layers[0]
        self.jobs = lanes[:num_jobs]
        self.num_steps = 0
        self.scaling = 0.0  # a
        self.pull = 0.0  # its velocity
        found = [np.unique(job.samples, return_inverse=True) for job in self.jobs]
        self.num_distinct = [len(distinct) for distinct, _ in found]
        num_rows = padded_rows(self.num_distinct[0])
        shape = (len(lanes), num_rows, aligned(self.layer.num_outputs))
        self.samples = workspace(task, "samples", (num_jobs, num_rows, self.layer.num_inputs))  # X
        self.starts = workspace(task, "starts", shape)  # A
        self.products = workspace(task, "products", (len(lanes), num_rows, num_rows))  # K
        self.coefficients = workspace(task, "coefficients", shape).zero_()  # C
        momentum = task.optimizer.momentum > 0
        self.velocities = workspace(task, "velocities", shape).zero_() if momentum else self.coefficients
        self._prepare([torch.from_numpy(distinct) for distinct, _ in found])
        self._rows = self._positions([inverse.reshape(-1, lanes[0].samples.shape[1]) for _, inverse in found])

    def _prepare(self, distinct: Sequence[torch.Tensor]) -> None:
        """Make A and K of all lanes from the indices of their samples, each in its own number of rows."""
        layer, view, num_jobs = self.layer, self.task.layout.view, len(self.jobs)
        self.starts[..., layer.num_outputs :] = NEVER if layer is self.task.traits.layers[-1] else 0.0
        # Beyond a lane's own rows the coefficients are zero; what is no number would stay it.
        self.products.fill_(0.0 if layer.bias is None else 1.0)
        everything = self.task.train_inputs.flatten(1)
        # A copy, because PyTorch aligns its own memory: the bits of a product can depend on that.
        weight, loaded = workspace(self.task, "first weight", (layer.num_outputs, layer.num_inputs)), None
        bias = torch.zeros(layer.num_outputs)
        for lane, (job, indices) in enumerate(zip(self.jobs, distinct, strict=True)):
            if job.parameters is not loaded:
                loaded = job.parameters
                weight.numpy()[:] = view(loaded, layer.weight)
                if layer.bias is not None:
                    bias.numpy()[:] = view(loaded, layer.bias)
            n = len(indices)
            samples = self.samples[lane, :n]
            torch.index_select(everything, 0, indices, out=samples)
            torch.addmm(bias, samples, weight.t(), out=self.starts[lane, :n, : layer.num_outputs])
            self.products[lane, :n, :n].addmm_(samples, samples.t())
        self.starts[num_jobs:], self.products[num_jobs:] = self.starts[num_jobs - 1], self.products[num_jobs - 1]

    def _positions(self, own: Sequence[npt.NDArray[np.int64]]) -> torch.Tensor:
        """Return where the samples of every step lie in A, K and C of all lanes, (num_rows, lanes, width)."""
        num_lanes, num_rows = self.starts.shape[:2]
        positions = np.empty((max(len(rows) for rows in own), num_lanes, own[0].shape[1]), dtype=np.int64)
        for lane, rows in enumerate(own):
            positions[: len(rows), lane] = rows
            positions[len(rows) :, lane] = rows[-1]  # past its steps nobody looks
        positions[:, len(own) :] = positions[:, len(own) - 1 : len(own)]
        positions += np.arange(num_lanes)[:, np.newaxis] * num_rows
        return torch.from_numpy(positions)

    def rows(self, step: int, num_lanes: int) -> torch.Tensor:
        """Return where the samples of a batch lie, (num_lanes, width)."""
        return self._rows[step, :num_lanes]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z (lanes, width, h) of the samples at `inputs : (lanes, width)`, positions as `rows` has them."""
        z = self._picked("z", self.starts, inputs)
        if self.num_steps == 0:
            return z
        products = self._picked("picked products", self.products, inputs)
        return z.baddbmm_(products, self.coefficients[: len(inputs)], beta=1.0 + self.scaling)

    def _picked(self, name: str, rows: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Return the rows (lanes, width, columns) of all lanes at `inputs`, in the room of that name."""
        picked = workspace(self.task, name, (inputs.numel(), rows.shape[-1]))
        torch.index_select(rows.flatten(0, 1), 0, inputs.reshape(-1), out=picked)
        return picked.view(*inputs.shape, -1)

    def descend(self, inputs: torch.Tensor, outer: torch.Tensor) -> None:
        """Take one step down, `outer : (lanes, width, h)` the gradient with respect to z."""
        optimizer, num_lanes = self.task.optimizer, len(inputs)
        rate, decay, pull = optimizer.learning_rate, optimizer.weight_decay, self.jobs[0].proximal_weight
        coefficients, velocities = self.coefficients[:num_lanes], self.velocities[:num_lanes]
        flat, rows = inputs.reshape(-1), outer.flatten(0, 1)
        if optimizer.momentum:
            velocities.mul_(optimizer.momentum)
            if decay + pull:
                velocities.add_(coefficients, alpha=decay + pull)
            velocities.flatten(0, 1).index_add_(0, flat, rows)
            coefficients.add_(velocities, alpha=-rate)
            self.pull *= optimizer.momentum
        else:
            if decay + pull:
                coefficients.mul_(1.0 - rate * (decay + pull))
            coefficients.flatten(0, 1).index_add_(0, flat, rows, alpha=-rate)
            self.pull = 0.0
        self.pull += decay + (decay + pull) * self.scaling
        self.scaling -= rate * self.pull
        self.num_steps += 1

    def store(self, trained: State, lane: int) -> float:
        """Write what a lane has learnt into `trained : (num_entries,)`; return the norm of the weight's update."""
        layer, view, base = self.layer, self.task.layout.view, self.jobs[lane].parameters
        n, before = self.num_distinct[lane], view(base, layer.weight)
        coefficients = self.coefficients[lane, :n, : layer.num_outputs]
        # In a room that stays in the cache: where the result lies does not.
        update = workspace(self.task, "update", (layer.num_outputs, layer.num_inputs))
        torch.mm(coefficients.t(), self.samples[lane, :n], out=update)
        change = update.numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged job says so when it is read
            if self.scaling:
                change += self.scaling * before
            np.add(before, change, out=view(trained, layer.weight))
            if layer.bias is not None:
                start = view(base, layer.bias)
                view(trained, layer.bias)[:] = coefficients.sum(0).numpy() + self.scaling * start + start
        return euclidean_norm(change.reshape(-1))
