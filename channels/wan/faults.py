"""Links and nodes that are down for a while: nothing passes, nothing is lost, nothing is sent another way."""

import math
from collections.abc import Iterable
from typing import Self

import networkx as nx
from pydantic import model_validator

from testbed.devices.energy import Interval, union
from testbed.errors import RequestError, unknown_name
from testbed.settings import Seconds, Settings

__all__ = ["NetworkFault", "outages"]


class NetworkFault(Settings):
    """A link or a node is down from `start_s` on until `end_s`; without an end, for ever."""

    link: tuple[str, str] | None = None  # the two nodes; every direction there is
    node: str | None = None  # all links from and to it
    start_s: Seconds  # from then on nothing passes; flows wait where they are
    end_s: Seconds | None = None  # when it is up again; none: never

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.link is None) == (self.node is None):
            raise ValueError("a fault of the network has exactly one of link and node")
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s = {self.end_s:g} must be after start_s = {self.start_s:g}")
        return self

    @property
    def outage(self) -> Interval:
        """When it is down [s]."""
        return self.start_s, math.inf if self.end_s is None else self.end_s

    def links(self, graph: "nx.DiGraph[str]") -> list[tuple[str, str]]:
        """Return the links that are down.

        Raises
        ------
        RequestError : no such node or link, with the nearest names.
        """
        for node in (self.node,) if self.link is None else self.link:
            if node not in graph:
                raise unknown_name("node", str(node), graph)
        if self.link is None:
            return [edge for edge in graph.edges if self.node in edge]
        one, other = self.link
        found = [way for way in ((one, other), (other, one)) if graph.has_edge(*way)]
        if not found:
            raise RequestError(
                f"no link joins {one!r} and {other!r}; {one!r} has links to {', '.join(sorted(graph[one]))}"
            )
        return found


def outages(faults: Iterable[NetworkFault], graph: "nx.DiGraph[str]") -> dict[tuple[str, str], list[Interval]]:
    """Return when each link is down, as disjoint intervals in order; links that never are are not in it.

    Raises
    ------
    RequestError : a fault of what is not there.
    """
    found: dict[tuple[str, str], list[Interval]] = {}
    for fault in faults:
        for edge in fault.links(graph):
            found.setdefault(edge, []).append(fault.outage)
    return {edge: union(intervals) for edge, intervals in found.items()}
