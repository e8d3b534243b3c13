"""Ways: all that a flow needs to know of the route from one node to another, and how long it would take alone."""

import itertools
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from channels.wan.bandwidth import LinkNature
from channels.wan.data_folder import DataFolder
from channels.wan.faults import outages
from channels.wan.flow_engine import Flow, FlowEngine, LinkState
from channels.wan.link import BITS_PER_GBYTE, window_cap_bit_per_s
from channels.wan.routing import Routes
from channels.wan.settings import NetworkSettings
from channels.wan.topology import Plan, link_of
from channels.wan.traffic import Supply
from testbed.simulation import Simulation
from testbed.streams import Purpose

__all__ = ["Way", "Ways", "address", "energy_j_per_bit", "open_links"]


@dataclass(frozen=True, eq=False)
class Way:
    """The route from one node to another.

    `jitters_s : (num_links,)`, the most of each link's extra delay; `nominal_bit_per_s`, the payload rate of a flow
    alone.
    """

    nodes: tuple[str, ...]
    links: tuple[LinkState, ...]
    delay_s: float
    jitters_s: np.ndarray | None
    cap_bit_per_s: float
    nominal_bit_per_s: float
    energy_j_per_bit: float


def address(node: str) -> int:
    """Return the number by which a node's luck is addressed: the CRC-32 of its name, whoever else is there."""
    return zlib.crc32(node.encode())


def energy_j_per_bit(plan: Plan, edge: tuple[str, str]) -> float:
    """Return what a bit of payload costs on a link, sent again as often as it takes [J/bit]."""
    link = link_of(plan.graph, *edge)
    return link.energy_j_per_gbyte / BITS_PER_GBYTE / link.goodput_fraction


def open_links(
    plan: Plan, settings: NetworkSettings, files: DataFolder, simulation: Simulation
) -> dict[tuple[str, str], LinkState]:
    """Return every link of a plan with what it has to give over time, in alphabetical order.

    Raises
    ------
    RequestError : a file that is missing or damaged, a trace that is too short, or a fault of what is not there.
    """
    down = outages(settings.fault, plan.graph)
    links = {}
    for edge in sorted(plan.graph.edges):
        link = link_of(plan.graph, *edge)
        nature = LinkNature(
            capacity_bit_per_s=link.capacity_bit_per_s,
            files=files,
            stream=partial(simulation.stream, Purpose.BANDWIDTH, address(edge[0]), address(edge[1])),
            horizon_s=simulation.horizon_s,
        )
        supply = Supply(link.bandwidth.course(nature), link.goodput_fraction, down.get(edge, ()))
        links[edge] = LinkState(edge, supply.at(0.0)[0], link.sharing == "fifo", supply)
    return links


class Ways:
    """The ways of a network, made when they are asked for."""

    def __init__(self, plan: Plan, links: Mapping[tuple[str, str], LinkState], settings: NetworkSettings) -> None:
        self._plan = plan
        self._links = links
        self._settings = settings
        self._routes = Routes(plan)
        self._ways: dict[tuple[str, str], Way] = {}

    def way(self, source: str, target: str) -> Way:
        """Return the way between two different nodes.

        Raises
        ------
        RequestError : no way leads there.
        """
        if (source, target) not in self._ways:
            self._ways[source, target] = self._make(source, target)
        return self._ways[source, target]

    def _make(self, source: str, target: str) -> Way:
        nodes = self._routes.route(source, target)
        edges = list(itertools.pairwise(nodes))
        settings = [link_of(self._plan.graph, *edge) for edge in edges]
        links = tuple(self._links[edge] for edge in edges)
        jitters_s = np.array([link.jitter_s for link in settings])
        cap = self._cap_bit_per_s(nodes, 1.0 - math.prod(link.goodput_fraction for link in settings))
        rates = [link.owner.course.nominal_bit_per_s * link.owner.fraction for link in links]
        return Way(
            nodes=nodes,
            links=links,
            delay_s=sum(link.delay_s for link in settings),
            jitters_s=jitters_s if jitters_s.any() else None,
            cap_bit_per_s=cap,
            nominal_bit_per_s=min(*rates, cap),
            energy_j_per_bit=sum(energy_j_per_bit(self._plan, edge) for edge in edges),
        )

    def _cap_bit_per_s(self, nodes: tuple[str, ...], loss: float) -> float:
        window_bytes = self._settings.window_bytes
        if window_bytes is None:
            return math.inf
        back = self._routes.route(nodes[-1], nodes[0])
        ways = (*itertools.pairwise(nodes), *itertools.pairwise(back))
        round_trip_s = sum(link_of(self._plan.graph, *edge).delay_s for edge in ways)
        return window_cap_bit_per_s(window_bytes, round_trip_s, loss, self._settings.num_connections)

    def time_s(self, sends: Iterable[tuple[str, str, float]]) -> float:
        """Return when the last of some sends that begin together arrives, alone on the idle nominal network [s].

        Nominal: no outage, no jitter, and of each varying capacity what planning expects. Sends that meet on a link
        share it.
        """
        engine, links, delays_s = FlowEngine(), {}, {}
        for source, target, bits in sends:
            way = self.way(source, target)
            for link in way.links:
                if link not in links:
                    rate = link.owner.course.nominal_bit_per_s * link.owner.fraction
                    links[link] = LinkState(link.name, rate, link.is_fifo)
            flow = Flow([links[link] for link in way.links], bits, way.cap_bit_per_s)
            delays_s[flow] = way.delay_s
            engine.add(flow, 0.0)
        end_s, left = 0.0, len(delays_s)
        now_s = 0.0
        while left:
            engine.rebalance(now_s)
            now_s = engine.next_finish_s()
            for flow in engine.finished(now_s):
                end_s, left = max(end_s, now_s + delays_s[flow]), left - 1
        return end_s
