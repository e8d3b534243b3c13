"""Blame: which activity, and whose, each global update and the whole run waited for.

The walk goes backwards. A global update ended with a transmission; a transmission was released by a line that it had
stood in, by the last member to be ready or by the transmission before it; and so on, until another update ended (the
one that released this round) or until time zero. The spans of the walk follow each other without a gap, so their
lengths add up to the time elapsed. Whatever is shortened on this path makes the update earlier, until another path is
the longest.

Our choice: whoever stood in line is blamed on the line, and the walk goes on with what that round had done before. (The
cause of what follows a line is the span of the holder before, which belongs to somebody else's round.)

Our choice: the computing of the last member to be ready is split where all other members of the round were ready.
From then on everybody waited for that device alone: this is what the round would have gained without it.

Our choice: a digital upload is blamed on the device that sent it, pauses of an absent sender included as absence.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from testbed.experiments.result import RunResult
from testbed.records import NO_CAUSE

__all__ = ["AFTER", "BLAMED", "UNEXPLAINED", "Blame", "Path", "Step", "UpdateBlame", "blame"]

AFTER: Final = "after-last-update"
UNEXPLAINED: Final = "unexplained"

# What time can be blamed on.
BLAMED: Final = (
    "compute",  # a device computes while another member of its round is not ready either
    "straggling",  # the last member computes while all others of its round are ready
    "absent",  # a device that was needed was away
    "queue-device",  # a job waits for the device's processor
    "queue-uplink",  # a round waits for the uplink
    "queue-downlink",  # the server waits for the downlink
    "up",  # transmission to the server
    "down",  # transmission to the devices
    "wait",  # a round or the server held on without any of these
    AFTER,  # from the last update to the end of the run
    UNEXPLAINED,  # no span accounts for it: the records have a gap
)

_BLAME_OF: Final = {
    ("device", "compute"): "compute",
    ("device", "absent"): "absent",
    ("device", "queue"): "queue-device",
    ("device", "transmit"): "up",
    ("group", "queue"): "queue-uplink",
    ("uplink", "transmit"): "up",
    ("downlink", "transmit"): "down",
    ("downlink", "wait"): "absent",
    ("server", "queue"): "queue-downlink",
    ("server", "wait"): "absent",
}


class Step(NamedTuple):
    """A part of a path: what it is blamed on (one of `BLAMED`), the entity, from when to when [s]."""

    what: str
    entity: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Path:
    """Steps from the latest to the earliest, each starting where the next one ends.

    `last_ready` : the device that completed the latest round on it, if others of that round had waited for it.
    """

    start_s: float
    end_s: float
    steps: tuple[Step, ...]
    last_ready: str | None = None

    @property
    def elapsed_s(self) -> float:
        """The time between the two ends [s]."""
        return self.end_s - self.start_s

    def seconds(self) -> dict[str, float]:
        """Return the time blamed on each of `BLAMED` [s]; they add up to `elapsed_s`."""
        return {what: math.fsum(s.end_s - s.start_s for s in self.steps if s.what == what) for what in BLAMED}

    def by_entity(self, what: str) -> dict[str, float]:
        """Return the time blamed on one of `BLAMED` per entity, most first [s]."""
        spent: dict[str, float] = {}
        for step in self.steps:
            if step.what == what:
                spent[step.entity] = spent.get(step.entity, 0.0) + step.end_s - step.start_s
        return dict(sorted(spent.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class UpdateBlame:
    """One global update: its number, its group and the path back to the update that released its round."""

    version: int
    group: int
    path: Path


@dataclass(frozen=True)
class Blame:
    """The path of the whole run, what followed its last update included, and that of each update."""

    run: Path
    updates: tuple[UpdateBlame, ...]

    def mean_seconds(self) -> dict[str, float]:
        """Return the mean over updates of the time blamed on each of `BLAMED` [s]; 0 without updates."""
        return _means(update.path.seconds() for update in self.updates)

    def mean_shares(self) -> dict[str, float]:
        """Return the mean over updates of each share of the update's time; 0 without updates."""
        lasting = [update.path for update in self.updates if update.path.elapsed_s > 0]
        return _means({w: s / path.elapsed_s for w, s in path.seconds().items()} for path in lasting)

    def stragglers(self) -> dict[str, tuple[int, float]]:
        """Return who was the last to be ready: device -> (in how many updates, waited for alone in all [s])."""
        found: dict[str, tuple[int, float]] = {}
        for path in (update.path for update in self.updates):
            if path.last_ready is not None:
                times, waited_s = found.get(path.last_ready, (0, 0.0))
                found[path.last_ready] = (times + 1, waited_s + path.seconds()["straggling"])
        return dict(sorted(found.items(), key=lambda item: (-item[1][0], -item[1][1], item[0])))

    def to_json(self) -> dict[str, Any]:
        """Return the shares of the run and of the updates as one JSON document."""
        updates = [
            {"version": u.version, "group": u.group, "start_s": u.path.start_s, "end_s": u.path.end_s}
            | {"last_ready": u.path.last_ready, "seconds": u.path.seconds()}
            for u in self.updates
        ]
        return {
            "elapsed_s": self.run.elapsed_s,
            "run": {
                what: {"seconds": seconds, "by": self.run.by_entity(what)}
                for what, seconds in self.run.seconds().items()
            },
            "update_mean_seconds": self.mean_seconds(),
            "update_mean_shares": self.mean_shares(),
            "stragglers": [
                {"device": device, "updates": times, "waited_s": waited_s}
                for device, (times, waited_s) in self.stragglers().items()
            ],
            "updates": updates,
        }


def _means(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    gathered = list(rows)
    return {what: math.fsum(row[what] for row in gathered) / max(1, len(gathered)) for what in BLAMED}


def blame(run: RunResult) -> Blame:
    """Return what each global update and the whole run waited for, from the rows `span` and `version`.

    A gap in the records is not hidden: it is blamed on `unexplained`.
    """
    spans = _Spans(run)
    span_ids = [int(span_id) for span_id in run.column("version", "span_id")]
    numbers, groups = run.column("version", "version"), run.column("version", "group")
    made = frozenset(span_ids)
    updates = tuple(
        UpdateBlame(int(version), int(group), spans.path(span_id, made))
        for span_id, version, group in zip(span_ids, numbers, groups, strict=True)
    )
    whole = spans.path(span_ids[-1], frozenset()) if span_ids else Path(0.0, 0.0, ())
    elapsed_s = max(run.elapsed_s, whole.end_s)
    after = (Step(AFTER, "run", whole.end_s, elapsed_s),) if elapsed_s > whole.end_s else ()
    return Blame(Path(0.0, elapsed_s, after + whole.steps, whole.last_ready), updates)


class _Spans:
    """The spans of a run by number, and what the walk looks up: who stood in line, who waited, who sent, until when."""

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
        for span_id, (entity, kind, end_s) in enumerate(zip(self.entity, self.kind, self.end_s, strict=True)):
            role = _role(entity)
            if kind == "queue":
                # Of two who got their turn at one instant the later one used it.
                self.lines[entity if role == "device" else role, end_s] = span_id
            elif role == "device" and kind == "wait":
                self.waits.setdefault(end_s, []).append(span_id)
            elif role == "device" and kind in ("transmit", "absent"):
                self.sent.setdefault(end_s, []).append(span_id)

    def path(self, span_id: int, stops: frozenset[int]) -> Path:
        """Return the path from the end of a span back to the end of the first other span among `stops`, or to zero."""
        end_s = now_s = self.end_s[span_id]
        steps: list[Step] = []
        last_ready: str | None = None
        others_ready_s = math.inf  # when all but the last member of the round the walk is in were ready
        at, above = span_id, span_id
        while at != NO_CAUSE and not (at in stops and at != span_id):
            if self.end_s[at] < now_s:
                steps.append(Step(UNEXPLAINED, "run", self.end_s[at], now_s))
                now_s = self.end_s[at]
            role = _role(self.entity[at])
            if role != "device":
                others_ready_s = math.inf
            elif _role(self.entity[above]) in ("uplink", "group"):
                others_ready_s = self._others_ready_s(at, above)
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
        cause = self.cause[span_id]
        if self.kind[span_id] == "queue" or cause == NO_CAUSE:
            return cause
        role, entity = _role(self.entity[span_id]), self.entity[span_id]
        asking = {"uplink": "group", "group": "group", "downlink": "server", "device": entity}.get(role, "")
        line = self.lines.get((asking, self.start_s[span_id]), NO_CAUSE)
        # The holder before left the uplink with a span of its own; whoever was released by a device had no line.
        waited = line != NO_CAUSE and (_role(self.entity[cause]) != "device" or role == "device")
        return line if waited and cause < line < span_id else cause

    def _others_ready_s(self, last: int, above: int) -> float:
        """Return when all members but the last were ready [s]; infinity if nobody waited for it."""
        turn_s = self.end_s[above] if self.kind[above] == "queue" else self.start_s[above]
        ready = [self.start_s[i] for i in self.waits.get(turn_s, ()) if self.entity[i] != self.entity[last]]
        return max(ready) if ready and min(ready) < self.end_s[last] else math.inf

    def _blame(self, span_id: int, now_s: float, others_ready_s: float, steps: list[Step]) -> float:
        """Append the steps of one span that ends at `now_s`; return when it started [s]."""
        entity, kind, start_s = self.entity[span_id], self.kind[span_id], min(self.start_s[span_id], now_s)
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
    """Return what an entity is: device, group, uplink, downlink or server."""
    return entity.partition("-")[0]
