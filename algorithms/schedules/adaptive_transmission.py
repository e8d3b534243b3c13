"""The schedule "adaptive-transmission": as often as the network can carry, what changes most.

How often is in `pace.py`, from measured times and the network's utilisation gam, renewed every H steps; what goes is in
`slots.py` and the selector. CoCoDC (Zhu et al., arXiv 2504.17672), its adaptive transmission. A stated N in place of
gam makes it `fixed-slots` with this selector.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from algorithms.schedules.calendar import check_horizon
from algorithms.schedules.fixed_slots import fixed_calendar
from algorithms.schedules.pace import MeasuredPace
from algorithms.schedules.slots import SlotCalendar
from algorithms.selectors.change_rate import ChangeRate
from testbed.errors import RequestError
from testbed.settings import Part, component

__all__ = ["AdaptiveTransmission"]


class AdaptiveTransmission(Part):
    """Slots as the network carries them, for the fragment that changes most."""

    kind: str = "adaptive-transmission"
    utilisation: PositiveFloat = 0.4  # gam, share of the time in which the network may be busy [CoCoDC's prototype]
    num_syncs: PositiveInt | None = None  # N, sendings in a horizon; by utilisation unless stated
    selector: Annotated[Any, component("selector")] = ChangeRate()  # what chooses the fragment
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.9  # what a mean of measured times keeps of the past (our choice)
    on_oversubscription: Literal["slow-down", "keep"] = "slow-down"  # slots as far apart as a transfer takes, or not

    @property
    def reads_trained_values(self) -> bool:
        """Whether the selector's choice depends on what was learnt."""
        return bool(self.selector.reads_trained_values)

    def start(self, num_fragments: int, sync_every: int, delay_steps: int) -> SlotCalendar:
        """Return the calendar; see `Schedule.start`."""
        check_horizon(self.kind, num_fragments, sync_every, delay_steps)
        if self.num_syncs is not None:
            if self.num_syncs < num_fragments:
                raise RequestError(
                    f"schedule {self.kind}: num_syncs = {self.num_syncs} must be at least num_fragments = "
                    f"{num_fragments}, so that each fragment goes once in a horizon"
                )
            return fixed_calendar(self.kind, self.num_syncs, self.selector, num_fragments, sync_every, delay_steps)
        slow_down = self.on_oversubscription == "slow-down"
        pace = MeasuredPace(num_fragments, sync_every, self.utilisation, self.memory, slow_down)
        return SlotCalendar(num_fragments, sync_every, delay_steps, self.selector, pace)
