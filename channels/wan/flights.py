"""Flights: flows between nodes with their records. A flight begins now and lands when its last bit has arrived."""

import math
from collections.abc import Iterable
from functools import partial

import simpy

from channels.wan.flow_engine import Flow
from channels.wan.traffic import Traffic, is_stuck
from channels.wan.ways import Way, address
from testbed.records import NO_CAUSE, Schema
from testbed.simulation import Simulation
from testbed.streams import Purpose

__all__ = ["FLOW", "Flight", "Flights"]

FLOW = Schema.of(
    "flow",
    "What one node sent to another over the network.",
    span_id=("int", "the transmit span"),
    source=("str", "node it left"),
    target=("str", "node it went to"),
    route=("str", "nodes it passed, both ends included, joined by >"),
    what=("str", "what it was, in the words of who sent it"),
    start_s=("float", "when its first bit left [s]"),
    sent_s=("float", "when its last bit left, or the run ended [s]; from then on it travels"),
    end_s=("float", "when its last bit arrived, or the run ended [s]"),
    bits=("float", "payload that left the source [bit]"),
    energy_j=("float", "energy of putting it on the links of its route [J]"),
    outcome=("str", "delivered, or cut: the run ended before the last bit arrived"),
)


class Flight:
    """One flow, from when it begins; `landing` happens when its last bit has arrived, and `span_id` is known then."""

    __slots__ = ("bits", "cause_id", "delay_s", "end_s", "flow", "landing", "span_id", "start_s", "way", "what")

    def __init__(self, way: Way, bits: float, what: str, cause_id: int, start_s: float) -> None:
        self.way = way
        self.bits = bits
        self.what = what
        self.cause_id = cause_id
        self.start_s = start_s
        self.delay_s = 0.0
        self.end_s = math.inf
        self.span_id = NO_CAUSE
        self.flow = Flow(way.links, bits, way.cap_bit_per_s)
        self.landing: simpy.Event

    @property
    def source(self) -> str:
        """The node it left."""
        return self.way.nodes[0]

    @property
    def target(self) -> str:
        """The node it goes to."""
        return self.way.nodes[-1]


class Flights:
    """All flights of a network."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._traffic = Traffic(simulation)
        self._record_flow = simulation.records.open(FLOW)
        self._in_air: dict[Flight, None] = {}
        self._num_launched: dict[tuple[str, str], int] = {}

    def launch(self, way: Way, bits: float, what: str, cause_id: int) -> Flight:
        """Let a flight begin now, released by the end of a span."""
        flight = Flight(way, bits, what, cause_id, self._simulation.now_s)
        flight.landing = self._simulation.event(partial(self._describe, flight))
        flight.landing.callbacks.append(partial(self._land, flight))
        self._in_air[flight] = None
        flight.delay_s = way.delay_s + self._jitter_s(flight)
        self._traffic.send(flight.flow, flight.landing, flight.delay_s)
        return flight

    def _jitter_s(self, flight: Flight) -> float:
        if flight.way.jitters_s is None:
            return 0.0
        ends = flight.source, flight.target
        number = self._num_launched[ends] = self._num_launched.get(ends, -1) + 1
        rng = self._simulation.stream(Purpose.JITTER, *map(address, ends), number)
        return float(rng.random(len(flight.way.jitters_s)) @ flight.way.jitters_s)

    def _describe(self, flight: Flight) -> str:
        words = f"the flow {flight.source} -> {flight.target}" + (f" ({flight.what})" if flight.what else "")
        now_s = self._simulation.now_s
        dead = [link.name for link in flight.way.links if link.owner.is_dead(now_s)]
        if dead:
            return f"{words}: the link {dead[0][0]} -> {dead[0][1]} is down for good"
        return f"{words}: stuck behind another flow" if is_stuck(flight.flow, now_s) else words

    def _land(self, flight: Flight, _event: simpy.Event) -> None:
        del self._in_air[flight]
        self._record(flight, flight.bits, "delivered")

    def _record(self, flight: Flight, bits: float, outcome: str) -> None:
        flight.end_s = self._simulation.now_s
        delay_s = flight.delay_s if outcome == "delivered" else 0.0
        way, records = flight.way, self._simulation.records
        entity = f"wan-{flight.source}-{flight.target}"
        flight.span_id = records.span(entity, "transmit", flight.start_s, flight.end_s, flight.cause_id)
        for link in way.links:
            link.owner.payload_bits += bits
        self._record_flow(
            flight.span_id,
            flight.source,
            flight.target,
            ">".join(way.nodes),
            flight.what,
            flight.start_s,
            max(flight.start_s, flight.end_s - delay_s),
            flight.end_s,
            bits,
            bits * way.energy_j_per_bit,
            outcome,
        )

    def cut(self) -> None:
        """End every flight in the air, now that the run is over, with the bits that have left so far."""
        for flight in self._in_air:
            self._record(flight, flight.bits - self._traffic.cut(flight.flow), "cut")
        self._in_air.clear()


def last_of(flights: Iterable[Flight]) -> Flight:
    """Return the flight that landed last; of several the one that began last."""
    *_, last = sorted(flights, key=lambda flight: flight.end_s)
    return last
