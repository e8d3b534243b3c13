"""Routes: which links a flow takes from one node to another.

Our choice: the route with the least delay, and of those with the fewest links, and of those the first in alphabetical
order; or with the fewest links and of those the least delay. It never changes: a link that is down is waited for, not
gone round.
"""

import heapq

from channels.wan.topology import Plan, link_of
from testbed.errors import RequestError

__all__ = ["Routes"]


class Routes:
    """The routes of a plan, found when they are asked for.

    Raises
    ------
    RequestError : regions that cannot reach each other.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._from: dict[str, dict[str, tuple[str, ...]]] = {}
        for source in plan.names:
            lost = [target for target in plan.names if target not in self._reached(source)]
            if lost:
                raise RequestError(f"the network is not connected: no way leads from {source!r} to {lost[0]!r}")

    def route(self, source: str, target: str) -> tuple[str, ...]:
        """Return the nodes from source to target, both included.

        Raises
        ------
        RequestError : no way leads there.
        """
        found = self._reached(source)
        if target not in found:
            raise RequestError(f"the network is not connected: no way leads from {source!r} to {target!r}")
        return found[target]

    def _reached(self, source: str) -> dict[str, tuple[str, ...]]:
        if source not in self._from:
            self._from[source] = self._search(source)
        return self._from[source]

    def _search(self, source: str) -> dict[str, tuple[str, ...]]:
        """Return the shortest route to every node that can be reached (Dijkstra's algorithm)."""
        graph, by_delay = self._plan.graph, self._plan.shortest_in == "delay"
        found: dict[str, tuple[str, ...]] = {}
        waiting: list[tuple[float, float, tuple[str, ...]]] = [(0.0, 0.0, (source,))]
        while waiting:
            first, second, path = heapq.heappop(waiting)
            if path[-1] in found:
                continue
            found[path[-1]] = path
            for node in graph.successors(path[-1]):
                if node not in found:
                    delay_s = link_of(graph, path[-1], node).delay_s
                    longer = (delay_s, 1.0) if by_delay else (1.0, delay_s)
                    heapq.heappush(waiting, (first + longer[0], second + longer[1], (*path, node)))
        return found
