"""Of what the time of a transfer over the WAN was made: sending at the rate there was, and travelling.

A collective is a chain of flows, each of which starts when the slowest flow of the step before has arrived and released
it. The chain is found from its end: what arrived at that instant, what released it, and so on.
"""

from typing import Final

import numpy as np

from testbed.experiments.blamed_path import UNEXPLAINED, Step
from testbed.experiments.result import RunResult
from testbed.records import NO_CAUSE

__all__ = ["Transfers"]

_ROUNDING: Final = 1e-12


class Transfers:
    """The collectives and flows of a run by their spans."""

    def __init__(self, run: RunResult) -> None:
        self._entity: list[str] = run.column("span", "entity").tolist()
        self._kind: list[str] = run.column("span", "kind").tolist()
        self._start_s: list[float] = run.column("span", "start_s").tolist()
        self._end_s: list[float] = run.column("span", "end_s").tolist()
        self._cause: list[int] = run.column("span", "cause_id").tolist()
        self._sent_s = _sent_s(run)
        self._arrived: dict[float, list[int]] = {}
        self._ended: dict[float, int] = {}
        for span_id, (entity, end_s) in enumerate(zip(self._entity, self._end_s, strict=True)):
            if entity.startswith("wan-"):
                self._arrived.setdefault(end_s, []).append(span_id)
            elif self.is_one(span_id):
                self._ended[end_s] = span_id
        self._arrivals_s = np.array(sorted(self._arrived))

    def is_one(self, span_id: int) -> bool:
        """Return whether a span is a collective under way or a flow, not a line."""
        all_reduce = self._entity[span_id] == "collective" and self._kind[span_id] == "all-reduce"
        return all_reduce or self._is_flow(span_id)

    def _is_flow(self, span_id: int) -> bool:
        return self._entity[span_id].startswith("wan-") and self._kind[span_id] == "transmit"

    def ended_at(self, time_s: float) -> int | None:
        """Return the collective that ended at an instant [s], if one did."""
        return self._ended.get(time_s)

    def steps(self, span_id: int, start_s: float, end_s: float) -> list[Step]:
        """Return of what a transfer was made between two instants within it [s], the latest first, without a gap."""
        now_s, steps = end_s, list[Step]()
        own = span_id if self._entity[span_id] != "collective" else self._last_by(self._end_s[span_id], start_s)
        while own is not None and now_s > start_s:
            entity, begun_s, arrived_s = self._entity[own], self._start_s[own], self._end_s[own]
            if self._is_one_instant(arrived_s, now_s):
                arrived_s = now_s
            if self._is_one_instant(begun_s, start_s):
                begun_s = start_s
            sent_s = min(max(begun_s, self._sent_s.get(own, arrived_s)), arrived_s)
            for what, since_s, until_s in (
                (UNEXPLAINED, arrived_s, now_s),
                ("propagation", sent_s, arrived_s),
                ("wan", begun_s, sent_s),
            ):
                first_s, last_s = max(since_s, start_s), min(until_s, now_s)
                if first_s < last_s:
                    steps.append(Step(what, entity, first_s, last_s))
                    now_s = first_s
            own = self._before(own, start_s) if now_s > start_s else None
        if now_s > start_s:
            steps.append(Step(UNEXPLAINED, self._entity[span_id], start_s, now_s))
        return steps

    def _before(self, flow: int, since_s: float) -> int | None:
        """Return the flow that released another and arrived after an instant [s]."""
        cause = self._cause[flow]
        if cause != NO_CAUSE and self._is_flow(cause) and self._end_s[cause] > since_s:
            return cause
        return self._last_by(self._start_s[flow], since_s)

    def _is_one_instant(self, first_s: float, second_s: float) -> bool:
        """Return whether two instants differ by no more than rounding: the clock adds up what it waits."""
        return abs(first_s - second_s) <= _ROUNDING * max(abs(first_s), abs(second_s), 1.0)

    def _last_by(self, time_s: float, since_s: float) -> int | None:
        """Return the flow that was the last to arrive at or before an instant and after another [s]."""
        below = int(np.searchsorted(self._arrivals_s, time_s, side="right"))
        # The next one, if rounding alone makes it later, else the one before.
        is_next = below < len(self._arrivals_s) and self._is_one_instant(self._arrivals_s[below], time_s)
        below -= not is_next
        if below < 0 or self._arrivals_s[below] <= since_s:
            return None
        # Of several at one instant, the one that had been on its way for longest.
        return min(self._arrived[float(self._arrivals_s[below])], key=lambda span_id: self._start_s[span_id])


def _sent_s(run: RunResult) -> dict[int, float]:
    """Return when the last bit of each flow had been sent [s], by span; none where the rows do not say."""
    if "flow" not in run.tables or "sent_s" not in run.tables["flow"].column_names:
        return {}
    span_ids, sent_s = run.column("flow", "span_id").tolist(), run.column("flow", "sent_s").tolist()
    return {int(span_id): time_s for span_id, time_s in zip(span_ids, sent_s, strict=True)}
