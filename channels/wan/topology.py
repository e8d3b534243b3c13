"""Topologies: which nodes and links there are, and which nodes host the regions.

A topology builds a directed graph whose edges carry a `LinkSettings` under `link`. A region is the node that hosts
it. With access links a region's node is joined to the rest through a node of its own, its edge, so that all its
traffic shares one way out and one way in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Protocol

import networkx as nx

from channels.wan.bandwidth import Bandwidth, ConstantBandwidth
from channels.wan.data_folder import DataFolder
from channels.wan.link import LinkSettings, Loss, NonNegative
from testbed.errors import RequestError, unknown_name
from testbed.settings import BitPerSecond, Part, Seconds, component

__all__ = ["EDGE", "LinkedTopology", "Plan", "Topology", "check_regions", "link_of"]

EDGE: Final = "-edge"  # how the name of a region's edge ends


@dataclass(frozen=True)
class Plan:
    """A network as drawn: the graph, the nodes of regions 0, 1, ..., and what a route is short in.

    `shortest_in` says what a route has least of: delay, or links (then delay). The latter suits measured meshes, where
    each pair has its own path and no region forwards for others.
    """

    graph: "nx.DiGraph[str]"
    names: tuple[str, ...]
    shortest_in: Literal["delay", "links"] = "delay"


class Topology(Protocol):
    """What a network looks like."""

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the network for so many regions.

        Raises
        ------
        RequestError : another number of regions, an unknown node, or a file that is missing or damaged.
        """
        ...


class LinkedTopology(Part):
    """What topologies share whose links are alike in everything but capacity and delay."""

    jitter_s: Seconds = 0.0  # of every link: the most of a random extra delay of each flow
    loss: Loss = 0.0  # of every link: share of what is sent that must be sent again
    sharing: Literal["fair", "fifo"] = "fair"  # of every link: flows at once, or one at a time in order of arrival
    energy_j_per_gbyte: NonNegative = 0.0  # of every link: spent for each 8e9 bit
    bandwidth: Annotated[Bandwidth, component("bandwidth")] = ConstantBandwidth()  # of every link: how it varies
    egress_bit_per_s: BitPerSecond | None = None  # what each region sends at most, to all others together
    ingress_bit_per_s: BitPerSecond | None = None  # what each region receives at most, from all others together

    def _link(self, capacity_bit_per_s: float, delay_s: float) -> LinkSettings:
        return LinkSettings(
            capacity_bit_per_s=capacity_bit_per_s,
            delay_s=delay_s,
            jitter_s=self.jitter_s,
            loss=self.loss,
            sharing=self.sharing,
            energy_j_per_gbyte=self.energy_j_per_gbyte,
            bandwidth=self.bandwidth,
        )

    def _with_access(self, plan: Plan) -> Plan:
        """Return the plan with access links, if there are any."""
        if self.egress_bit_per_s is None and self.ingress_bit_per_s is None:
            return plan
        taken = [name for name in plan.names if name + EDGE in plan.graph]
        if taken:
            raise RequestError(f"the name {taken[0] + EDGE!r} is taken by a node; an access link needs it")
        graph = nx.relabel_nodes(plan.graph, {name: name + EDGE for name in plan.names})
        # Without a limit on one side there is still a link, for the graph's sake: one that nobody can fill.
        widest = sum(link_of(graph, *edge).capacity_bit_per_s for edge in graph.edges) or 1.0
        for name in plan.names:
            ways = {(name, name + EDGE): self.egress_bit_per_s, (name + EDGE, name): self.ingress_bit_per_s}
            for way, capacity in ways.items():
                limited = LinkSettings(capacity_bit_per_s=capacity or widest, delay_s=0.0, sharing=self.sharing)
                graph.add_edge(*way, link=limited)
        return Plan(graph, plan.names, plan.shortest_in)


def link_of(graph: "nx.DiGraph[str]", source: str, target: str) -> LinkSettings:
    """Return the settings of a link."""
    found: Any = graph.edges[source, target]["link"]
    assert isinstance(found, LinkSettings)
    return found


def check_regions(regions: Sequence[str], num_regions: int, known: Sequence[str], what: str = "node") -> None:
    """Refuse regions that are not so many, not different, or not among the known nodes.

    Raises
    ------
    RequestError : which, and the nearest names.
    """
    if len(regions) != num_regions:
        raise RequestError(f"the topology names {len(regions)} regions, the run has {num_regions}")
    for at, region in enumerate(regions):
        if region not in known:
            raise unknown_name(what, region, known)
        if region in regions[:at]:
            raise RequestError(f"the {what} {region!r} hosts two regions")
