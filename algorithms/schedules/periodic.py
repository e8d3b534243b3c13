"""Calendars that repeat themselves: each fragment goes once every H steps, whatever was received."""

from collections.abc import Sequence

from algorithms.schedules.pace import Slots
from testbed.layout import FloatArray

__all__ = ["PeriodicCalendar"]


class PeriodicCalendar:
    """Fragment p is sent after the steps t with t mod H = `residues[p]`.

    >>> calendar = PeriodicCalendar([1, 3], period=4)
    >>> [calendar.sends(step) for step in range(1, 6)]
    [(0,), (), (1,), (), (0,)]
    """

    def __init__(self, residues: Sequence[int], period: int) -> None:
        self._residues = tuple(residues)
        self._period = period

    @property
    def plans(self) -> Sequence[tuple[int, Slots]]:
        """None: the order is fixed; see `Calendar.plans`."""
        return ()

    def sends(self, step: int) -> tuple[int, ...]:
        """Return the fragments sent after a step; see `Calendar.sends`."""
        return tuple(p for p, residue in enumerate(self._residues) if residue == step % self._period)

    def next_send_after(self, step: int) -> int:
        """Return the next step with a sending; see `Calendar.next_send_after`."""
        return step + min((residue - step - 1) % self._period for residue in self._residues) + 1

    def received(self, step: int, fragment: int, delta: FloatArray, transfer_s: float, step_s: float) -> None:
        """Nothing received moves this calendar; see `Calendar.received`."""
