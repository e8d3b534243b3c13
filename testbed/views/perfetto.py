"""A run as a trace that opens in Perfetto: a process per entity, a thread per lane, arrows from cause to effect.

The format is Chrome's trace-event JSON. Times are simulated microseconds in steps of an eighth: such numbers are exact
in binary, so that no reader's rounding makes neighbours overlap (in runs of up to 100 days). Our choice: what is
shorter than a step is drawn one step long.

- `X` : a span; spans of one lane that overlap get lanes beside it. `args` say cause, client, version, bits, energy.
- `C` : metrics and costs of the run, the global version (between regions: steps), and how many groups wait for the
  uplink (between regions: collectives in line).
- `s`, `f` : an arrow from the end of a span to the start of one of another entity that it released ("cause"), and from
  the start of a transmission to its end at the receiver ("transfer"): between regions from what the sender was doing
  to what the receiver was doing.
- `M` : names and order: the run, server, uplink, downlink, groups, then the devices by group; regions under their
  names, then collectives and the links of the WAN.

Events are made one by one, so that a long run needs little memory beside its rows.
"""

import heapq
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.records import NO_CAUSE
from testbed.views.region_lanes import COLLECTIVE, entity_names, region_names

__all__ = ["trace_events", "trace_text"]

Event: TypeAlias = dict[str, Any]

_STEPS_PER_S: Final = 8_000_000
_STEPS_PER_US: Final = 8
_RUN, _UPLINK = "run", "uplink"
_FIRST: Final = (_RUN, "server", _UPLINK, "downlink", "group", "device", COLLECTIVE, "wan")
_LANES: Final = ("compute", "radio-tx", "radio-rx", "transmit", "all-reduce", "stall", "queue", "wait", "absent")
_DEVICE_LANES: Final = {"compute": "compute", "transmit": "radio-tx"}
_METRICS: Final = ("accuracy", "loss", "perplexity")
_DETAILS: Final = ("training", "transfer", "flow", "version", "aggregation")
_PLACES: Final = {"span_id", "start_s", "end_s", "time_s"}  # columns that the event itself tells


class _Slice(NamedTuple):
    """What is drawn as one `X`: whose, on which lane, from when to when [steps]; the row's number in its table."""

    entity: str
    lane: str
    start: int
    end: int
    row: int
    received: bool  # a row of `transfer` as its receiver saw it, not a span


def trace_events(run: RunResult, start_s: float | None = None, end_s: float | None = None) -> Iterator[Event]:
    """Return the trace events of a run, made as they are asked for.

    Parameters
    ----------
    start_s, end_s : only spans that overlap this window, whole, and arrows between them; without it the whole run [s].

    Raises
    ------
    RequestError : a window that is empty or outside the run.
    """
    first_s, last_s = start_s or 0.0, run.elapsed_s if end_s is None else min(end_s, run.elapsed_s)
    if not 0 <= first_s < last_s:
        raise RequestError(
            f"no trace from {first_s:g} s to {last_s:g} s: the run lasted from 0 s to {run.elapsed_s:g} s"
        )
    return _events(run, first_s, last_s)


def trace_text(run: RunResult, start_s: float | None = None, end_s: float | None = None) -> Iterator[str]:
    """Return the pieces of the JSON document of `trace_events`, an event a line; parameters and errors as there."""
    events = trace_events(run, start_s, end_s)
    about = {"run_id": run.run_id, "scenario": run.name, "algorithm": run.algorithm, "seed": run.seed}
    return _pieces(events, about)


def _pieces(events: Iterable[Event], about: Mapping[str, Any]) -> Iterator[str]:
    encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    yield f'{{"displayTimeUnit":"ms","otherData":{encode(about)},"traceEvents":['
    separator = "\n"
    for event in events:
        yield separator + encode(event)
        separator = ",\n"
    yield "\n]}\n"


def _events(run: RunResult, first_s: float, last_s: float) -> Iterator[Event]:
    slices = [*_span_slices(run, first_s, last_s), *_received_slices(run, first_s, last_s)]
    tracks = _Tracks(slices, _groups(run), entity_names(run), {COLLECTIVE} if run.between_regions else {_UPLINK})
    yield from tracks.names()
    yield from _drawn(run, slices, tracks)
    yield from _counters(run, tracks, first_s, last_s)
    # After the slices: at equal times a reader binds an arrow only to a slice that it has seen.
    yield from _arrows(run, slices, tracks)


def _steps(times_s: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.rint(np.asarray(times_s, dtype=np.float64) * _STEPS_PER_S).astype(np.int64)


def _us(steps: int) -> float:
    return steps / _STEPS_PER_US


def _overlapping(run: RunResult, table: str, first_s: float, last_s: float) -> tuple[list[int], list[int], list[int]]:
    """Return the rows of a table that overlap the window: numbers, starts and ends [steps], at least one step long."""
    start_s, end_s = run.column(table, "start_s"), run.column(table, "end_s")
    rows = np.flatnonzero((end_s >= first_s) & (start_s <= last_s))
    start = _steps(start_s[rows])
    return rows.tolist(), start.tolist(), np.maximum(_steps(end_s[rows]), start + 1).tolist()


def _span_slices(run: RunResult, first_s: float, last_s: float) -> Iterator[_Slice]:
    entities, kinds = run.column("span", "entity").tolist(), run.column("span", "kind").tolist()
    for row, start, end in zip(*_overlapping(run, "span", first_s, last_s), strict=True):
        entity, kind = entities[row], kinds[row]
        lane = _DEVICE_LANES.get(kind, kind) if _role(entity) == "device" else kind
        yield _Slice(entity, lane, start, end, row, received=False)


def _received_slices(run: RunResult, first_s: float, last_s: float) -> Iterator[_Slice]:
    """Yield what single devices received: a transfer to several names none of them."""
    targets = run.column("transfer", "target").tolist()
    for row, start, end in zip(*_overlapping(run, "transfer", first_s, last_s), strict=True):
        if _role(targets[row]) == "device" and run.column("transfer", "span_id")[row] != NO_CAUSE:
            yield _Slice(targets[row], "radio-rx", start, end, row, received=True)


def _role(entity: str) -> str:
    return entity.partition("-")[0]


def _groups(run: RunResult) -> dict[str, int]:
    """Return device -> its group, where groups were formed."""
    clients, groups = run.column("membership", "client").tolist(), run.column("membership", "group").tolist()
    return {f"device-{int(client)}": int(group) for client, group in zip(clients, groups, strict=True)}


class _Tracks:
    """Processes (entities) and threads (lanes) with their numbers, which no two share, and every slice's thread.

    Parameters
    ----------
    names : of regions and links, in their order.
    counted : entities that have counters, be they in a slice or not.
    """

    def __init__(
        self, slices: list[_Slice], groups: Mapping[str, int], names: Mapping[str, str], counted: set[str]
    ) -> None:
        self._groups, self._names = groups, names
        self._place_of_name = {entity: place for place, entity in enumerate(names)}
        entities = sorted({s.entity for s in slices} | {_RUN} | counted, key=self._order)
        # From 1: readers take the process and the thread 0 for the idle ones.
        self.pid = {entity: number for number, entity in enumerate(entities, 1)}
        self.thread_of, depths = _sub_lanes(slices)
        lanes = sorted(depths, key=lambda lane: (self.pid[lane[0]], _rank(lane[1], _LANES), lane[1]))
        self._threads = [(entity, lane, depth) for entity, lane in lanes for depth in range(depths[entity, lane])]
        self._tid = {thread: number for number, thread in enumerate(self._threads, len(self.pid) + 1)}

    def _order(self, entity: str) -> tuple[int, int, int, list[tuple[int, str]]]:
        parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", entity)]
        return _rank(_role(entity), _FIRST), self._groups.get(entity, -1), self._place_of_name.get(entity, -1), parts

    def place(self, at: int, entity: str, lane: str) -> Event:
        """Return the process and thread of the slice number `at`."""
        return {"pid": self.pid[entity], "tid": self._tid[entity, lane, self.thread_of[at]]}

    def names(self) -> Iterator[Event]:
        """Yield the names and the order of processes and threads."""
        many = len(set(self._groups.values())) > 1
        for entity, pid in self.pid.items():
            label = f"{entity} (group {self._groups[entity]})" if many and entity in self._groups else entity
            if entity in self._names:
                label = f"{self._names[entity]} ({entity})" if _role(entity) == "device" else self._names[entity]
            yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": label}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}
        for (entity, lane, depth), tid in self._tid.items():
            place = {"pid": self.pid[entity], "tid": tid}
            label = lane if depth == 0 else f"{lane} ({depth + 1})"
            yield {"ph": "M", "name": "thread_name", **place, "args": {"name": label}}
            yield {"ph": "M", "name": "thread_sort_index", **place, "args": {"sort_index": tid}}


def _rank(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else len(words)


def _sub_lanes(slices: list[_Slice]) -> tuple[list[int], dict[tuple[str, str], int]]:
    """Return every slice's place among those that overlap on its lane, and how many places each lane needs.

    Whoever starts next takes the place that has been free for longest: as few places as overlap at once.
    """
    place_of, free_from = [0] * len(slices), dict[tuple[str, str], list[tuple[int, int]]]()
    for at in sorted(range(len(slices)), key=lambda i: (slices[i].start, slices[i].end, i)):
        ends = free_from.setdefault((slices[at].entity, slices[at].lane), [])
        if ends and ends[0][0] <= slices[at].start:
            place = heapq.heappop(ends)[1]
        else:
            place = len(ends)
        heapq.heappush(ends, (slices[at].end, place))
        place_of[at] = place
    return place_of, {lane: len(ends) for lane, ends in free_from.items()}


class _Rows:
    """The columns of a table but the places, as lists, ready to be told row by row."""

    def __init__(self, run: RunResult, table: str) -> None:
        names = run.tables[table].column_names if table in run.tables else []
        self._columns = {name: run.column(table, name).tolist() for name in names if name not in _PLACES}
        span_ids = run.column(table, "span_id").tolist()
        self.of_span = {span_id: row for row, span_id in enumerate(span_ids) if span_id != NO_CAUSE}

    def tell(self, row: int) -> Event:
        """Return the cells of one row; those that are no number are left out."""
        cells = {name: column[row] for name, column in self._columns.items()}
        return {name: cell for name, cell in cells.items() if not isinstance(cell, float) or math.isfinite(cell)}


def _drawn(run: RunResult, slices: list[_Slice], tracks: _Tracks) -> Iterator[Event]:
    entities, kinds = run.column("span", "entity").tolist(), run.column("span", "kind").tolist()
    causes, details = run.column("span", "cause_id").tolist(), {name: _Rows(run, name) for name in _DETAILS}
    for at, (entity, lane, start, end, row, received) in enumerate(slices):
        name, args = "receive", dict[str, Any]()
        if received:
            args = details["transfer"].tell(row)
        else:
            name, args = kinds[row], {"span_id": row, "cause_id": causes[row]}
            if causes[row] != NO_CAUSE:
                args["cause"] = f"{entities[causes[row]]} {kinds[causes[row]]}"
            if _role(entity) == "device":
                args["client"] = int(entity.partition("-")[2])
            for rows in details.values():
                if row in rows.of_span:
                    args |= _fitting(rows.tell(rows.of_span[row]), entity)
            if "version" in args:
                name = f"{name}, version {args['version']}"
        place = tracks.place(at, entity, lane)
        yield {"ph": "X", "name": name, "cat": lane, **place, "ts": _us(start), "dur": _us(end - start), "args": args}


def _fitting(cells: Event, entity: str) -> Event:
    """Return the cells; none if they are a job's that never ran, whose span is another entity's that released it."""
    return cells if f"device-{cells.get('client')}" == entity or "client" not in cells else {}


def _counters(run: RunResult, tracks: _Tracks, first_s: float, last_s: float) -> Iterator[Event]:
    window = (first_s, last_s)
    metrics = run.column("evaluation", "metric")
    for metric in _METRICS:
        if metric in metrics:
            yield from _counter(tracks.pid[_RUN], metric, *run.series(metric), window)
    name = "steps" if run.between_regions else "global version"
    yield from _counter(tracks.pid[_RUN], name, *_versions(run), window)
    for cost in run.costs:
        end_s, total = run.cost(cost)
        spent = (np.concatenate([[0.0], end_s]), np.concatenate([[0.0], total]))
        yield from _counter(tracks.pid[_RUN], cost, *spent, window)
    waiter, line, words = "group", _UPLINK, "waiting for the uplink"
    if run.between_regions:
        waiter, line, words = COLLECTIVE, COLLECTIVE, "collectives in line"
    theirs = np.array([_role(entity) == waiter for entity in run.column("span", "entity")], dtype=bool)
    queued = theirs & np.asarray(run.column("span", "kind") == "queue", dtype=bool)
    start_s, end_s = run.column("span", "start_s")[queued], run.column("span", "end_s")[queued]
    times_s = np.concatenate([[0.0], start_s, end_s])
    changes = np.concatenate([[0], np.ones(len(start_s)), -np.ones(len(end_s))])
    order = np.argsort(times_s, kind="stable")
    waiting = np.cumsum(changes[order])
    yield from _counter(tracks.pid[line], words, times_s[order], waiting, window)


def _versions(run: RunResult) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return when the version became what: as made, or where regions make steps each on its own, as evaluated."""
    if not run.between_regions:
        made_s, versions = run.column("version", "time_s"), run.column("version", "version")
        return np.concatenate([[0.0], made_s]), np.concatenate([[0], versions])
    return run.column("evaluation", "time_s"), run.column("evaluation", "version")


def _counter(
    pid: int, name: str, times_s: npt.NDArray[Any], values: npt.NDArray[Any], window: tuple[float, float]
) -> Iterator[Event]:
    """Yield the values of a counter inside the window, what it stood at when the window began included."""
    times_s = np.asarray(times_s, dtype=np.float64)
    first = max(0, int(np.searchsorted(times_s, window[0], side="right")) - 1)
    last = int(np.searchsorted(times_s, window[1], side="right"))
    steps = np.maximum(_steps(times_s[first:last]), _steps(np.array(window[0])))
    for at, (step, value) in enumerate(zip(steps.tolist(), values[first:last].tolist(), strict=True)):
        # Of several values at one instant the last one stands.
        if (at + 1 == len(steps) or steps[at + 1] > step) and math.isfinite(value):
            yield {"ph": "C", "name": name, "pid": pid, "ts": _us(step), "args": {"value": value}}


def _arrows(run: RunResult, slices: list[_Slice], tracks: _Tracks) -> Iterator[Event]:
    """Yield both ends of every arrow; one that could not point forward in time is left out."""
    number = 0
    for kind, source, sent, target, arrived in _pairs(run, slices):
        if arrived <= sent:
            continue
        number += 1
        for phase, at, step in (("s", source, sent), ("f", target, arrived)):
            place = tracks.place(at, slices[at].entity, slices[at].lane)
            binding = {"bp": "e"} if phase == "f" else {}  # to the slice around it, not to the next one
            yield {"ph": phase, "name": kind, "cat": kind, "id": number, **place, "ts": _us(step), **binding}


def _pairs(run: RunResult, slices: list[_Slice]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield (kind, slice it leaves, when, slice it reaches, when [steps]), each time inside its slice."""
    drawn = {s.row: at for at, s in enumerate(slices) if not s.received}
    causes = run.column("span", "cause_id").tolist()
    for row, at in drawn.items():
        cause = drawn.get(causes[row])
        if cause is not None and slices[cause].entity != slices[at].entity:
            yield "cause", cause, slices[cause].end - 1, at, slices[at].start
    yield from _flow_pairs(run, slices, drawn)
    uplink = sorted((s.start, at) for at, s in enumerate(slices) if s.entity == _UPLINK)
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


def _flow_pairs(
    run: RunResult, slices: list[_Slice], drawn: Mapping[int, int]
) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the arrows of flows, like `_pairs`: from what the sender was doing to what the receiver was doing.

    Where a trace shows nothing of either at that instant, its end is the flow's own slice on the link.
    """
    device_of = {name: f"device-{region}" for region, name in region_names(run).items()}
    doing: dict[str, list[tuple[int, int]]] = {}
    for at, s in enumerate(slices):
        if not s.received and not s.entity.startswith("wan-"):
            doing.setdefault(s.entity, []).append((s.start, at))
    for own in doing.values():
        own.sort()

    def around(node: str, instant: int, own: int) -> int:
        spans = doing.get(device_of.get(node, node), [])
        below = bisect_right(spans, (instant, len(slices))) - 1
        return spans[below][1] if below >= 0 and instant < slices[spans[below][1]].end else own

    columns = (run.column("flow", name).tolist() for name in ("span_id", "source", "target"))
    for span_id, source, target in zip(*columns, strict=True):
        at = drawn.get(span_id)
        if at is not None:
            sent, arrived = slices[at].start, slices[at].end - 1
            yield "transfer", around(source, sent, at), sent, around(target, arrived, at), arrived
