"""The arrows of a trace: from cause to effect, and from the sender of a transmission to its receiver."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from testbed.experiments.result import RunResult
from testbed.views.region_lanes import region_names
from testbed.views.trace_tracks import UPLINK, Event, Slice, Tracks

__all__ = ["STEPS_PER_US", "arrows", "microseconds"]

STEPS_PER_US: Final = 8

Arrow: TypeAlias = tuple[str, int, int, int, int]  # kind, slice it leaves, when, slice it reaches, when [steps]


def microseconds(steps: int) -> float:
    """Return the steps in which a trace counts as the microseconds that it states: exact in binary."""
    return steps / STEPS_PER_US


def arrows(run: RunResult, slices: list[Slice], tracks: Tracks) -> Iterator[Event]:
    """Yield both ends of every arrow; one that could not point forward in time is left out."""
    number = 0
    for kind, source, sent, target, arrived in _pairs(run, slices):
        if arrived <= sent:
            continue
        number += 1
        for phase, at, step in (("s", source, sent), ("f", target, arrived)):
            place = tracks.place(at, slices[at].entity, slices[at].lane)
            binding = {"bp": "e"} if phase == "f" else {}  # to the slice around it, not to the next one
            yield {"ph": phase, "name": kind, "cat": kind, "id": number, **place, "ts": microseconds(step), **binding}


def _pairs(run: RunResult, slices: list[Slice]) -> Iterator[Arrow]:
    """Yield (kind, slice it leaves, when, slice it reaches, when [steps]), each time inside its slice."""
    drawn = {s.row: at for at, s in enumerate(slices) if not s.received}
    causes = run.column("span", "cause_id").tolist()
    for row, at in drawn.items():
        cause = drawn.get(causes[row])
        if cause is not None and slices[cause].entity != slices[at].entity:
            yield "cause", cause, slices[cause].end - 1, at, slices[at].start
    yield from _flow_pairs(run, slices, drawn)
    uplink = sorted((s.start, at) for at, s in enumerate(slices) if s.entity == UPLINK)
    received = {s.row: at for at, s in enumerate(slices) if s.received}
    targets = run.column("transfer", "target").tolist()
    for row, span_id in enumerate(run.column("transfer", "span_id").tolist()):
        source = drawn.get(span_id)
        if source is None:
            continue
        arrived = slices[source].end - 1
        below = bisect_right(uplink, (arrived, len(slices))) - 1
        target = uplink[below][1] if targets[row] == "server" and below >= 0 else received.get(row)
        if target is not None and slices[target].start <= arrived < slices[target].end:
            yield "transfer", source, slices[source].start, target, arrived


def _flow_pairs(run: RunResult, slices: list[Slice], drawn: Mapping[int, int]) -> Iterator[Arrow]:
    """Yield the arrows of flows, like `_pairs`: from what the sender was doing to what the receiver was doing.

    Where a trace shows nothing of either at that instant, its end is the flow's own slice on the link.
    """
    device_of = {name: f"device-{region}" for region, name in region_names(run).items()}
    doing: dict[str, list[tuple[int, int]]] = {}
    for at, s in enumerate(slices):
        if not s.received and not s.entity.startswith("wan-"):
            doing.setdefault(s.entity, []).append((s.start, at))
    for spans in doing.values():
        spans.sort()

    def around(node: str, instant: int, own: int) -> int:
        theirs = doing.get(device_of.get(node, node), [])
        below = bisect_right(theirs, (instant, len(slices))) - 1
        return theirs[below][1] if below >= 0 and instant < slices[theirs[below][1]].end else own

    columns = (run.column("flow", name).tolist() for name in ("span_id", "source", "target"))
    for span_id, source, target in zip(*columns, strict=True):
        if (own := drawn.get(span_id)) is not None:
            sent, arrived = slices[own].start, slices[own].end - 1
            yield "transfer", around(source, sent, own), sent, around(target, arrived, own), arrived
