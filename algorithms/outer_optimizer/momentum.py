"""Gradient steps along the pseudo-gradient Delta, with or without momentum.

    buf <- mu buf + Delta             (buf = 0 before the first step)
    nesterov    G <- G - lr (Delta + mu buf)
    momentum    G <- G - lr buf
    sgd         G <- G - lr Delta
    average     G <- G - Delta        the mean of the regions' parameters

as `torch.optim.SGD` does without dampening. Nesterov with 0.7 and 0.9 is DiLoCo's (Douillard et al., arXiv 2311.08105);
heavy ball at a server is FedAvgM's (Hsu et al., arXiv 1909.06335), averaging FedAvg's (McMahan et al., AISTATS 2017).
Our choice: the other rules have Nesterov's rate by default, so that exchanging the rule changes one thing; buffers are
in double precision.
"""

from typing import Annotated, Final

import numpy as np
from pydantic import Field, PositiveFloat

from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Average", "HeavyBall", "MomentumFactor", "MomentumState", "Nesterov", "Sgd", "check_step"]

MomentumFactor = Annotated[float, Field(ge=0, lt=1)]

_DILOCO_RATE: Final = 0.7
_DILOCO_MOMENTUM: Final = 0.9


class MomentumState:
    """The momentum of one vector.

    Attributes
    ----------
    buffer : (num_entries,) float64, the sum of past pseudo-gradients, each shrunk by `momentum` a step.
    """

    def __init__(self, num_entries: int, learning_rate: float, momentum: float, nesterov: bool) -> None:
        self.buffer: FloatArray = np.zeros(num_entries)
        self._learning_rate, self._momentum, self._nesterov = learning_rate, momentum, nesterov

    def step(self, parameters: FloatArray, delta: FloatArray) -> FloatArray:
        """Return the new global parameters; see `OuterState.step`."""
        check_step(self.buffer, parameters, delta)
        self.buffer = self._momentum * self.buffer + delta
        direction = delta + self._momentum * self.buffer if self._nesterov else self.buffer
        return (parameters - self._learning_rate * direction).astype(parameters.dtype)


def check_step(state: FloatArray, parameters: FloatArray, delta: FloatArray) -> None:
    """Refuse parameters or a pseudo-gradient that are not of the state's shape.

    Raises
    ------
    ValueError : another shape.
    """
    for name, array in {"parameters": parameters, "delta": delta}.items():
        if np.shape(array) != state.shape:
            raise ValueError(f"{name} has shape {np.shape(array)}; the state is of {state.shape}")


class Nesterov(Part):
    """Nesterov momentum, as in DiLoCo."""

    kind: str = "nesterov"
    learning_rate: PositiveFloat = _DILOCO_RATE  # [DiLoCo]; Streaming DiLoCo 0.4
    momentum: MomentumFactor = _DILOCO_MOMENTUM  # mu [DiLoCo]

    def start(self, num_entries: int, num_regions: int = 1) -> MomentumState:
        """Return the state before the first step; see `OuterOptimizer.start`."""
        return MomentumState(num_entries, self.learning_rate, self.momentum, nesterov=True)


class HeavyBall(Part):
    """Heavy-ball momentum."""

    kind: str = "momentum"
    learning_rate: PositiveFloat = _DILOCO_RATE  # our choice, as nesterov
    momentum: MomentumFactor = _DILOCO_MOMENTUM  # mu; our choice, as nesterov

    def start(self, num_entries: int, num_regions: int = 1) -> MomentumState:
        """Return the state before the first step; see `OuterOptimizer.start`."""
        return MomentumState(num_entries, self.learning_rate, self.momentum, nesterov=False)


class Sgd(Part):
    """A step along the pseudo-gradient, without a memory."""

    kind: str = "sgd"
    learning_rate: PositiveFloat = _DILOCO_RATE  # our choice, as nesterov

    def start(self, num_entries: int, num_regions: int = 1) -> MomentumState:
        """Return the state before the first step; see `OuterOptimizer.start`."""
        return MomentumState(num_entries, self.learning_rate, momentum=0.0, nesterov=False)


class Average(Part):
    """The mean of the regions' parameters: rate 1, no momentum."""

    kind: str = "average"

    def start(self, num_entries: int, num_regions: int = 1) -> MomentumState:
        """Return the state before the first step; see `OuterOptimizer.start`."""
        return MomentumState(num_entries, learning_rate=1.0, momentum=0.0, nesterov=False)
