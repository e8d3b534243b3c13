"""Delayed Nesterov: a step at every arrival, the momentum only at every M-th.

    acc <- acc + Delta
    every M-th arrival    v <- mu v + acc / M,   G <- G - lr (mu v + Delta / M),   acc <- 0
    any other             G <- G - lr Delta / M

Liu et al., "Asynchronous Local-SGD Training for Language Modeling", arXiv 2401.09135: with a momentum at every arrival
a server multiplies by M what one region says. M arrivals of one and the same Delta move the parameters as far as one
step of `nesterov`; the rate 0.07 is that of their published toy example. Our choice: M is the number of regions unless
stated.
"""

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from algorithms.outer_optimizer.momentum import MomentumFactor, check_step
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["DelayedNesterov", "DelayedNesterovState"]


class DelayedNesterovState:
    """The momentum of one vector, and what arrived since it was last renewed.

    Attributes
    ----------
    buffer : (num_entries,) float64, v.
    accumulated : (num_entries,) float64, acc.
    num_arrivals : how many pseudo-gradients are in `accumulated`.
    """

    def __init__(self, num_entries: int, learning_rate: float, momentum: float, period: int) -> None:
        self.buffer: FloatArray = np.zeros(num_entries)
        self.accumulated: FloatArray = np.zeros(num_entries)
        self.num_arrivals = 0
        self._learning_rate, self._momentum, self._period = learning_rate, momentum, period

    def step(self, parameters: FloatArray, delta: FloatArray) -> FloatArray:
        """Return the new global parameters; see `OuterState.step`."""
        check_step(self.buffer, parameters, delta)
        direction = delta / self._period
        self.accumulated = self.accumulated + delta
        self.num_arrivals += 1
        if self.num_arrivals == self._period:
            self.buffer = self._momentum * self.buffer + self.accumulated / self._period
            direction = direction + self._momentum * self.buffer
            self.accumulated = np.zeros_like(self.buffer)
            self.num_arrivals = 0
        return (parameters - self._learning_rate * direction).astype(parameters.dtype)


class DelayedNesterov(Part):
    """Nesterov momentum for a server that steps at every arrival."""

    kind: str = "delayed-nesterov"
    learning_rate: PositiveFloat = 0.07  # [asyncdiloco]
    momentum: MomentumFactor = 0.9  # mu [asyncdiloco]
    num_arrivals: PositiveInt | None = None  # M, arrivals between two renewals of the momentum; the number of regions

    def start(self, num_entries: int, num_regions: int = 1) -> DelayedNesterovState:
        """Return the state before the first arrival; see `OuterOptimizer.start`."""
        period = num_regions if self.num_arrivals is None else self.num_arrivals
        return DelayedNesterovState(num_entries, self.learning_rate, self.momentum, period)
