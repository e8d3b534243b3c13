"""The walk from a span back through its causes, which `blame` makes for every update and for the run."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from testbed.experiments.blamed_path import UNEXPLAINED, Path, Step
from testbed.experiments.result import RunResult
from testbed.experiments.transfer_steps import Transfers
from testbed.records import NO_CAUSE

__all__ = ["SpanWalk"]

_BLAME_OF: Final = {
    ("device", "compute"): "compute",
    ("device", "absent"): "absent",
    ("device", "queue"): "queue-device",
    ("device", "transmit"): "up",
    ("group", "queue"): "queue-uplink",
    ("uplink", "transmit"): "up",
    ("downlink", "transmit"): "down",
    ("downlink", "wait"): "absent",
    ("server", "compute"): "compute",
    ("server", "queue"): "queue-downlink",
    ("server", "wait"): "absent",
    ("collective", "queue"): "queue-collective",
    ("device", "stall"): "stall",
}


class SpanWalk:
    """The spans of a run by number, and what the walk looks up: who stood in line, who waited, who sent, until when.

    Raises
    ------
    ValueError : spans that are not numbered by row.
    """

    def __init__(self, run: RunResult) -> None:
        span_ids = run.column("span", "span_id")
        if not np.array_equal(span_ids, np.arange(len(span_ids))):
            raise ValueError("span_id must number the rows of the table span from 0")
        self.entity: list[str] = run.column("span", "entity").tolist()
        self.kind: list[str] = run.column("span", "kind").tolist()
        self.start_s: list[float] = run.column("span", "start_s").tolist()
        self.end_s: list[float] = run.column("span", "end_s").tolist()
        self.cause: list[int] = run.column("span", "cause_id").tolist()
        self.lines: dict[tuple[str, float], int] = {}
        self.waits: dict[float, list[int]] = {}
        self.sent: dict[float, list[int]] = {}
        self.stalls: dict[float, list[int]] = {}
        self.transfers = Transfers(run)
        for span_id, (entity, kind, end_s) in enumerate(zip(self.entity, self.kind, self.end_s, strict=True)):
            role = _role(entity)
            if kind == "queue":
                # Of two who got their turn at one instant the later one used it.
                self.lines[entity if role == "device" else role, end_s] = span_id
            elif role == "device" and kind == "wait":
                self.waits.setdefault(end_s, []).append(span_id)
            elif role == "device" and kind == "stall":
                self.stalls.setdefault(end_s, []).append(span_id)
            elif role == "device" and kind in ("transmit", "absent"):
                self.sent.setdefault(end_s, []).append(span_id)

    def path(self, span_id: int, stops: frozenset[int]) -> Path:
        """Return the path from the end of a span back to the end of the first other span among `stops`, or to zero."""
        end_s = now_s = self.end_s[span_id]
        steps: list[Step] = []
        last_ready: str | None = None
        others_ready_s = math.inf  # when all but the last member of the round the walk is in were ready
        released_s = math.nan  # when the collective that the walk is in let regions go on
        at, above = span_id, span_id
        while at != NO_CAUSE and not (at in stops and at != span_id):
            if self.end_s[at] < now_s:
                steps.append(Step(UNEXPLAINED, "run", self.end_s[at], now_s))
                now_s = self.end_s[at]
            role = _role(self.entity[at])
            if role != "device":
                others_ready_s = math.inf
                released_s = self.end_s[at] if self.kind[at] == "all-reduce" else released_s
            elif _role(self.entity[above]) in ("uplink", "group", "collective"):
                others_ready_s = self._others_ready_s(at, above, released_s)
                if last_ready is None and math.isfinite(others_ready_s):
                    last_ready = self.entity[at]
            now_s = self._blame(at, now_s, others_ready_s, steps)
            above, at = at, self._before(at)
        start_s = 0.0 if at == NO_CAUSE else min(self.end_s[at], now_s)
        if now_s > start_s:
            steps.append(Step(UNEXPLAINED, "run", start_s, now_s))
        return Path(start_s, end_s, tuple(steps), last_ready)

    def _before(self, span_id: int) -> int:
        """Return the line that a span's entity had stood in until then, else its cause."""
        if (awaited := self._awaited(span_id)) is not None:
            return awaited
        cause = self.cause[span_id]
        if self.kind[span_id] == "queue" or cause == NO_CAUSE:
            return cause
        role, entity = _role(self.entity[span_id]), self.entity[span_id]
        asking = {"uplink": "group", "group": "group", "downlink": "server", "collective": role, "device": entity}.get(
            role, ""
        )
        line = self.lines.get((asking, self.start_s[span_id]), NO_CAUSE)
        # The holder before left the uplink with a span of its own; whoever was released by a device had no line.
        waited = line != NO_CAUSE and (_role(self.entity[cause]) != "device" or role == "device")
        return line if waited and cause < line < span_id else cause

    def _awaited(self, span_id: int) -> int | None:
        """Return the collective for which a region stalled until it ended; None for any other span."""
        return self.transfers.ended_at(self.end_s[span_id]) if self.kind[span_id] == "stall" else None

    def _others_ready_s(self, last: int, above: int, released_s: float) -> float:
        """Return when all members but the last were ready [s]; infinity if nobody waited for it.

        Members of a group wait until it transmits, regions until their collective has ended.
        """
        turn_s = self.end_s[above] if self.kind[above] == "queue" else self.start_s[above]
        of_regions = _role(self.entity[above]) == "collective"
        waiting = self.stalls.get(released_s, ()) if of_regions else self.waits.get(turn_s, ())
        ready = [self.start_s[i] for i in waiting if self.entity[i] != self.entity[last]]
        return max(ready) if ready and min(ready) < self.end_s[last] else math.inf

    def _blame(self, span_id: int, now_s: float, others_ready_s: float, steps: list[Step]) -> float:
        """Append the steps of one span that ends at `now_s`; return when it started [s]."""
        entity, kind, start_s = self.entity[span_id], self.kind[span_id], min(self.start_s[span_id], now_s)
        if self._awaited(span_id) is not None:  # the time is that of the collective, to which the walk goes next
            return now_s
        if self.transfers.is_one(span_id):
            steps += self.transfers.steps(span_id, start_s, now_s)
            return start_s
        for part in self._sender_spans(span_id) or [span_id]:
            part_s = max(start_s, self.start_s[part])
            what = _BLAME_OF.get((_role(self.entity[part]), self.kind[part]), "wait")
            if what == "compute" and kind == "compute" and part_s < now_s and others_ready_s < now_s:
                split_s = max(part_s, others_ready_s)
                steps.append(Step("straggling", entity, split_s, now_s))
                now_s = split_s
            if part_s < now_s:
                steps.append(Step(what, self.entity[part], part_s, now_s))
            now_s = part_s
        return start_s

    def _sender_spans(self, span_id: int) -> Sequence[int]:
        """Return the spans of the one device that sent what an uplink span received, last first; none if several."""
        if self.entity[span_id] != "uplink":
            return ()
        chains = [self._chain_since(self.start_s[span_id], i) for i in self.sent.get(self.end_s[span_id], ())]
        whole = [chain for chain in chains if chain]
        return whole[0] if len(whole) == 1 else ()

    def _chain_since(self, start_s: float, span_id: int) -> list[int]:
        """Return a span and those of its entity that led to it, back to one that started at `start_s`; else none."""
        chain = [span_id]
        while self.start_s[chain[-1]] > start_s:
            cause = self.cause[chain[-1]]
            if cause == NO_CAUSE or self.entity[cause] != self.entity[span_id]:
                return []
            chain.append(cause)
        return chain if self.start_s[chain[-1]] == start_s else []


def _role(entity: str) -> str:
    """Return what an entity is: device, group, uplink, downlink, server, collective or wan."""
    return entity.partition("-")[0]
