"""The learning rate of every step: a linear warm-up to the peak, then constant, cosine, linear or exponential decay.

With peak eta, w warm-up steps, T steps in total, final fraction f, factor g, x = (k - w) / (T - w) at step k from 0:

    warm-up, k < w      eta (k + 1) / w
    none                eta
    cosine              eta (f + (1 - f) (1 + cos(pi x)) / 2)
    linear              eta (f + (1 - f) (1 - x))
    exponential         eta max(f, g^(k - w))

The rate stays at f eta from step T on, or once an exponential decay has come down to it. Our choice: the first step has
the rate eta / w and not 0, so none is wasted.
The cosine is that of Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError

__all__ = ["Decay", "LearningRate"]

Decay: TypeAlias = Literal["none", "cosine", "linear", "exponential"]


@dataclass(frozen=True)
class LearningRate:
    """The rate of each step; the equations stand at the top of this module.

    Parameters
    ----------
    peak : eta, above 0.
    warmup_steps : w, at least 0.
    decay : what follows the warm-up.
    final_fraction : f, in [0, 1].
    total_steps : T, above w; needed by a cosine or linear decay alone.
    factor : g, in (0, 1); belongs to an exponential decay, which needs it.

    Raises
    ------
    RequestError : a decay without an end or factor, or a warm-up that leaves nothing to decay.

    >>> LearningRate(1.0, warmup_steps=2, decay="linear", final_fraction=0.5, total_steps=4).rates(0, 6).tolist()
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.5]
    >>> LearningRate(1.0, decay="exponential", final_fraction=0.1, factor=0.5).rates(0, 5).tolist()
    [1.0, 0.5, 0.25, 0.125, 0.1]
    """

    peak: float
    warmup_steps: int = 0
    decay: Decay = "none"
    final_fraction: float = 0.0
    total_steps: int | None = None
    factor: float | None = None

    def __post_init__(self) -> None:
        if (self.decay == "exponential") != (self.factor is not None):
            raise RequestError(
                f"decay = {self.decay!r}, decay_factor = {self.factor}: what a step leaves of the rate belongs to the "
                'decay "exponential", which needs it'
            )
        if self.decay in ("none", "exponential"):
            return
        if self.total_steps is None:
            raise RequestError(
                f"decay = {self.decay!r} needs to know where it ends: set training.total_steps, or run.horizon_rounds"
            )
        if self.total_steps <= self.warmup_steps:
            raise RequestError(
                f"warmup_steps = {self.warmup_steps} leaves nothing of total_steps = {self.total_steps} to decay"
            )

    @property
    def is_constant(self) -> bool:
        """Whether every step has the same rate."""
        return self.decay == "none" and self.warmup_steps == 0

    def rate(self, step: int) -> float:
        """Return the rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.factor is not None:
            return self.peak * max(self.final_fraction, self.factor ** (step - self.warmup_steps))
        if self.decay == "none" or self.total_steps is None:
            return self.peak
        x = min(1.0, (step - self.warmup_steps) / (self.total_steps - self.warmup_steps))
        share = 1.0 - x if self.decay == "linear" else (1.0 + math.cos(math.pi * x)) / 2.0
        return self.peak * (self.final_fraction + (1.0 - self.final_fraction) * share)

    def rates(self, first_step: int, num_steps: int) -> npt.NDArray[np.float64]:
        """Return the rates of consecutive steps, (num_steps,)."""
        return np.array([self.rate(first_step + k) for k in range(num_steps)], dtype=np.float64)
