"""The time accounts of devices: how long each computed, transmitted, was absent and was idle, over a run of any length.

A device's time is split into four disjoint parts, so they add up to the time elapsed. Where two things happen at once,
the first of this list counts: computing, transmitting, absent, idle.

What devices do is a set of intervals, and an interval is two edges: from then on the device does one thing more, or one
less. A sweep goes through the edges in the order of time and needs no more memory than a window of them; the edges lie
in sorted runs, all but the first of them on disk.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.spill import Place, Spill

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ABSENT", "COMPUTING", "IDLE", "TRANSMITTING", "Edges", "SortedEdges", "TimeSweep"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]

COMPUTING, TRANSMITTING, ABSENT, IDLE = range(4)
_NUM_PARTS: Final = 4

WINDOW_EDGES: Final = 1 << 17
_MARK_EVERY: Final = 256  # edges of a run between two whose times are kept, to know where windows end


class Edges(NamedTuple):
    """Where intervals start (`step` is 1) and end (-1): time [s], device, part of the account, each (num_edges,)."""

    time_s: FloatArray
    device: IntArray
    part: IntArray
    step: IntArray

    @classmethod
    def of(cls, part: int, device: IntArray, start_s: FloatArray, end_s: FloatArray, elapsed_s: float) -> "Edges":
        """Return the edges of what lies of intervals, each `(n,)`, between 0 and `elapsed_s` [s].

        >>> Edges.of(ABSENT, np.array([7]), np.array([2.0]), np.array([np.inf]), 10.0).time_s
        array([ 2., 10.])
        """
        start_s, end_s = np.maximum(start_s, 0.0), np.minimum(end_s, elapsed_s)
        kept = start_s < end_s
        times_s, whose = np.concatenate([start_s[kept], end_s[kept]]), np.tile(device[kept].astype(np.int32), 2)
        step = np.repeat(np.array([1, -1], dtype=np.int8), len(whose) // 2)
        return cls(times_s, whose, np.full(len(whose), part, dtype=np.int8), step)

    def at(self, places: Any) -> "Edges":
        """Return the edges at some places."""
        return Edges(*(column[places] for column in self))

    def copied(self) -> "Edges":
        """Return edges that hold nothing but themselves in memory."""
        return Edges(*(column.copy() for column in self))  # type: ignore[arg-type]  # each is of its own type

    @classmethod
    def joined(cls, parts: "list[Edges]") -> "Edges":
        """Return the edges of all parts, one part after another."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class TimeSweep:
    """The accounts of devices 0 to `num_devices - 1` while time goes on.

    >>> sweep = TimeSweep(1)
    >>> sweep.advance(Edges.of(COMPUTING, np.array([0]), np.array([1.0]), np.array([4.0]), 10.0))
    >>> sweep.accounts(10.0)[:, 0]
    array([3., 0., 0., 7.])
    """

    def __init__(self, num_devices: int) -> None:
        self._spent_s = np.zeros((_NUM_PARTS, num_devices))
        self._num_at_once = np.zeros((IDLE, num_devices), dtype=np.int32)
        # The piece of time that each device is in: what it does, since when.
        self._part = np.full(num_devices, IDLE, dtype=np.int8)
        self._since_s = np.zeros(num_devices)

    def advance(self, edges: Edges) -> None:
        """Go on over edges that lie after all those before, in any order; edges at one time come in one call."""
        if not len(edges.time_s):
            return
        edges = edges.at(np.lexsort((edges.time_s, edges.device)))
        part = self._parts_after(edges)
        # Of edges at one time the last one has the whole truth, and only what changes ends a piece.
        same_device = edges.device[1:] == edges.device[:-1]
        last = np.append(~(same_device & (edges.time_s[1:] == edges.time_s[:-1])), True)
        time_s, device, part = edges.time_s[last], edges.device[last], part[last]
        changed = part != _before(device, part, self._part)
        time_s, device, part = time_s[changed], device[changed], part[changed]
        ended, since_s = _before(device, part, self._part), _before(device, time_s, self._since_s)
        # One addition a piece, in the order of time: the sum is that of a loop.
        np.add.at(self._spent_s, (ended, device), time_s - since_s)
        final = np.append(device[1:] != device[:-1], True)[: len(device)]
        self._part[device[final]], self._since_s[device[final]] = part[final], time_s[final]

    def _parts_after(self, edges: Edges) -> npt.NDArray[np.int8]:
        """Return which part of the account each device is in after each of its edges, (num_edges,)."""
        first = np.flatnonzero(np.append(True, edges.device[1:] != edges.device[:-1]))
        lengths, whose = np.diff(np.append(first, len(edges.device))), edges.device[first]
        part = np.full(len(edges.device), IDLE, dtype=np.int8)
        for what in (ABSENT, TRANSMITTING, COMPUTING):
            step = np.where(edges.part == what, edges.step, 0)
            total = np.cumsum(step, dtype=np.int32)
            offset = self._num_at_once[what, whose] - (total[first] - step[first])
            total += np.repeat(offset, lengths)
            self._num_at_once[what, whose] = total[first + lengths - 1]
            part[total > 0] = what
        return part

    def accounts(self, elapsed_s: float) -> FloatArray:
        """Return the rows computing, transmitting, absent and idle, (4, num_devices), up to the end of the run [s]."""
        spent_s = self._spent_s.copy()
        spent_s[self._part, np.arange(len(self._part))] += elapsed_s - self._since_s
        return spent_s


def _before(device: IntArray, values: npt.NDArray[Any], first: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return for each row the value of the row before; where a device begins, that of the device in `first`."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    starts = np.append(True, device[1:] != device[:-1])[: len(device)]
    before[starts] = first[device[starts]]
    return before


class SortedEdges:
    """Edges of a whole run, added in any order and read in the order of time, a window at a time.

    Parameters
    ----------
    window_edges : about how many a window has, and how many are held in memory before they go to disk, at least 1.
    """

    def __init__(self, window_edges: int = WINDOW_EDGES) -> None:
        self._window_edges = window_edges
        self._waiting: list[Edges] = []
        self._num_waiting = 0
        self._spill: Spill | None = None
        self._places: list[Place] = []
        self._marks: list[FloatArray] = []

    def add(self, edges: Edges) -> None:
        """Add edges in any order.

        Raises
        ------
        RunFailure : they cannot be written.
        """
        self._waiting.append(edges)
        self._num_waiting += len(edges.time_s)
        if self._num_waiting > self._window_edges:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        run = self._sorted_waiting()
        self._spill = self._spill or Spill()
        self._places.append(self._spill.write(pa.record_batch([pa.array(column) for column in run], _schema())))
        self._waiting, self._num_waiting = [], 0

    def _sorted_waiting(self) -> Edges:
        edges = Edges.joined(self._waiting)
        edges = edges.at(np.argsort(edges.time_s, kind="stable"))
        self._marks.append(edges.time_s[::_MARK_EVERY].copy())
        return edges

    def windows(self) -> Iterator[Edges]:
        """Yield all edges, each once, window after window; edges at one time are in one window."""
        rest = [self._sorted_waiting()] if self._waiting else []
        marks_s = np.sort(np.concatenate([np.empty(0), *self._marks]))
        ends_s = np.unique(marks_s[:: max(1, self._window_edges // _MARK_EVERY)])[1:]
        done = np.zeros(len(self._places) + len(rest), dtype=np.intp)
        for end_s in (*ends_s, np.inf):
            found = []
            for index in range(len(done)):
                run = rest[0] if index == len(self._places) else self._mapped(index)
                stop = int(np.searchsorted(run.time_s, end_s))
                # A copy: the pages of a mapped run are given up with it.
                found.append(run.at(slice(done[index], stop)).copied())
                done[index] = stop
            if found:
                yield Edges.joined(found)

    def _mapped(self, index: int) -> Edges:
        assert self._spill is not None
        (batch,) = self._spill.mapped([self._places[index]], _schema())
        return Edges(*(column.to_numpy() for column in batch.columns))


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([("time_s", "float64"), ("device", "int32"), ("part", "int8"), ("step", "int8")])
