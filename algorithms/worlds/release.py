"""What releases a group's next round: the law that a span starts exactly when its cause ended, kept between rounds.

A round is released by the update that made the current global version, or, where nothing was mixed in since (everybody
silenced, late, lost or undelivered), by the last span of the group's own round before. Time that no span of them
accounts for becomes a `wait` span of the group, so that walking causes backwards always ends at time zero.
"""

from algorithms.worlds.group import Group
from algorithms.worlds.server import Server
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

__all__ = ["Releases"]


class Releases:
    """The last span of every group's rounds so far, and of the server's updates."""

    def __init__(self, simulation: Simulation, server: Server) -> None:
        self._simulation = simulation
        self._server = server
        self._last: dict[int, int] = {}

    def follow(self, group: Group, span_id: int) -> None:
        """Let the span `span_id`, which ended now, be the last of the group's round."""
        self._last[group.index] = span_id

    def next_cause(self, group: Group) -> int:
        """Return the span whose end, now, releases the group's next round; -1 at time zero."""
        candidates = (self._server.cause_id, self._last.get(group.index, NO_CAUSE))
        return self.catch_up(group, max(candidates, key=self._simulation.records.end_s))

    def catch_up(self, group: Group, cause_id: int) -> int:
        """Return `cause_id` if that span ended now, else a new `wait` span of the group from its end until now."""
        records, now_s = self._simulation.records, self._simulation.now_s
        ended_s = records.end_s(cause_id)
        return records.span(f"group-{group.index}", "wait", ended_s, now_s, cause_id) if now_s > ended_s else cause_id
