"""The schedule "apply-anchored": a fragment is applied at the end of each slot of H / K steps, in turn.

    slot n = 0, 1, ... applies fragment n mod K after step (n + 1) H / K and sends it tau steps before that

so one fragment at a time is in flight. After torchft's Streaming DiLoCo (public code; Douillard et al., arXiv
2501.18512). Needs K to divide H, and tau < H / K.
"""

from typing import ClassVar

from algorithms.schedules.calendar import check_horizon
from algorithms.schedules.periodic import PeriodicCalendar
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["ApplyAnchored"]


class ApplyAnchored(Part):
    """A fragment applied at the end of every slot, sent before."""

    kind: str = "apply-anchored"
    reads_trained_values: ClassVar[bool] = False

    def start(self, num_fragments: int, sync_every: int, delay_steps: int) -> PeriodicCalendar:
        """Return the calendar; see `Schedule.start`."""
        check_horizon(self.kind, num_fragments, sync_every, delay_steps)
        slot_steps, rest = divmod(sync_every, num_fragments)
        if rest:
            raise RequestError(
                f"schedule {self.kind}: sync_every = {sync_every} must be a multiple of num_fragments = {num_fragments}"
            )
        if delay_steps >= slot_steps:
            raise RequestError(
                f"schedule {self.kind}: fragment_sync_delay = {delay_steps} must be below sync_every / num_fragments = "
                f"{slot_steps}, so that one fragment at a time is in flight; send-anchored takes longer delays"
            )
        residues = [((p + 1) * slot_steps - delay_steps) % sync_every for p in range(num_fragments)]
        return PeriodicCalendar(residues, sync_every)
