"""Max-min fair rates of concurrent flows over shared links, each perhaps with a cap of its own.

An allocation is max-min fair if no flow's rate can be raised without lowering that of a flow that has no more. It is
the only one in which every flow either sends at its cap or has a *bottleneck*: a full link on which nobody is faster.

Progressive filling finds it: all rates grow together; where a link fills up, the flows on it stop growing; a flow
that reaches its cap stops too.

References
----------
Bertsekas and Gallager, Data Networks, 2nd edition, 1992, section 6.5.2.
"""

import heapq
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

__all__ = ["fill", "max_min_rates"]

K = TypeVar("K", bound=Hashable)


def max_min_rates(
    routes: Sequence[Sequence[K]], capacities: Mapping[K, float], caps: Sequence[float] | None = None
) -> list[float]:
    """Return the max-min fair rates of flows, one a route.

    Parameters
    ----------
    routes : of each flow, the links it uses at once, each at most one time; at least one link or a finite cap.
    capacities : of each link, at least 0.
    caps : the most that each flow sends at; None: as much as it gets.

    >>> max_min_rates(["a", "ab", "b"], {"a": 1.0, "b": 3.0})
    [0.5, 0.5, 2.5]
    """
    caps = [math.inf] * len(routes) if caps is None else caps
    rates, _ = fill(routes, caps, dict(capacities))
    return rates


def fill(
    routes: Sequence[Sequence[K]], caps: Sequence[float], room: dict[K, float]
) -> tuple[list[float], list[K | None]]:
    """Return the max-min fair rates, and of each flow the link that limits it; None where its cap does.

    `room` is what each link has to give; what is left of it stands there afterwards.
    """
    num_flows = len(routes)
    rates = [-1.0] * num_flows
    bottlenecks: list[K | None] = [None] * num_flows
    flows_on: dict[K, list[int]] = {}
    for flow, route in enumerate(routes):
        for link in route:
            if link in flows_on:
                flows_on[link].append(flow)
            else:
                flows_on[link] = [flow]
    growing = {link: len(flows) for link, flows in flows_on.items()}
    # What limits whom next: (rate, unique number, link); a flow's cap has the number -1 - flow and no link.
    heap: list[tuple[float, int, K | None]] = [
        (room[link] / growing[link], number, link) for number, link in enumerate(flows_on)
    ]
    heap += [(cap, -1 - flow, None) for flow, cap in enumerate(caps) if cap != math.inf]
    heapq.heapify(heap)
    num_fixed = 0
    while num_fixed < num_flows:
        rate, number, full = heapq.heappop(heap)
        if full is None:
            stopping = [-1 - number]
        else:
            if not growing[full]:
                continue
            share = room[full] / growing[full]
            if share > rate:  # others have stopped since: it fills up later
                heapq.heappush(heap, (share, number, full))
                continue
            rate, stopping = max(share, 0.0), flows_on[full]
        for flow in stopping:
            if rates[flow] < 0:
                rates[flow], bottlenecks[flow] = rate, full
                num_fixed += 1
                for link in routes[flow]:
                    room[link] -= rate
                    growing[link] -= 1
        if full is not None:
            room[full] = 0.0  # not what rounding left
    return rates, bottlenecks
