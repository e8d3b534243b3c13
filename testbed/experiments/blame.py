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

Between regions there are no global updates that all wait for. There the walk of the run starts at the region that was
the last to end, and `stalls` says, region by region, what standing still was due to.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from testbed.experiments.blamed_path import AFTER, BLAMED, Path, Step
from testbed.experiments.result import RunResult
from testbed.experiments.span_walk import SpanWalk
from testbed.experiments.stalls import Stalls, stalls

__all__ = ["Blame", "UpdateBlame", "blame"]


@dataclass(frozen=True)
class UpdateBlame:
    """One global update: its number, its group and the path back to the update that released its round."""

    version: int
    group: int
    path: Path


@dataclass(frozen=True)
class Blame:
    """The path of the whole run, what followed its last update included, that of each update, and regions' stalls."""

    run: Path
    updates: tuple[UpdateBlame, ...]
    stalls: Mapping[str, Stalls] = field(default_factory=dict)

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
            "stalls": {region: own.to_json() for region, own in self.stalls.items()},
            "updates": updates,
        }


def _means(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    gathered = list(rows)
    return {what: math.fsum(row[what] for row in gathered) / max(1, len(gathered)) for what in BLAMED}


def blame(run: RunResult) -> Blame:
    """Return what each global update and the whole run waited for, from the rows `span`, `version` and `flow`.

    A gap in the records is not hidden: it is blamed on `unexplained`.
    """
    spans = SpanWalk(run)
    span_ids = [int(span_id) for span_id in run.column("version", "span_id")]
    numbers, groups = run.column("version", "version"), run.column("version", "group")
    made = frozenset(span_ids)
    updates = tuple(
        UpdateBlame(int(version), int(group), spans.path(span_id, made))
        for span_id, version, group in zip(span_ids, numbers, groups, strict=True)
    )
    last = span_ids[-1] if span_ids else _last_of_regions(run)
    whole = spans.path(last, frozenset()) if last is not None else Path(0.0, 0.0, ())
    elapsed_s = max(run.elapsed_s, whole.end_s)
    after = (Step(AFTER, "run", whole.end_s, elapsed_s),) if elapsed_s > whole.end_s else ()
    return Blame(Path(0.0, elapsed_s, after + whole.steps, whole.last_ready), updates, stalls(run))


def _last_of_regions(run: RunResult) -> int | None:
    """Return the span with which the last region ended; None for a run that is not between regions, or has none."""
    if not run.between_regions:
        return None
    entities, end_s = run.column("span", "entity").astype(str), run.column("span", "end_s")
    of_regions = [int(row) for row in np.flatnonzero(np.char.startswith(entities, "device-"))]
    return max(of_regions, key=lambda row: (end_s[row], row), default=None)
