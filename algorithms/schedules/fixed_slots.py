"""The schedule "fixed-slots": N sendings in every H steps, a selector chooses what goes.

    a slot after every h = floor(H / N) steps

With `round-robin` it is Streaming DiLoCo at as many synchronisations as CoCoDC makes: the control without which a
comparison of loss against steps favours whoever communicates more (our choice). See `slots.py` for what goes before the
selector's choice. Needs tau <= K h, or all fragments would be in flight at some slots.
"""

from typing import Annotated, Any

from pydantic import PositiveInt

from algorithms.schedules.calendar import check_horizon
from algorithms.schedules.pace import FixedPace, Slots
from algorithms.schedules.slots import SlotCalendar
from algorithms.selectors.history import Selector
from algorithms.selectors.round_robin import RoundRobin
from testbed.errors import RequestError
from testbed.settings import Part, component

__all__ = ["FixedSlots", "fixed_calendar"]


class FixedSlots(Part):
    """As many sendings in a horizon as stated, equally spaced."""

    kind: str = "fixed-slots"
    num_syncs: PositiveInt | None = None  # N, sendings in a horizon; as many as fragments unless stated
    selector: Annotated[Any, component("selector")] = RoundRobin()  # what chooses the fragment

    @property
    def reads_trained_values(self) -> bool:
        """Whether the selector's choice depends on what was learnt."""
        return bool(self.selector.reads_trained_values)

    def start(self, num_fragments: int, sync_every: int, delay_steps: int) -> SlotCalendar:
        """Return the calendar; see `Schedule.start`."""
        check_horizon(self.kind, num_fragments, sync_every, delay_steps)
        num_syncs = num_fragments if self.num_syncs is None else self.num_syncs
        return fixed_calendar(self.kind, num_syncs, self.selector, num_fragments, sync_every, delay_steps)


def fixed_calendar(
    kind: str, num_syncs: int, selector: Selector, num_fragments: int, sync_every: int, delay_steps: int
) -> SlotCalendar:
    """Return the calendar of N equally spaced slots in a horizon.

    Raises
    ------
    RequestError : more slots than steps, or a delay that leaves slots without a fragment; it names the schedule `kind`.
    """
    if num_syncs > sync_every:
        raise RequestError(f"schedule {kind}: num_syncs = {num_syncs} do not fit into sync_every = {sync_every} steps")
    slots = Slots(num_syncs, sync_every // num_syncs)
    if delay_steps > num_fragments * slots.spacing_steps:
        raise RequestError(
            f"schedule {kind}: with fragment_sync_delay = {delay_steps} all {num_fragments} fragments are in flight at "
            f"some of the slots, which are {slots.spacing_steps} steps apart; lower num_syncs or the delay"
        )
    return SlotCalendar(num_fragments, sync_every, delay_steps, selector, FixedPace(slots))
