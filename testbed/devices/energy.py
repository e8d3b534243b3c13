"""Intervals of time, and from seconds to joules: pure functions.

Our choice: an absent device draws nothing; a slow device draws the power of its profile, for longer.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "Interval",
    "clipped",
    "compute_energy_j",
    "duration_s",
    "standing_energy_j",
    "union",
    "without",
]

Interval: TypeAlias = tuple[float, float]
Quantity = TypeVar("Quantity", float, npt.NDArray[np.float64])


def duration_s(intervals: Iterable[Interval]) -> float:
    """Return the total length of disjoint intervals [s].

    >>> duration_s([(0.0, 1.0), (2.0, 5.0)])
    4.0
    """
    return float(sum(end_s - start_s for start_s, end_s in intervals))


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the instants that any interval covers, as disjoint intervals in order; touching ones are joined.

    >>> union([(2.0, 4.0), (0.0, 1.0), (3.0, 5.0)])
    [(0.0, 1.0), (2.0, 5.0)]
    """
    joined: list[Interval] = []
    for start_s, end_s in sorted(intervals):
        if start_s >= end_s:
            continue
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def without(intervals: Sequence[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """Return what is left of `intervals` after `removed`; both disjoint and in order.

    >>> without([(0.0, 10.0)], [(2.0, 3.0), (9.0, 12.0)])
    [(0.0, 2.0), (3.0, 9.0)]
    """
    left: list[Interval] = []
    position = 0
    for start_s, end_s in intervals:
        while position < len(removed) and removed[position][1] <= start_s:
            position += 1
        # One removed interval may reach into the next of `intervals`, so only this inner index runs past it.
        inner = position
        while start_s < end_s and inner < len(removed) and removed[inner][0] < end_s:
            if removed[inner][0] > start_s:
                left.append((start_s, removed[inner][0]))
            start_s = max(start_s, removed[inner][1])
            inner += 1
        if start_s < end_s:
            left.append((start_s, end_s))
    return left


def clipped(intervals: Iterable[Interval], until_s: float) -> list[Interval]:
    """Return what lies between 0 and `until_s` [s].

    >>> clipped([(1.0, 4.0), (6.0, 7.0)], 3.0)
    [(1.0, 3.0)]
    """
    cut = ((max(start_s, 0.0), min(end_s, until_s)) for start_s, end_s in intervals)
    return [(start_s, end_s) for start_s, end_s in cut if start_s < end_s]


def compute_energy_j(compute_w: float, computing_s: Quantity) -> Quantity:
    """Return the energy of computing [J]: `compute_w * computing_s`.

    >>> compute_energy_j(15.0, 2.0)
    30.0
    """
    return compute_w * computing_s


def standing_energy_j(idle_w: float, idle_s: Quantity, transmit_w: float, transmitting_s: Quantity) -> Quantity:
    """Return what the board draws while it is there and does not compute [J].

        idle_w * idle_s + transmit_w * transmitting_s

    The energy that the radio radiates is not in it: it is counted with the transfer.

    >>> standing_energy_j(3.0, 10.0, 5.5, 2.0)
    41.0
    """
    return idle_w * idle_s + transmit_w * transmitting_s
