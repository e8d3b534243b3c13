"""The tracks of a trace: a process per entity, a thread per lane and per spans that overlap on it."""

import heapq
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from testbed.views.region_lanes import COLLECTIVE

__all__ = ["RUN", "UPLINK", "Event", "Slice", "Tracks", "role_of"]

Event: TypeAlias = dict[str, Any]

RUN: Final = "run"
UPLINK: Final = "uplink"
_FIRST: Final = (RUN, "server", UPLINK, "downlink", "group", "device", COLLECTIVE, "wan")
_LANES: Final = ("compute", "radio-tx", "radio-rx", "transmit", "all-reduce", "stall", "queue", "wait", "absent")


class Slice(NamedTuple):
    """What is drawn as one `X`: whose, on which lane, from when to when [steps]; the row's number in its table."""

    entity: str
    lane: str
    start: int
    end: int
    row: int
    received: bool  # a row of `transfer` as its receiver saw it, not a span


def role_of(entity: str) -> str:
    """Return what an entity is: the word before its number or name."""
    return entity.partition("-")[0]


class Tracks:
    """Processes (entities) and threads (lanes) with their numbers, which no two share, and every slice's thread.

    Parameters
    ----------
    names : of regions and links, in their order.
    counted : entities that have counters, be they in a slice or not.
    """

    def __init__(
        self, slices: list[Slice], groups: Mapping[str, int], names: Mapping[str, str], counted: set[str]
    ) -> None:
        self._groups, self._names = groups, names
        self._place_of_name = {entity: place for place, entity in enumerate(names)}
        entities = sorted({s.entity for s in slices} | {RUN} | counted, key=self._order)
        # From 1: readers take the process and the thread 0 for the idle ones.
        self.pid = {entity: number for number, entity in enumerate(entities, 1)}
        self.thread_of, depths = _sub_lanes(slices)
        lanes = sorted(depths, key=lambda lane: (self.pid[lane[0]], _rank(lane[1], _LANES), lane[1]))
        self._threads = [(entity, lane, depth) for entity, lane in lanes for depth in range(depths[entity, lane])]
        self._tid = {thread: number for number, thread in enumerate(self._threads, len(self.pid) + 1)}

    def _order(self, entity: str) -> tuple[int, int, int, list[tuple[int, str]]]:
        parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", entity)]
        return _rank(role_of(entity), _FIRST), self._groups.get(entity, -1), self._place_of_name.get(entity, -1), parts

    def place(self, at: int, entity: str, lane: str) -> Event:
        """Return the process and thread of the slice number `at`."""
        return {"pid": self.pid[entity], "tid": self._tid[entity, lane, self.thread_of[at]]}

    def names(self) -> Iterator[Event]:
        """Yield the names and the order of processes and threads."""
        many = len(set(self._groups.values())) > 1
        for entity, pid in self.pid.items():
            label = f"{entity} (group {self._groups[entity]})" if many and entity in self._groups else entity
            if entity in self._names:
                label = f"{self._names[entity]} ({entity})" if role_of(entity) == "device" else self._names[entity]
            yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": label}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}
        for (entity, lane, depth), tid in self._tid.items():
            place = {"pid": self.pid[entity], "tid": tid}
            label = lane if depth == 0 else f"{lane} ({depth + 1})"
            yield {"ph": "M", "name": "thread_name", **place, "args": {"name": label}}
            yield {"ph": "M", "name": "thread_sort_index", **place, "args": {"sort_index": tid}}


def _rank(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else len(words)


def _sub_lanes(slices: list[Slice]) -> tuple[list[int], dict[tuple[str, str], int]]:
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
