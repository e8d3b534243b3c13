"""A large matrix whose steps are kept apart for a while, as the products they are, and then taken at once.

A step of gradient descent adds a product of few rows, D^T x, to the weights of a linear layer. Where no cache holds
them, most of such a step is spent reading and writing weights. So the latest steps stay as they are,

    W = a W_0 + sum_s D_s^T x_s,    x W^T = a x W_0^T + sum_s (x x_s^T) D_s,    D W = a D W_0 + sum_s (D D_s^T) x_s,

D_s times minus its rate. That costs little as long as all rows are few beside the sides of the matrix. W_0 is only
read, and while it is that of several jobs, one product with it serves them all: see `lockstep`.
"""

from typing import Final

import torch

from testbed.learning.kernels.lockstep import Asking, Product
from testbed.learning.optimizer import OptimizerSettings

__all__ = ["DeferredMatrix", "deferred_rows"]

# What stays in a core's own cache need not be spared.
_FEWEST_BYTES: Final = 1e6


def deferred_rows(num_inputs: int, num_outputs: int, width: int) -> int:
    """Return how many rows of steps are kept apart, 0 where it does not pay; `width` : rows of a step.

    At the most, half of all steps' work on the matrix is spent on what was kept apart.

    >>> deferred_rows(3136, 512, 10), deferred_rows(3136, 512, 100), deferred_rows(784, 200, 10)
    (110, 0, 0)
    """
    most = num_inputs * num_outputs // (4 * (num_inputs + num_outputs))
    return most if most >= 2 * width and 4 * num_inputs * num_outputs >= _FEWEST_BYTES else 0


class DeferredMatrix:
    """The weights (out, in) of a linear layer in plain gradient descent.

    Parameters
    ----------
    start : W_0, which is only read unless it is `place`.
    place : where the weights lie once `settle` has been called.
    num_rows : the most rows of steps that are kept apart.
    """

    def __init__(self, start: torch.Tensor, place: torch.Tensor, optimizer: OptimizerSettings, num_rows: int) -> None:
        self.start, self.place = start, place
        self._rate = optimizer.learning_rate
        self._kept = 1.0 - optimizer.learning_rate * optimizer.weight_decay
        self._outers = torch.empty(num_rows, place.shape[0])
        self._inputs = torch.empty(num_rows, place.shape[1])
        self._factor, self._num_rows = 1.0, 0

    def forward(self, x: torch.Tensor) -> Asking[torch.Tensor]:
        """Return x W^T, (n, out)."""
        found = yield Product(x, self.start, forward=True)
        outers, inputs = self._steps()
        return found.addmm_(x.mm(inputs.t()), outers, beta=self._factor) if len(outers) else found

    def backward(self, outer: torch.Tensor) -> Asking[torch.Tensor]:
        """Return outer W, (n, in)."""
        found = yield Product(outer, self.start, forward=False)
        outers, inputs = self._steps()
        return found.addmm_(outer.mm(outers.t()), inputs, beta=self._factor) if len(outers) else found

    def descend(self, outer: torch.Tensor, x: torch.Tensor) -> None:
        """W <- (1 - rate decay) W - rate outer^T x."""
        stop = self._num_rows + len(x)
        if stop > len(self._outers):
            self.settle()
            stop = len(x)
        if self._kept != 1.0:
            self._factor *= self._kept
            self._outers[: self._num_rows] *= self._kept
        torch.mul(outer, -self._rate, out=self._outers[self._num_rows : stop])
        self._inputs[self._num_rows : stop] = x
        self._num_rows = stop

    def settle(self) -> None:
        """Take the steps that were kept apart; from now on nobody else has this W_0."""
        outers, inputs = self._steps()
        if self.start is not self.place:
            self.place.copy_(self.start)
            self.start = self.place
        self.place.addmm_(outers.t(), inputs, beta=self._factor)
        self._factor, self._num_rows = 1.0, 0

    def _steps(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._outers[: self._num_rows], self._inputs[: self._num_rows]
