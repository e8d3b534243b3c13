"""Calendars of slots: every h steps a selector chooses which fragment goes; never one in flight.

At a slot after step t, of the fragments that are not in flight (t_b + tau <= t, t_b the step of the last sending)

    1. if some were last sent H steps ago or more: the one that has waited longest
    2. else if some were never sent: the first of them
    3. else the selector's choice

CoCoDC (Zhu et al., arXiv 2504.17672, as its public prototype has it). Our choice: by 1 the longest wait goes first, of
equals the lowest index; the prototype's first index starves the last fragments where the network is oversubscribed. If
all fragments are in flight, the slot passes. When the spacing is measured it is renewed every H steps, after what is
sent there; the next slot is the new h after the last one.

So each fragment is sent again within H + K h steps (h the largest spacing meanwhile).
"""

from bisect import bisect_right
from dataclasses import replace

from algorithms.schedules.pace import Pace, Slots
from algorithms.selectors.history import Change, History, Selector
from testbed.layout import FloatArray

__all__ = ["SlotCalendar"]


class SlotCalendar:
    """The slots of one run, decided one after another, each once.

    Attributes
    ----------
    histories : of every fragment, by index, as they stand after the last slot that was decided.
    plans : (step, slots): what held from after that step on, one entry each time it was renewed.
    """

    def __init__(self, num_fragments: int, sync_every: int, delay_steps: int, selector: Selector, pace: Pace) -> None:
        self.histories = [History() for _ in range(num_fragments)]
        self.plans: list[tuple[int, Slots]] = [(0, pace.slots())]
        self._sync_every, self._delay_steps = sync_every, delay_steps
        self._selector, self._pace = selector, pace
        self._sends: dict[int, tuple[int, ...]] = {}
        self._decided: list[int] = []  # the keys of `_sends`, ascending
        self._next_slot = self.slots.spacing_steps
        self._next_renewal = sync_every
        self._last_received = 0

    @property
    def slots(self) -> Slots:
        """How fragments are spread now."""
        return self.plans[-1][1]

    @property
    def oversubscribed(self) -> bool:
        """Whether, as far as is known now, the network cannot carry each fragment once in H steps."""
        return self.slots.oversubscribed

    def sends(self, step: int) -> tuple[int, ...]:
        """Return the fragments sent after a step; see `Calendar.sends`."""
        self._advance(step)
        return self._sends.get(step, ())

    def next_send_after(self, step: int) -> int:
        """Return the next slot, or the next renewal if that may bring one earlier; see `Calendar.next_send_after`."""
        self._advance(step)
        later = bisect_right(self._decided, step)
        if later < len(self._decided):
            return self._decided[later]
        return min(self._next_slot, self._next_renewal) if self._pace.changes else self._next_slot

    def received(self, step: int, fragment: int, delta: FloatArray, transfer_s: float, step_s: float) -> None:
        """Take note of an application; see `Calendar.received`.

        Raises
        ------
        RuntimeError : nothing was to be applied then, or it is told after something later was decided.
        """
        self._advance(step - 1)
        history = self.histories[fragment]
        if history.last_send == 0 or step != history.last_send + self._delay_steps or step < self._last_received:
            raise RuntimeError(
                f"fragment {fragment} was applied after step {step}, but it was last sent after step "
                f"{history.last_send} with a delay of {self._delay_steps} steps"
            )
        if step < self._last_decided or (step == self._last_decided and self._delay_steps > 0):
            raise RuntimeError(f"step {step} was told after the sending of step {self._last_decided} was decided")
        self._last_received = step
        self.histories[fragment] = replace(history, change=Change.of(delta, history.interval_steps))
        self._pace.measure(transfer_s, step_s)

    @property
    def _last_decided(self) -> int:
        return self._decided[-1] if self._decided else 0

    def _advance(self, step: int) -> None:
        """Decide the slots and renew the spacing up to a step, in order."""
        while min(self._next_slot, self._next_renewal) <= step:
            if self._next_slot <= self._next_renewal:
                self._decide(self._next_slot)
                self._next_slot += self.slots.spacing_steps
                continue
            if self._pace.changes:
                self.plans.append((self._next_renewal, self._pace.slots()))
                self._next_slot = max(self._next_renewal + 1, self._last_decided + self.slots.spacing_steps)
            self._next_renewal += self._sync_every

    def _decide(self, step: int) -> None:
        free = [p for p, h in enumerate(self.histories) if h.last_send == 0 or h.last_send + self._delay_steps <= step]
        chosen = (self._choose(step, free),) if free else ()
        for fragment in chosen:
            self.histories[fragment] = replace(
                self.histories[fragment], previous_send=self.histories[fragment].last_send, last_send=step
            )
        self._sends[step] = chosen
        self._decided.append(step)

    def _choose(self, step: int, free: list[int]) -> int:
        def last_send(fragment: int) -> int:
            return self.histories[fragment].last_send

        oldest = min(free, key=last_send)
        if step - last_send(oldest) >= self._sync_every or last_send(oldest) == 0:
            return oldest
        return self._selector.choose(step, free, self.histories)
