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

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.records import NO_CAUSE
from testbed.views.region_lanes import COLLECTIVE, entity_names
from testbed.views.trace_arrows import arrows, microseconds
from testbed.views.trace_tracks import RUN, UPLINK, Event, Slice, Tracks, role_of

__all__ = ["trace_events", "trace_text"]

_STEPS_PER_S: Final = 8_000_000
_DEVICE_LANES: Final = {"compute": "compute", "transmit": "radio-tx"}
_METRICS: Final = ("accuracy", "loss", "perplexity")
_DETAILS: Final = ("training", "transfer", "flow", "version", "aggregation")
_PLACES: Final = {"span_id", "start_s", "end_s", "time_s"}  # columns that the event itself tells


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
    tracks = Tracks(slices, _groups(run), entity_names(run), {COLLECTIVE} if run.between_regions else {UPLINK})
    yield from tracks.names()
    yield from _drawn(run, slices, tracks)
    yield from _counters(run, tracks, first_s, last_s)
    # After the slices: at equal times a reader binds an arrow only to a slice that it has seen.
    yield from arrows(run, slices, tracks)


def _steps(times_s: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.rint(np.asarray(times_s, dtype=np.float64) * _STEPS_PER_S).astype(np.int64)


def _overlapping(run: RunResult, table: str, first_s: float, last_s: float) -> tuple[list[int], list[int], list[int]]:
    """Return the rows of a table that overlap the window: numbers, starts and ends [steps], at least one step long."""
    start_s, end_s = run.column(table, "start_s"), run.column(table, "end_s")
    rows = np.flatnonzero((end_s >= first_s) & (start_s <= last_s))
    start = _steps(start_s[rows])
    return rows.tolist(), start.tolist(), np.maximum(_steps(end_s[rows]), start + 1).tolist()


def _span_slices(run: RunResult, first_s: float, last_s: float) -> Iterator[Slice]:
    entities, kinds = run.column("span", "entity").tolist(), run.column("span", "kind").tolist()
    for row, start, end in zip(*_overlapping(run, "span", first_s, last_s), strict=True):
        entity, kind = entities[row], kinds[row]
        lane = _DEVICE_LANES.get(kind, kind) if role_of(entity) == "device" else kind
        yield Slice(entity, lane, start, end, row, received=False)


def _received_slices(run: RunResult, first_s: float, last_s: float) -> Iterator[Slice]:
    """Yield what single devices received: a transfer to several names none of them."""
    targets = run.column("transfer", "target").tolist()
    for row, start, end in zip(*_overlapping(run, "transfer", first_s, last_s), strict=True):
        if role_of(targets[row]) == "device" and run.column("transfer", "span_id")[row] != NO_CAUSE:
            yield Slice(targets[row], "radio-rx", start, end, row, received=True)


def _groups(run: RunResult) -> dict[str, int]:
    """Return device -> its group, where groups were formed."""
    clients, groups = run.column("membership", "client").tolist(), run.column("membership", "group").tolist()
    return {f"device-{int(client)}": int(group) for client, group in zip(clients, groups, strict=True)}


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


def _drawn(run: RunResult, slices: list[Slice], tracks: Tracks) -> Iterator[Event]:
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
            if role_of(entity) == "device":
                args["client"] = int(entity.partition("-")[2])
            for rows in details.values():
                if row in rows.of_span:
                    args |= _fitting(rows.tell(rows.of_span[row]), entity)
            if "version" in args:
                name = f"{name}, version {args['version']}"
        place = tracks.place(at, entity, lane)
        yield {
            "ph": "X",
            "name": name,
            "cat": lane,
            **place,
            "ts": microseconds(start),
            "dur": microseconds(end - start),
            "args": args,
        }


def _fitting(cells: Event, entity: str) -> Event:
    """Return the cells; none if they are a job's that never ran, whose span is another entity's that released it."""
    return cells if f"device-{cells.get('client')}" == entity or "client" not in cells else {}


def _counters(run: RunResult, tracks: Tracks, first_s: float, last_s: float) -> Iterator[Event]:
    window = (first_s, last_s)
    metrics = run.column("evaluation", "metric")
    for metric in _METRICS:
        if metric in metrics:
            yield from _counter(tracks.pid[RUN], metric, *run.series(metric), window)
    name = "steps" if run.between_regions else "global version"
    yield from _counter(tracks.pid[RUN], name, *_versions(run), window)
    for cost in run.costs:
        end_s, total = run.cost(cost)
        spent = (np.concatenate([[0.0], end_s]), np.concatenate([[0.0], total]))
        yield from _counter(tracks.pid[RUN], cost, *spent, window)
    waiter, line, words = "group", UPLINK, "waiting for the uplink"
    if run.between_regions:
        waiter, line, words = COLLECTIVE, COLLECTIVE, "collectives in line"
    theirs = np.array([role_of(entity) == waiter for entity in run.column("span", "entity")], dtype=bool)
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
            yield {"ph": "C", "name": name, "pid": pid, "ts": microseconds(step), "args": {"value": value}}
