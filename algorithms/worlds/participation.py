"""Who is there and who was left out: what every verb of a federation asks and records."""

from collections.abc import Callable, Iterable, Sequence

from algorithms.worlds.group import Group
from algorithms.worlds.release import Releases
from algorithms.worlds.server import Server
from testbed.devices.availability import Absences
from testbed.simulation import Simulation

__all__ = ["Participation"]


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

    def _those_here(self, clients: Sequence[int]) -> Sequence[int]:
        return self.absences.present(clients, self.simulation.now_s)

    def _left_out(self, group: Group, clients: Iterable[int], status: str, time_s: float | None = None) -> None:
        when_s = self.simulation.now_s if time_s is None else time_s
        for client in sorted(clients):
            self._record_participation(when_s, group.index, client, status, self.server.version)
