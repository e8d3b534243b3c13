"""In which order a ring goes round: the one whose slowest hop is fastest.

The step of a ring takes as long as its slowest hop, max over hops of V / (M B) + l. Up to 8 members every order is
tried; the least maximum wins, then the least sum over the hops, then the first in alphabetical order.

Our choice above 8: from every member go on to the nearest one left, keep the best of these rings, and exchange two
members or turn a stretch round as long as that improves maximum or sum. It need not be the best.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from channels.wan.collectives.plan import HopTime

__all__ = ["MOST_TRIED", "best_ring"]

MOST_TRIED: Final = 8  # members up to which every order is tried

Order = tuple[int, ...]
Cost = tuple[float, float]


def best_ring(members: Sequence[str], bits: float, hop_s: HopTime) -> tuple[str, ...]:
    """Return the members in the order of the ring; each sends to the next, the last to the first.

    Parameters
    ----------
    members : at least two, all different; in which order they are given changes nothing.
    bits : what each hop carries.
    hop_s : how long that takes.

    >>> far = {frozenset("ac"), frozenset("bd")}
    >>> best_ring("acbd", 1.0, lambda one, other, bits: 9.0 if frozenset((one, other)) in far else 1.0)
    ('a', 'b', 'c', 'd')
    """
    names = sorted(members)
    hops = [[hop_s(one, other, bits) if one != other else 0.0 for other in names] for one in names]
    rest = range(1, len(names))
    if len(names) <= MOST_TRIED:
        order = min(
            ((0, *order) for order in itertools.permutations(rest)), key=lambda order: (*_cost(order, hops), order)
        )
    else:
        order = _improved(
            min((_nearest_next(first, hops) for first in range(len(names))), key=lambda o: _cost(o, hops)), hops
        )
    start = order.index(0)
    return tuple(names[member] for member in (*order[start:], *order[:start]))


def _cost(order: Order, hops: Sequence[Sequence[float]]) -> Cost:
    times_s = [hops[one][other] for one, other in zip(order, (*order[1:], order[0]), strict=True)]
    # Sorted, so that a ring begun elsewhere has the same sum to the last bit.
    return max(times_s), sum(sorted(times_s))


def _nearest_next(first: int, hops: Sequence[Sequence[float]]) -> Order:
    order, left = [first], set(range(len(hops))) - {first}
    while left:
        order.append(min(left, key=lambda other: (hops[order[-1]][other], other)))
        left.remove(order[-1])
    return tuple(order)


def _improved(order: Order, hops: Sequence[Sequence[float]]) -> Order:
    cost, is_done = _cost(order, hops), False
    while not is_done:
        is_done = True
        for other in _neighbours(order):
            if (other_cost := _cost(other, hops)) < cost:
                order, cost, is_done = other, other_cost, False
                break
    return order


def _neighbours(order: Order) -> Iterator[Order]:
    for first, last in itertools.combinations(range(len(order)), 2):
        yield (*order[:first], *reversed(order[first : last + 1]), *order[last + 1 :])
        exchanged = list(order)
        exchanged[first], exchanged[last] = order[last], order[first]
        yield tuple(exchanged)
