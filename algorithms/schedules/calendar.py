"""When which fragment is sent: the protocols of the schedules of fragments and of the calendars they start.

Inner steps are counted from 1; H of them are a horizon, K fragments there are. A fragment that is sent after step t is
applied after step t + tau. After a step, what is due is applied first and sent then, so a fragment may be sent again
after the very step after which it was applied; with tau = 0 it is applied right after it was sent.
"""

from collections.abc import Sequence
from typing import Protocol

from algorithms.schedules.pace import Slots
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["Calendar", "Schedule", "check_horizon"]


class Calendar(Protocol):
    """The sendings of one run. All regions ask the same one, in any order, each in the order of its steps.

    What it answers is a function of the step and of what was `received` up to it. Whoever comes to a step first has
    told, or seen told, all that was received by then, and later callers are told what the first one was.
    """

    @property
    def plans(self) -> Sequence[tuple[int, Slots]]:
        """(step, slots): what held from after that step on, one entry each time it changed; none for a fixed order."""
        ...

    def sends(self, step: int) -> tuple[int, ...]:
        """Return the fragments that every region sends after inner step `step`; asked after what is due was applied."""
        ...

    def next_send_after(self, step: int) -> int:
        """Return a later step by which nothing is sent in between: the next one at which something may be sent.

        Asked after everything of `step` was done. At that step there may turn out to be nothing to send.
        """
        ...

    def received(self, step: int, fragment: int, delta: FloatArray, transfer_s: float, step_s: float) -> None:
        """Take note that a fragment was applied: once for all regions, in the order of steps.

        Parameters
        ----------
        step : after which it was applied, tau after it was sent.
        delta : (num_entries,) the all-reduced pseudo-gradient, old minus new.
        transfer_s : how long the all-reduce took [s].
        step_s : how long an inner step takes [s].
        """
        ...


class Schedule(Protocol):
    """The rule by which fragments are sent."""

    @property
    def reads_trained_values(self) -> bool:
        """Whether what is sent when depends on what was learnt; if not, neither does the timeline."""
        ...

    def start(self, num_fragments: int, sync_every: int, delay_steps: int) -> Calendar:
        """Return the calendar of a run with K fragments, the horizon H and the delay tau, in inner steps.

        Raises
        ------
        RequestError : numbers that do not go together.
        """
        ...


def check_horizon(kind: str, num_fragments: int, sync_every: int, delay_steps: int) -> None:
    """Refuse fewer steps than fragments, and delays that outlast the horizon.

    Raises
    ------
    RequestError : the message names the schedule `kind`.
    """
    if num_fragments < 1 or delay_steps < 0:
        raise RequestError(
            f"schedule {kind}: needs at least one fragment and a delay of at least 0, got "
            f"num_fragments = {num_fragments} and fragment_sync_delay = {delay_steps}"
        )
    if num_fragments > sync_every:
        raise RequestError(
            f"schedule {kind}: num_fragments = {num_fragments} do not fit into sync_every = {sync_every} steps"
        )
    if delay_steps >= sync_every:
        raise RequestError(
            f"schedule {kind}: fragment_sync_delay = {delay_steps} must be below sync_every = {sync_every}, or a "
            "fragment would be sent again before it was applied"
        )
