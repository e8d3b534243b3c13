"""Flows on the clock: the engine's rates, told when flows come, are done, and capacities step.

Whatever happens at one instant is settled once, before time passes. A link's capacity is looked up while somebody is on
it, at every step of its course and of its outages; a link that nobody uses costs nothing.
"""

import heapq
import math
from collections.abc import Iterable, Sequence

import simpy

from channels.wan.bandwidth import Course
from channels.wan.flow_engine import Flow, FlowEngine, LinkState
from testbed.devices.energy import Interval
from testbed.simulation import Simulation

__all__ = ["Supply", "Traffic"]


class Supply:
    """What one direction of a link has to give over time, and what it has given.

    Parameters
    ----------
    course : its capacity.
    goodput_fraction : the share of it that carries payload.
    outages : when it gives nothing, disjoint and in order [s].
    """

    __slots__ = ("busy_s", "busy_since_s", "course", "fraction", "is_watched", "num_flows", "outages", "payload_bits")

    def __init__(self, course: Course, goodput_fraction: float, outages: Sequence[Interval] = ()) -> None:
        self.course = course
        self.fraction = goodput_fraction
        self.outages = outages
        self.is_watched = False  # whether its next step, if there is one, is on the agenda
        self.busy_s = 0.0
        self.busy_since_s = math.inf
        self.payload_bits = 0.0
        self.num_flows = 0

    def at(self, time_s: float) -> tuple[float, float]:
        """Return what payload it carries at a time [bit/s], and until when that holds [s]."""
        next_s = math.inf
        for start_s, end_s in self.outages:
            if start_s <= time_s < end_s:
                return 0.0, end_s
            if start_s > time_s:
                next_s = start_s
                break
        rate, until_s = self.course.at(time_s)
        return rate * self.fraction, min(until_s, next_s)

    def is_dead(self, time_s: float) -> bool:
        """Return whether nothing will pass from now on for ever."""
        return self.at(time_s) == (0.0, math.inf)


class Traffic:
    """All flows in progress on the clock of a simulation; the owners of links are supplies.

    A flow's owner is the event that happens when its last bit has arrived: `delay_s` after it was sent.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._engine = FlowEngine()
        self._steps: list[tuple[float, int, LinkState]] = []
        self._num_steps = 0
        self._wake_s = math.inf  # when the next wake-up is due; any other one is outdated
        self._arrivals: dict[Flow, tuple[simpy.Event, float]] = {}

    def send(self, flow: Flow, arrival: simpy.Event, delay_s: float) -> None:
        """Let a flow begin now; `arrival` happens `delay_s` after its last bit was sent."""
        now_s = self._simulation.now_s
        self._arrivals[flow] = arrival, delay_s
        for link in flow.links:
            supply: Supply = link.owner
            supply.num_flows += 1
            if not link.present:
                supply.busy_since_s = now_s
        self._engine.add(flow, now_s)
        for link in flow.links:
            if not link.owner.is_watched:
                self._look(link, now_s)
        self._wake_at(now_s)

    def cut(self, flow: Flow) -> float:
        """Return the bits of a flow that are still to be sent, now that everything ends [bit]."""
        return flow.bits_left_at(self._simulation.now_s) if flow in self._arrivals else 0.0

    def _look(self, link: LinkState, now_s: float) -> None:
        """Look a capacity up, and put its next step on the agenda if somebody can be served by then."""
        capacity, until_s = link.owner.at(now_s)
        self._engine.set_capacity(link, capacity)
        if until_s == math.inf:
            link.owner.is_watched = True  # there is nothing more to see
        elif any(not is_stuck(flow, now_s) for flow in link.present):
            # Nobody else is watched: a capacity that goes on changing would hide that nothing can happen any more.
            link.owner.is_watched = True
            self._num_steps += 1
            heapq.heappush(self._steps, (until_s, self._num_steps, link))

    def _wake_at(self, time_s: float) -> None:
        if time_s < self._wake_s:
            self._wake_s = time_s
            event = self._simulation.env.timeout(time_s - self._simulation.now_s, time_s)
            event.callbacks.append(self._wake)

    def _wake(self, event: simpy.Event) -> None:
        if event.value != self._wake_s:
            return
        self._wake_s = math.inf
        now_s = self._simulation.now_s
        for flow in self._engine.finished(now_s):
            arrival, delay_s = self._arrivals.pop(flow)
            arrival._ok, arrival._value = True, flow
            self._simulation.env.schedule(arrival, delay=delay_s)
            for link in flow.links:
                if not link.present:
                    _rest(link.owner, now_s)
        while self._steps and self._steps[0][0] <= now_s:
            link = heapq.heappop(self._steps)[2]
            link.owner.is_watched = False
            if link.present:
                self._look(link, now_s)
        self._engine.rebalance(now_s)
        next_s = min(self._engine.next_finish_s(), self._steps[0][0] if self._steps else math.inf)
        if next_s < math.inf:
            self._wake_at(next_s)


def is_stuck(flow: Flow, now_s: float) -> bool:
    """Return whether a flow will never get on: a link of its route is down for good, or somebody before it is stuck."""
    for link in flow.links:
        if link.owner.is_dead(now_s):
            return True
        first = next(iter(link.present))
        if link.is_fifo and first is not flow and is_stuck(first, now_s):
            return True
    return False


def _rest(supply: Supply, now_s: float) -> None:
    if supply.busy_since_s < math.inf:  # of flows that end together each finds the link empty
        supply.busy_s += now_s - supply.busy_since_s
        supply.busy_since_s = math.inf


def close(links: Iterable[LinkState], elapsed_s: float) -> None:
    """Count links that are still in use as busy up to the end of the run [s]."""
    for link in links:
        if link.present:
            _rest(link.owner, elapsed_s)
