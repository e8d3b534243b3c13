"""The rules of a trace that Perfetto reads without a complaint, checked as its reader would take the numbers."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

__all__ = ["Lane", "check_trace"]

Lane = tuple[int, int]

_NAMES = {"process_name": "name", "process_sort_index": "sort_index"}
_THREAD_NAMES = {"thread_name": "name", "thread_sort_index": "sort_index"}


def check_trace(document: Any) -> None:
    """Raise AssertionError at the first rule that a trace document breaks.

    - It is strict JSON with a list `traceEvents` of the phases M, X, C, s and f, each with a whole `pid` above 0.
    - Every process and thread in use has exactly one name and one place in the order; a thread is of one process.
    - Slices start at or after zero, last, and do not overlap on a thread, in whole nanoseconds cut off as the reader
      does.
    - Every arrow has one start and one later finish with the binding point "e", each inside a slice of its thread that
      stands earlier in the document.
    - Counters have finite numbers.
    """
    json.dumps(document, allow_nan=False)
    events = document["traceEvents"]
    assert isinstance(events, list) and events
    for event in events:
        assert event["ph"] in ("M", "X", "C", "s", "f"), event
        assert isinstance(event["name"], str) and event["name"], event
        assert isinstance(event["pid"], int) and event["pid"] > 0, event
    _check_names(events)
    _check_counters(event for event in events if event["ph"] == "C")
    slices: dict[Lane, list[tuple[int, int, int]]] = defaultdict(list)
    for position, event in enumerate(events):
        if event["ph"] == "X":
            start, length = _ns(event["ts"]), _ns(event["dur"])
            assert start >= 0 and length > 0, event
            slices[_lane(event)].append((start, start + length, position))
    for lane, found in slices.items():
        found.sort()
        for before, after in itertools.pairwise(found):
            assert before[1] <= after[0], (lane, events[before[2]], events[after[2]])
    _check_arrows(events, slices)


def _ns(us: float) -> int:
    """Return nanoseconds as the reader makes them of a number in the file: scaled in double precision, cut off."""
    return int(float(json.dumps(us)) * 1000.0)


def _lane(event: dict[str, Any]) -> Lane:
    assert isinstance(event["tid"], int) and event["tid"] > 0, event
    return event["pid"], event["tid"]


def _check_names(events: list[dict[str, Any]]) -> None:
    named: dict[Any, int] = defaultdict(int)
    owners: dict[int, int] = {}
    for event in events:
        if event["ph"] == "M":
            of_thread = event["name"] in _THREAD_NAMES
            assert of_thread or event["name"] in _NAMES, event
            value = event["args"][(_THREAD_NAMES if of_thread else _NAMES)[event["name"]]]
            assert isinstance(value, str if event["name"].endswith("_name") else int) and value != "", event
            named[event["name"], _lane(event) if of_thread else event["pid"]] += 1
    assert set(named.values()) == {1}
    for event in events:
        for name in _NAMES:
            assert (name, event["pid"]) in named, event
        if event["ph"] in ("X", "s", "f"):
            assert owners.setdefault(event["tid"], event["pid"]) == event["pid"], event
            for name in _THREAD_NAMES:
                assert (name, _lane(event)) in named, event


def _check_counters(events: Iterable[dict[str, Any]]) -> None:
    last: dict[tuple[int, str], int] = {}
    for event in events:
        at = event["pid"], event["name"]
        assert _ns(event["ts"]) > last.get(at, -1), event
        last[at] = _ns(event["ts"])
        assert event["args"]
        assert all(type(value) in (int, float) for value in event["args"].values()), event


def _check_arrows(events: list[dict[str, Any]], slices: dict[Lane, list[tuple[int, int, int]]]) -> None:
    ends: dict[Any, dict[str, int]] = defaultdict(dict)
    for position, event in enumerate(events):
        if event["ph"] in ("s", "f"):
            both = ends[event["cat"], event["name"], event["id"]]
            assert event["ph"] not in both, event
            both[event["ph"]] = position
            now = _ns(event["ts"])
            around = [at for start, end, at in slices[_lane(event)] if start <= now < end]
            assert len(around) == 1 and around[0] < position, event
            assert event["ph"] == "s" or event["bp"] == "e", event
    for both in ends.values():
        assert set(both) == {"s", "f"}, [events[at] for at in both.values()]
        assert _ns(events[both["f"]]["ts"]) > _ns(events[both["s"]]["ts"]), events[both["f"]]
