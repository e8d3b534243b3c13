"""The network between regions: transfers and all-reduces on the clock.

Region m is the node `names[m]`. A transfer is one flow; an all-reduce is the flows of its collective's plan, and takes
one of `concurrent_collectives` places, first come first served. Different flows share links by `fair_share`.
"""

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simpy

from channels.wan.collectives.plan import Plan, Strand
from channels.wan.data_folder import DataFolder
from channels.wan.flights import Flight, Flights, last_of
from channels.wan.settings import NetworkSettings
from channels.wan.traffic import close
from channels.wan.ways import Ways, energy_j_per_bit, open_links
from testbed.devices.energy import clipped, duration_s
from testbed.records import NO_CAUSE, Schema
from testbed.simulation import Process, Simulation

__all__ = ["LINK", "Delivery", "Network", "Reduction"]

LINK = Schema.of(
    "link",
    "What one direction of a link did in the whole run.",
    source=("str", "node it leads from"),
    target=("str", "node it leads to"),
    capacity_bit_per_s=("float", "what planning expects it to carry, losses included [bit/s]"),
    bits=("float", "payload of the flows over it [bit]"),
    num_flows=("int", "flows that used it"),
    busy_s=("float", "time with at least one flow on it, paused or not [s]"),
    down_s=("float", "time for which a fault took it down [s]"),
    energy_j=("float", "energy of putting the payload on it [J]"),
)


@dataclass(frozen=True)
class Delivery:
    """A transfer that arrived: its transmit span (the cause, if nothing had to be sent), begin and end [s]."""

    span_id: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Reduction:
    """An all-reduce that is done: its span, when it was asked for, began and ended [s], the bits of all its flows."""

    span_id: int
    asked_s: float
    start_s: float
    end_s: float
    bits: float


class Network:
    """Regions and what joins them.

    Parameters
    ----------
    simulation : clock, luck and records.
    settings : links, collective and faults.
    num_regions : regions are 0 to num_regions - 1.
    data_dir : where the files of topologies and traces are.

    Raises
    ------
    RequestError : a topology that does not fit, a name that is not there, a file that is missing, or regions that
    cannot
        reach each other.
    """

    def __init__(
        self, simulation: Simulation, settings: NetworkSettings, num_regions: int, data_dir: Path | None = None
    ) -> None:
        files = DataFolder(data_dir)
        self._simulation = simulation
        self._collective = settings.collective
        self._graph = settings.topology.build(num_regions, files)
        self.names: tuple[str, ...] = self._graph.names
        self._links = open_links(self._graph, settings, files, simulation)
        self.sources: dict[str, str] = files.sources
        self._faults = settings.fault
        self._ways = Ways(self._graph, self._links, settings)
        self._flights = Flights(simulation)
        self._record_link = simulation.records.open(LINK)
        self._places = simpy.Resource(simulation.env, settings.concurrent_collectives)
        self._released_by = NO_CAUSE  # the collective that ended last
        # Collectives that wait or run, for the records if the run ends before them: (kind, start, cause).
        self._ongoing: dict[int, tuple[str, float, int]] = {}
        self._numbers = itertools.count()
        # By members and bits: the search for a ring's order, and playing a plan in thought, are not for every call.
        self._plans: dict[tuple[tuple[int, ...], float], Plan] = {}
        self._foreseen: dict[tuple[tuple[int, ...], float], float] = {}
        self._collective.check(self.names, list(self._graph.graph))
        if num_regions > 1:
            self.foresee_all_reduce_s(range(num_regions), 1.0)  # every way that it needs is there

    # -- transfers ---------------------------------------------------------------------------------------------------

    def transfer(self, source: int, target: int, bits: float, cause_id: int, what: str = "") -> Process:
        """Send bits from one region to another; return the `Delivery`.

        Nothing to send, and nowhere to send it, take no time and leave no row.

        Parameters
        ----------
        cause_id : the span that ended now and released the transfer.
        what : what is sent, for the records.
        """
        _check_bits(bits)
        start_s = self._simulation.now_s
        if source == target or bits == 0:
            return Delivery(cause_id, start_s, start_s)
        flight = self._flights.launch(self._ways.way(self.names[source], self.names[target]), bits, what, cause_id)
        yield flight.landing
        return Delivery(flight.span_id, start_s, flight.end_s)

    def foresee_transfer_s(self, source: int, target: int, bits: float) -> float:
        """Return how long a transfer takes alone on the idle nominal network: bits / rate + delay [s]."""
        _check_bits(bits)
        return 0.0 if source == target or bits == 0 else self._hop_s(self.names[source], self.names[target], bits)

    def _hop_s(self, source: str, target: str, bits: float) -> float:
        way = self._ways.way(source, target)
        return bits / way.nominal_bit_per_s + way.delay_s

    # -- all-reduces -------------------------------------------------------------------------------------------------

    def all_reduce(self, members: Sequence[int], bits: float, cause_id: int, what: str = "") -> Process:
        """Add up one vector of `bits` of each member and give all the sum; return the `Reduction`.

        It begins when a place is free. A single member, or nothing to add, takes no time and leaves no row.
        """
        _check_bits(bits)
        asked_s = self._simulation.now_s
        plan = self._plan(members, bits)
        if not plan:
            return Reduction(cause_id, asked_s, asked_s, asked_s, 0.0)
        number = next(self._numbers)
        self._ongoing[number] = "queue", asked_s, cause_id
        with self._places.request() as place:
            yield place
            start_s = self._simulation.now_s
            if start_s > asked_s:
                self._end(number)
                cause_id = self._released_by
            self._ongoing[number] = "all-reduce", start_s, cause_id
            bits_sent = yield from self._play(plan, cause_id, what)
            self._released_by = span_id = self._end(number)
        return Reduction(span_id, asked_s, start_s, self._simulation.now_s, bits_sent)

    def foresee_all_reduce_s(self, members: Sequence[int], bits: float) -> float:
        """Return how long an all-reduce takes alone on the idle nominal network, waiting left aside [s]."""
        _check_bits(bits)
        key = tuple(members), bits
        if key not in self._foreseen:
            # Equal steps, as those of a ring, take equal times.
            phases = self._plan(members, bits)
            times_s = {step: self._ways.time_s(step) for phase in phases for strand in phase for step in strand}
            self._foreseen[key] = sum(
                max(sum(times_s[step] for step in strand) for strand in phase) for phase in phases
            )
        return self._foreseen[key]

    def _plan(self, members: Sequence[int], bits: float) -> Plan:
        if len(set(members)) != len(members):
            raise ValueError(f"the members of an all-reduce are all different, got {list(members)}")
        if len(members) < 2 or bits == 0:
            return ()
        key = tuple(members), bits
        if key not in self._plans:
            self._plans[key] = self._collective.plan([self.names[m] for m in members], bits, self._hop_s)
        return self._plans[key]

    def _play(self, plan: Plan, cause_id: int, what: str) -> Generator[simpy.Event, Any, float]:
        bits_sent = 0.0
        for phase in plan:
            if len(phase) == 1:
                flights = yield from self._play_strand(phase[0], cause_id, what)
            else:
                strands = [
                    self._simulation.start(self._play_strand(s, cause_id, what), what or "all-reduce") for s in phase
                ]
                yield self._simulation.env.all_of(strands)
                flights = [flight for strand in strands for flight in strand.value or ()]
            cause_id = last_of(flights).span_id
            bits_sent += sum(flight.bits for flight in flights)
        return bits_sent

    def _play_strand(self, strand: Strand, cause_id: int, what: str) -> Generator[simpy.Event, Any, list[Flight]]:
        flights: list[Flight] = []
        for step in strand:
            ways = [self._ways.way(send.source, send.target) for send in step]
            begun = [self._flights.launch(way, send.bits, what, cause_id) for way, send in zip(ways, step, strict=True)]
            yield self._simulation.env.all_of([flight.landing for flight in begun])
            cause_id = last_of(begun).span_id
            flights += begun
        return flights

    def _end(self, number: int) -> int:
        kind, start_s, cause_id = self._ongoing.pop(number)
        return self._simulation.records.span("collective", kind, start_s, self._simulation.now_s, cause_id)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, elapsed_s: float) -> None:
        """Settle all accounts now that the run is over, `elapsed_s` long: what is under way is cut; one row a link."""
        self._flights.cut()
        for number in list(self._ongoing):
            self._end(number)
        close(self._links.values(), elapsed_s)
        for edge, link in self._links.items():
            supply = link.owner
            self._record_link(
                *edge,
                supply.course.nominal_bit_per_s * supply.fraction,
                supply.payload_bits,
                supply.num_flows,
                supply.busy_s,
                duration_s(clipped(supply.outages, elapsed_s)),
                supply.payload_bits * energy_j_per_bit(self._graph, edge),
            )


def _check_bits(bits: float) -> None:
    if not 0 <= bits < float("inf"):
        raise ValueError(f"bits must be finite and at least 0, got {bits}")
