"""How many fragments go in a horizon of H steps, and how far apart: from what the network carries, or as stated.

    N = max(K, floor(gam H T_c / T_s))        h = floor(H / N)

with T_s the time of an all-reduce of a fragment, T_c that of an inner step and gam the share of the time in which the
network may be busy (CoCoDC, arXiv 2504.17672; the formula as its public prototype's defaults imply it). Our choice: N
is at most H, a slot a step. If K T_s > H T_c the network cannot carry each fragment once: it is *oversubscribed*, and
h = ceil(T_s / T_c). Times are exponentially weighted means. Floors and ceilings forgive a relative 1e-9, so that a
rounding error moves no slot.
"""

import math
from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple, Protocol

__all__ = ["FixedPace", "MeasuredPace", "Pace", "Slots", "slots_for"]

_FORGIVEN: Final = 1e-9


class Slots(NamedTuple):
    """How fragments are spread over a horizon.

    Attributes
    ----------
    num_syncs : N, as many as the network should carry in H steps.
    spacing_steps : h, inner steps from slot to slot; as it is a whole number there may be more than N slots.
    oversubscribed : whether the network cannot even carry each fragment once.
    """

    num_syncs: int
    spacing_steps: int
    oversubscribed: bool = False


def slots_for(
    num_fragments: int, sync_every: int, utilisation: float, step_s: float, transfer_s: float, slow_down: bool = True
) -> Slots:
    """Return N, h and whether the network is oversubscribed.

    Parameters
    ----------
    num_fragments, sync_every : K and H.
    utilisation : gam > 0.
    step_s, transfer_s : T_c and T_s [s].
    slow_down : whether an oversubscribed network gets a wider spacing.

    Raises
    ------
    ValueError : a step that takes no time, or a negative time.

    >>> slots_for(4, 100, 0.4, step_s=1.0, transfer_s=5.0)
    Slots(num_syncs=8, spacing_steps=12, oversubscribed=False)
    """
    if not (step_s > 0.0 and transfer_s >= 0.0):
        raise ValueError(f"step_s must be above 0 and transfer_s at least 0, got {step_s} and {transfer_s}")
    every_step = utilisation * step_s >= transfer_s
    fitting = sync_every if every_step else _whole(math.floor, utilisation * sync_every * step_s / transfer_s)
    num_syncs = max(num_fragments, fitting)
    spacing = max(sync_every // num_syncs, 1)
    oversubscribed = num_fragments * transfer_s > sync_every * step_s * (1.0 + _FORGIVEN)
    if oversubscribed and slow_down:
        spacing = max(spacing, _whole(math.ceil, transfer_s / step_s))
    return Slots(num_syncs, spacing, oversubscribed)


def _whole(rounded: Callable[[float], int], value: float) -> int:
    """Return a number rounded down or up, or the whole number that it is but for a rounding error."""
    nearest = round(value)
    return nearest if math.isclose(value, nearest, rel_tol=_FORGIVEN) else rounded(value)


class Pace(Protocol):
    """Where the spacing of a calendar comes from."""

    changes: ClassVar[bool]  # whether what is measured moves the slots

    def slots(self) -> Slots:
        """Return the slots from now on."""
        ...

    def measure(self, transfer_s: float, step_s: float) -> None:
        """Take note of how long an all-reduce and an inner step took [s]."""
        ...


class FixedPace:
    """The same spacing for the whole run."""

    changes: ClassVar[bool] = False

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def slots(self) -> Slots:
        """Return the slots."""
        return self._slots

    def measure(self, transfer_s: float, step_s: float) -> None:
        """Nothing measured changes them."""


class MeasuredPace:
    """Slots from times measured so far; before the first ones each fragment goes once in a horizon.

    Attributes
    ----------
    transfer_s, step_s : T_s and T_c as estimated now; none before the first measurement [s].
    """

    changes: ClassVar[bool] = True

    def __init__(self, num_fragments: int, sync_every: int, utilisation: float, memory: float, slow_down: bool) -> None:
        self.transfer_s: float | None = None
        self.step_s: float | None = None
        self._num_fragments, self._sync_every = num_fragments, sync_every
        self._utilisation, self._memory, self._slow_down = utilisation, memory, slow_down

    def slots(self) -> Slots:
        """Return the slots for the times as estimated now."""
        if self.transfer_s is None or self.step_s is None:
            return Slots(self._num_fragments, self._sync_every // self._num_fragments)
        return slots_for(
            self._num_fragments, self._sync_every, self._utilisation, self.step_s, self.transfer_s, self._slow_down
        )

    def measure(self, transfer_s: float, step_s: float) -> None:
        """Move the estimates towards new times; the first ones are taken as they are."""
        self.transfer_s = self._mean(self.transfer_s, transfer_s)
        self.step_s = self._mean(self.step_s, step_s)

    def _mean(self, old: float | None, new: float) -> float:
        return new if old is None else self._memory * old + (1.0 - self._memory) * new
