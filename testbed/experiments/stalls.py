"""What regions stood still for: another region, a line, the bits of a transfer or their way.

A region that needs the result of a transfer before it is there stalls. Which transfer that was is the cause of what the
region did next; of what the time was made is read off the collective and its flows. Before the transfer was asked for,
the region waited for another one that was not ready.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from testbed.experiments.result import RunResult
from testbed.experiments.transfer_steps import Transfers
from testbed.records import NO_CAUSE

__all__ = ["STALLED_FOR", "Stalls", "stalls"]

# What a stall can be due to.
STALLED_FOR: Final = (
    "others",  # the transfer could not be asked for yet: another region was not ready
    "queue-collective",  # the collective waited for its turn
    "wan",  # flows put their bits on the way
    "propagation",  # the last of these bits travelled
    "unexplained",  # no transfer says so: a server's answer, or a gap in the records
)


@dataclass(frozen=True)
class Stalls:
    """The stalls of one region: how many, and the time due to each of `STALLED_FOR` [s]."""

    num_stalls: int
    seconds: Mapping[str, float]

    @property
    def total_s(self) -> float:
        """How long the region stood still in all [s]."""
        return math.fsum(self.seconds.values())

    def to_json(self) -> dict[str, Any]:
        """Return the stalls as JSON has it."""
        return {"num_stalls": self.num_stalls, "total_s": self.total_s, "seconds": dict(self.seconds)}


def stalls(run: RunResult) -> dict[str, Stalls]:
    """Return the stalls of every region of a run, by entity in the order of regions; none if it has no regions."""
    rows = _Spans(run)
    found: dict[str, Stalls] = {}
    for region in run.column("region", "region").tolist():
        entity, parts = f"device-{int(region)}", list[tuple[str, float]]()
        own = rows.stalls.get(entity, [])
        for span_id in own:
            parts += rows.parts(span_id)
        seconds = {what: math.fsum(part_s for due, part_s in parts if due == what) for what in STALLED_FOR}
        found[entity] = Stalls(len(own), seconds)
    return found


class _Spans:
    """The spans of a run, and what ended each stall."""

    def __init__(self, run: RunResult) -> None:
        self.entity: list[str] = run.column("span", "entity").tolist()
        self.kind: list[str] = run.column("span", "kind").tolist()
        self.start_s: list[float] = run.column("span", "start_s").tolist()
        self.end_s: list[float] = run.column("span", "end_s").tolist()
        self.cause: list[int] = run.column("span", "cause_id").tolist()
        self.transfers = Transfers(run)
        self.stalls: dict[str, list[int]] = {}
        self.released: dict[tuple[str, float], int] = {}  # (who went on, when) -> the transfer that let it
        self.lines: dict[float, int] = {}  # when its turn came -> a collective in line
        for span_id, (entity, kind) in enumerate(zip(self.entity, self.kind, strict=True)):
            if kind == "stall":
                self.stalls.setdefault(entity, []).append(span_id)
            elif kind == "queue" and entity == "collective":
                self.lines[self.end_s[span_id]] = span_id
            cause = self.cause[span_id]
            if cause != NO_CAUSE and self.transfers.is_one(cause) and not entity.startswith(("wan-", "collective")):
                self.released[entity, self.start_s[span_id]] = cause

    def parts(self, span_id: int) -> list[tuple[str, float]]:
        """Return what a stall was due to, and for how long each [s]."""
        start_s, end_s = self.start_s[span_id], self.end_s[span_id]
        # The run may have ended with the stall, before anything was released.
        transfer = self.released.get((self.entity[span_id], end_s), self.transfers.ended_at(end_s))
        if transfer is None:
            return [("unexplained", end_s - start_s)]
        since_s = max(start_s, self.start_s[transfer])
        parts = [(step.what, step.end_s - step.start_s) for step in self.transfers.steps(transfer, since_s, end_s)]
        line = self.lines.get(self.start_s[transfer])
        if line is not None and since_s > start_s:
            until_s, since_s = since_s, max(start_s, self.start_s[line])
            parts.append(("queue-collective", until_s - since_s))
        return [*parts, ("others", since_s - start_s)]
