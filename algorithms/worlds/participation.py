"""Who is there and who was left out: what every verb of a federation asks and records."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from algorithms.worlds.group import Group
from algorithms.worlds.release import Releases
from algorithms.worlds.server import Server
from testbed.devices.availability import Absences
from testbed.simulation import Process, Simulation

__all__ = ["Choice", "Participation"]

# members who are there -> those to be asked, in the order of delivery
Choice: TypeAlias = Callable[[Sequence[int]], Sequence[int]]


class Participation:
    """The part of a federation that knows who is away and keeps the table `participation`."""

    simulation: Simulation
    absences: Absences
    server: Server
    _record_participation: Callable[..., None]
    _releases: Releases

    def follow(self, group: Group, span_id: int) -> None:
        """Let the span `span_id`, which ended now, be the last of the group's round: it releases the next."""
        self._releases.follow(group, span_id)

    def those_here(self, clients: Sequence[int]) -> Sequence[int]:
        """Return those of `clients` who are there now, in their order."""
        return self.absences.present(clients, self.simulation.now_s)

    def await_return(self, group: Group, clients: Sequence[int]) -> Process:
        """Wait until one of `clients`, who are all away, is back; return whether one ever is.

        `group` : of which they are members, whose last span released this.
        """
        start_s, back_s = self.simulation.now_s, self._next_change_s(clients)
        if math.isinf(back_s):
            return False
        cause_id = self._releases.next_cause(group)
        yield self.simulation.env.timeout(back_s - start_s)
        self.follow(group, self.simulation.records.span("server", "wait", start_s, self.simulation.now_s, cause_id))
        return True

    def _next_change_s(self, clients: Sequence[int]) -> float:
        now_s = self.simulation.now_s
        return min((self.absences.next_change_s(client, now_s) for client in clients), default=math.inf)

    def _left_out(self, group: Group, clients: Iterable[int], status: str, time_s: float | None = None) -> None:
        when_s = self.simulation.now_s if time_s is None else time_s
        for client in sorted(clients):
            self._record_participation(when_s, group.index, client, status, self.server.version)

    def _ask(self, group: Group, choose: Choice | None = None) -> Process:
        """Wait for the first member; return the span that released the round, and those of the present to be asked."""
        cause_id: int = yield from self._wait_for_somebody(group)
        present = self.those_here(group.members)
        if present is not group.members:
            self._left_out(group, set(group.members) - set(present), "absent-at-broadcast")
        asked = tuple(present if choose is None else choose(present))
        known = present if isinstance(present, range) else set(present)
        if not asked or len(set(asked)) != len(asked) or not all(client in known for client in asked):
            raise ValueError(f"asked must be some of {present}, each once, got {asked}")
        return cause_id, asked

    def _wait_for_somebody(self, group: Group) -> Process:
        cause_id, start_s = self._releases.next_cause(group), self.simulation.now_s
        while not self.those_here(group.members):
            yield self.simulation.env.timeout(self._next_change_s(group.members) - self.simulation.now_s)
        if self.simulation.now_s > start_s:
            cause_id = self.simulation.records.span("server", "wait", start_s, self.simulation.now_s, cause_id)
        return cause_id
