"""The schedule "send-anchored": fragment p is sent at its own place in every H steps, and applied tau steps later.

    sent after step t   if   t mod H = p floor(H / K) + offset

Several may be in flight. After the public prototype of CoCoDC (arXiv 2504.17672), which sends so in its Streaming
DiLoCo. Needs tau < H, the steps between two sendings of a fragment, and offset < floor(H / K).
"""

from typing import ClassVar

from pydantic import NonNegativeInt

from algorithms.schedules.calendar import check_horizon
from algorithms.schedules.periodic import PeriodicCalendar
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["SendAnchored"]


class SendAnchored(Part):
    """A fragment sent at its own place in every horizon."""

    kind: str = "send-anchored"
    reads_trained_values: ClassVar[bool] = False
    offset: NonNegativeInt = 0  # inner steps by which all sendings are later

    def start(self, num_fragments: int, sync_every: int, delay_steps: int) -> PeriodicCalendar:
        """Return the calendar; see `Schedule.start`."""
        check_horizon(self.kind, num_fragments, sync_every, delay_steps)
        slot_steps = sync_every // num_fragments
        if self.offset >= slot_steps:
            raise RequestError(
                f"schedule {self.kind}: offset = {self.offset} must be below the {slot_steps} steps between two"
            )
        return PeriodicCalendar([p * slot_steps + self.offset for p in range(num_fragments)], sync_every)
