"""What all regions know of a fragment, and the protocol of the rules that choose the next one to send.

A rule reads histories only. They hold steps and norms of all-reduced pseudo-gradients, which are the same in every
region, so all regions choose alike without a word; a rule that read local parameters would make them disagree, and a
real all-reduce wait for ever.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from testbed.layout import FloatArray

__all__ = ["Change", "History", "Selector"]


@dataclass(frozen=True)
class Change:
    """What the pseudo-gradient of a fragment was when it was last applied.

    Attributes
    ----------
    l1_norm, l2_norm : of the mean over regions of old minus new.
    num_entries : n, the size of the fragment.
    interval_steps : I, inner steps between the two last sendings before it was applied.
    """

    l1_norm: float
    l2_norm: float
    num_entries: int
    interval_steps: int

    @classmethod
    def of(cls, delta: FloatArray, interval_steps: int) -> "Change":
        """Return the change that the pseudo-gradient `delta : (num_entries,)` stands for."""
        exact = np.asarray(delta, dtype=np.float64)
        return cls(float(np.abs(exact).sum()), float(np.linalg.norm(exact)), exact.size, interval_steps)

    @property
    def rms(self) -> float:
        """The root of the mean square of the entries."""
        return self.l2_norm / math.sqrt(max(self.num_entries, 1))


@dataclass(frozen=True)
class History:
    """When a fragment was sent, and how it had changed.

    Attributes
    ----------
    last_send : t_b, the inner step after which it was last sent; 0 if never.
    previous_send : t_a, the one before; 0 if there was none.
    change : at its last application; none before the first.
    """

    last_send: int = 0
    previous_send: int = 0
    change: Change | None = None

    @property
    def interval_steps(self) -> int:
        """I = t_b - t_a; for the first sending since the start of the run."""
        return self.last_send - self.previous_send


class Selector(Protocol):
    """The rule that chooses the fragment to send."""

    @property
    def reads_trained_values(self) -> bool:
        """Whether the choice depends on what was learnt."""
        ...

    def choose(self, step: int, candidates: Sequence[int], histories: Sequence[History]) -> int:
        """Return one of `candidates`.

        Parameters
        ----------
        step : inner step after which it is sent.
        candidates : the fragments that are not in flight then, ascending; at least one.
        histories : of every fragment, by index.
        """
        ...
