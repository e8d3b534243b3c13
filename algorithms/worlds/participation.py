"""Who is there and who was left out: what every verb of a federation asks and records."""

from collections.abc import Callable, Iterable

from algorithms.worlds.group import Group
from algorithms.worlds.server import Server
from testbed.devices.availability import Absences
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

__all__ = ["Participation"]


class Participation:
    """The part of a federation that knows who is away and keeps the table `participation`."""

    simulation: Simulation
    absences: Absences
    server: Server
    _record_participation: Callable[..., None]
    _released: dict[tuple[int, ...], tuple[int, float]]  # members -> the span that last freed them, and when [s]

    def _is_here(self, client: int) -> bool:
        return self.absences.is_available(client, self.simulation.now_s)

    def _left_out(self, group: Group, clients: Iterable[int], status: str, time_s: float | None = None) -> None:
        when_s = self.simulation.now_s if time_s is None else time_s
        for client in sorted(clients):
            self._record_participation(when_s, group.index, client, status, self.server.version)

    def _release(self, group: Group, span_id: int) -> None:
        """Note that the span `span_id`, which ended now, left a group free for what comes next."""
        self._released[group.members] = (span_id, self.simulation.now_s)

    def _released_by(self, group: Group) -> int:
        """Return the span whose end, at this instant, lets a group begin a round: its own last or the server's."""
        span_id, when_s = self._released.get(group.members, (NO_CAUSE, -1.0))
        return span_id if when_s == self.simulation.now_s else self.server.cause_id
