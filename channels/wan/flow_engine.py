"""Flows over shared links: who sends at which rate now, and who is done first; no clock of its own.

Rates are max-min fair (`fair_share.py`). When a flow comes or goes or a capacity changes, only the flows whose rate can
change are computed anew: at first the newcomers and whoever the touched links limit; then, as long as the answer
contradicts a flow that was left alone (its bottleneck is no longer full, or a newcomer is faster there, or it is
faster where a newcomer is limited), that flow too. In the end every flow has a bottleneck again, and there is only one
such allocation. At most the flows connected through shared links are touched.

A first-come-first-served link (`is_fifo`) serves one flow at a time, in order of arrival; a flow sends once it is
first on all such links of its route. That cannot lock up: the earliest flow of all is first everywhere.
"""

import heapq
import math
from collections.abc import Iterable
from typing import Any, Final

from channels.wan.fair_share import fill

__all__ = ["Flow", "FlowEngine", "LinkState"]

# Relative difference below which rates are equal: far above rounding, far below what anybody measures.
_TOLERANCE: Final = 1e-10


class LinkState:
    """One direction of a link at this instant: its capacity [bit/s] and the flows on it."""

    __slots__ = ("capacity_bit_per_s", "is_fifo", "limited", "name", "owner", "present", "sending")

    def __init__(self, name: Any, capacity_bit_per_s: float, is_fifo: bool = False, owner: Any = None) -> None:
        self.name = name
        self.capacity_bit_per_s = capacity_bit_per_s
        self.is_fifo = is_fifo
        self.owner = owner
        # Ordered sets: all flows in order of arrival, those that are not in line, and those that this link limits.
        self.present: dict[Flow, None] = {}
        self.sending: dict[Flow, None] = {}
        self.limited: dict[Flow, None] = {}


class Flow:
    """Bits on their way over `links` all at once, at a rate that changes with who else is there."""

    __slots__ = (
        "bits_left",
        "bottleneck",
        "cap_bit_per_s",
        "epoch",
        "links",
        "num_lines",
        "owner",
        "rate_bit_per_s",
        "updated_s",
    )

    def __init__(
        self, links: Iterable[LinkState], bits: float, cap_bit_per_s: float = math.inf, owner: Any = None
    ) -> None:
        self.links = tuple(links)
        self.cap_bit_per_s = cap_bit_per_s
        self.owner = owner
        self.bits_left = bits  # at `updated_s`
        self.updated_s = 0.0
        self.rate_bit_per_s = 0.0
        self.bottleneck: LinkState | None = None
        self.num_lines = 0  # first-come-first-served links on which somebody is before it
        self.epoch = 0  # counts the changes of rate: what was foreseen before one no longer holds

    def bits_left_at(self, time_s: float) -> float:
        """Return the bits still to be sent at a time since the last change of rate [bit]."""
        return max(0.0, self.bits_left - self.rate_bit_per_s * (time_s - self.updated_s))


class FlowEngine:
    """The flows in progress. After `add`, `remove` and `set_capacity`, call `rebalance` before time passes.

    >>> link = LinkState("a", 10.0)
    >>> engine, first, second = FlowEngine(), Flow([link], 30.0), Flow([link], 10.0)
    >>> for flow in (first, second):
    ...     engine.add(flow, 0.0)
    >>> engine.rebalance(0.0)
    >>> engine.next_finish_s(), engine.finished(2.0) == [second]
    (2.0, True)
    >>> engine.rebalance(2.0)
    >>> engine.next_finish_s()
    4.0
    """

    def __init__(self) -> None:
        self._foreseen: list[tuple[float, int, int, Flow]] = []  # (finish, number, epoch, flow); some are outdated
        self._num_foreseen = 0
        # Since the last rebalancing: newcomers, links that lost a flow, and links with another capacity.
        self._newcomers: dict[Flow, None] = {}
        self._relieved: dict[LinkState, None] = {}
        self._changed: dict[LinkState, None] = {}

    def add(self, flow: Flow, now_s: float) -> None:
        """Let a flow begin."""
        flow.updated_s = now_s
        for link in flow.links:
            if link.is_fifo and link.present:
                flow.num_lines += 1
            link.present[flow] = None
        if not flow.num_lines:
            self._let_send(flow)

    def _let_send(self, flow: Flow) -> None:
        self._newcomers[flow] = None
        for link in flow.links:
            link.sending[flow] = None

    def remove(self, flow: Flow) -> None:
        """Let a flow be gone that was sending."""
        self._newcomers.pop(flow, None)
        if flow.bottleneck is not None:
            del flow.bottleneck.limited[flow]
        flow.epoch += 1
        for link in flow.links:
            del link.present[flow], link.sending[flow]
            self._relieved[link] = None
            if link.is_fifo and link.present:
                first = next(iter(link.present))
                first.num_lines -= 1
                if not first.num_lines:
                    self._let_send(first)

    def set_capacity(self, link: LinkState, capacity_bit_per_s: float) -> None:
        """Let a link have another capacity from now on."""
        if capacity_bit_per_s != link.capacity_bit_per_s:
            link.capacity_bit_per_s = capacity_bit_per_s
            self._changed[link] = None

    def next_finish_s(self) -> float:
        """Return when the first flow is done if nothing else happens [s]; infinity for never."""
        foreseen = self._foreseen
        while foreseen and foreseen[0][2] != foreseen[0][3].epoch:
            heapq.heappop(foreseen)
        return foreseen[0][0] if foreseen else math.inf

    def finished(self, now_s: float) -> list[Flow]:
        """Remove and return the flows that are done by now."""
        done = []
        while self.next_finish_s() <= now_s:
            flow = heapq.heappop(self._foreseen)[3]
            flow.bits_left, flow.updated_s, flow.rate_bit_per_s = 0.0, now_s, 0.0
            self.remove(flow)
            done.append(flow)
        return done

    def rebalance(self, now_s: float) -> None:
        """Compute anew the rates that can have changed."""
        chosen = self._first_chosen()
        self._newcomers, self._relieved, self._changed = {}, {}, {}
        while chosen:
            room: dict[LinkState, float] = {}
            for flow in chosen:
                for link in flow.links:
                    if link not in room:
                        others = [f.rate_bit_per_s for f in link.sending if f not in chosen]
                        room[link] = link.capacity_bit_per_s - sum(others)
            flows = list(chosen)
            rates, bottlenecks = fill([f.links for f in flows], [f.cap_bit_per_s for f in flows], room)
            new_rates = dict(zip(flows, rates, strict=True))
            contradicted = _contradicted(new_rates, room, dict(zip(bottlenecks, rates, strict=True)))
            if not contradicted:
                self._apply(new_rates, bottlenecks, now_s)
                return
            chosen.update(contradicted)

    def _first_chosen(self) -> dict[Flow, None]:
        chosen = dict(self._newcomers)
        for flow in self._newcomers:
            for link in flow.links:
                chosen.update(link.limited)
        for link in self._relieved:
            chosen.update(link.limited)
        for link in self._changed:
            chosen.update(link.sending)
        return chosen

    def _apply(self, new_rates: dict[Flow, float], bottlenecks: list[LinkState | None], now_s: float) -> None:
        for (flow, rate), bottleneck in zip(new_rates.items(), bottlenecks, strict=True):
            if bottleneck is not flow.bottleneck:
                if flow.bottleneck is not None:
                    del flow.bottleneck.limited[flow]
                flow.bottleneck = bottleneck
                if bottleneck is not None:
                    bottleneck.limited[flow] = None
            if rate != flow.rate_bit_per_s or flow.epoch == 0:
                flow.bits_left = flow.bits_left_at(now_s)
                flow.updated_s, flow.rate_bit_per_s = now_s, rate
                flow.epoch += 1
                if rate > 0:
                    self._num_foreseen += 1
                    finish_s = now_s + flow.bits_left / rate
                    heapq.heappush(self._foreseen, (finish_s, self._num_foreseen, flow.epoch, flow))


def _contradicted(
    new_rates: dict[Flow, float], room: dict[LinkState, float], levels: dict[LinkState | None, float]
) -> dict[Flow, None]:
    """Return the flows left alone that new rates deprive of their bottleneck, or that deprive a new rate of its own.

    `room` is what is left on each link with a new rate, `levels` the rate of the flows that it limits now.
    """
    found: dict[Flow, None] = {}
    for link, left in room.items():
        alone = [flow for flow in link.limited if flow not in new_rates]
        if alone:
            is_open = left > _TOLERANCE * link.capacity_bit_per_s
            fastest = max(new_rates[flow] for flow in link.sending if flow in new_rates) * (1.0 - _TOLERANCE)
            found.update((flow, None) for flow in alone if is_open or flow.rate_bit_per_s < fastest)
    for bottleneck, rate in levels.items():
        if bottleneck is not None:
            level = rate * (1.0 + _TOLERANCE)
            for flow in bottleneck.sending:
                if flow.rate_bit_per_s > level and flow not in new_rates:
                    found[flow] = None
    return found
