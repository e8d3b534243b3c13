"""Availability from a file: when each device was away, as somebody measured or made it up.

Two formats are read.

- `.csv`: the header `device,start_s,end_s` and a row an interval; lines with # are comments. Whether a row is an
  absence or a presence is said by the setting `rows`. Device ids count from 0, times from the start of the trace.
- `.json` or `.json.gz`: the user states of FLASH (Yang et al., "Characterizing Impacts of Heterogeneity in Federated
  Learning upon Large-Scale Smartphone Data", WWW 2021), a table of users with `trace_start`, `trace_end` and
  `ready_time`, a list of `[begin, end]` in which the phone was idle, charging and on Wi-Fi [s]. Device k is the k-th
  user of the file that has a trace. Our choice: every user's trace starts at time 0, whenever it was recorded.
"""

import csv
import gzip
import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from pydantic import model_validator

from testbed.devices.availability import BlockStream, BoolArray
from testbed.devices.energy import Interval, union, without
from testbed.errors import RequestError
from testbed.settings import Part, PositiveSeconds, Seconds

__all__ = ["DeviceTrace", "TraceAvailability", "Traces", "read_states", "read_table"]

Rows = Literal["absences", "presences"]

_HEADER: Final = ["device", "start_s", "end_s"]


@dataclass(frozen=True)
class DeviceTrace:
    """When one device was away, as disjoint intervals in order, in a trace of some length [s]."""

    length_s: float
    away: tuple[Interval, ...] = ()

    def repeated(self, start_s: float, until_s: float) -> Iterator[Interval]:
        """Yield the absences of a run that begins `start_s` into the trace, up to a time of the run [s].

        Where the trace ends it starts again; an absence that has begun by `until_s` is whole.
        """
        for turn in range(math.ceil((start_s + until_s) / self.length_s)):
            shift_s, next_s = turn * self.length_s - start_s, (turn + 1) * self.length_s - start_s
            for gone_s, back_s in self.away:
                # What lasts to the end of the trace touches what the next turn begins with, without a rounding gap.
                end_s = next_s if back_s == self.length_s else back_s + shift_s
                if gone_s + shift_s < until_s and end_s > 0:
                    yield max(0.0, gone_s + shift_s), end_s


@dataclass(frozen=True)
class Traces:
    """The traces of a file: of device 0, 1, ..., and of every further device (None: there is none)."""

    devices: tuple[DeviceTrace, ...]
    further: DeviceTrace | None = None


def read_table(text: str, rows: Rows, length_s: float | None = None) -> Traces:
    """Return the traces of a table with the header `device,start_s,end_s`.

    Parameters
    ----------
    rows : what a row is. A device without an absence is there all the time; where rows are presences, one without any
        is away all the time if a later one has rows, and else is not in the trace.
    length_s : of the trace; None: up to the latest end.

    Raises
    ------
    ValueError : another header, a row that is no interval, an end after the end of the trace, or no row.

    >>> read_table("device,start_s,end_s\\n1,10,20\\n", "absences", 60).devices[1].away
    ((10.0, 20.0),)
    """
    lines = [line for line in text.splitlines() if line.split("#")[0].strip()]
    table = list(csv.reader(lines, skipinitialspace=True))
    if not table or [cell.strip() for cell in table[0]] != _HEADER or len(table) == 1:
        raise ValueError(f"a table of availability has the header {','.join(_HEADER)} and at least one row")
    found: dict[int, list[Interval]] = {}
    for cells in table[1:]:
        try:
            device, start_s, end_s = int(cells[0]), float(cells[1]), float(cells[2])
        except (ValueError, IndexError):
            raise ValueError(f"the row {','.join(cells)!r} is not a device, a start and an end") from None
        if device < 0 or len(cells) != len(_HEADER) or not 0 <= start_s < end_s < math.inf:
            raise ValueError(f"the row {','.join(cells)!r} is no interval of a device: 0 <= start_s < end_s")
        found.setdefault(device, []).append((start_s, end_s))
    last_s = max(end_s for intervals in found.values() for _, end_s in intervals)
    length_s = last_s if length_s is None else length_s
    if last_s > length_s:
        raise ValueError(f"an interval ends at {last_s:g} s, after the trace of length_s = {length_s:g}")
    absences = rows == "absences"
    devices = tuple(_trace(length_s, found.get(device, ()), absences) for device in range(max(found) + 1))
    return Traces(devices, DeviceTrace(length_s) if absences else None)


def read_states(document: Any) -> Traces:
    """Return the traces of FLASH's user states, from each `trace_start`; users without a trace are passed over.

    Raises
    ------
    ValueError : not such a document, a state outside its trace, or nobody with a trace.
    """
    devices = []
    try:
        for user in document.values():
            if user["trace_start"] is None:
                continue
            first_s, last_s = float(user["trace_start"]), float(user["trace_end"])
            # Some states are noted with no duration: they are none.
            states = [(float(start), float(end)) for start, end in user["ready_time"] if start != end]
            if not first_s < last_s or any(not first_s <= start < end <= last_s for start, end in states):
                raise ValueError("a state lies outside its user's trace")
            devices.append(_trace(last_s - first_s, [(s - first_s, e - first_s) for s, e in states], False))
    except (AttributeError, KeyError, TypeError) as error:
        words = "user states are a table of users with trace_start, trace_end and ready_time"
        raise ValueError(f"{words} ({type(error).__name__}: {error})") from None
    if not devices:
        raise ValueError("no user has a trace")
    return Traces(tuple(devices))


def _trace(length_s: float, intervals: Iterable[Interval], absences: bool) -> DeviceTrace:
    joined = union(intervals)
    return DeviceTrace(length_s, tuple(joined if absences else without([(0.0, length_s)], joined)))


@lru_cache(maxsize=8)
def _remembered(path: str, sha256: str | None, rows: Rows | None, length_s: float | None) -> Traces:
    content = Path(path).read_bytes()
    if path.endswith(".csv"):
        return read_table(content.decode("utf-8-sig"), rows or "absences", length_s)
    return read_states(json.loads(gzip.decompress(content) if path.endswith(".gz") else content))


class TraceAvailability(Part):
    """Who was there when, from a file; draws nothing.

    `path` is relative to the current folder. `sha256` is that of the file's bytes: it is filled in, so that the
    resolved scenario says what was read; a file that does not match a given one is refused. The run begins `start_s`
    into the trace. With `on_end = "refuse"` the trace must reach to the end of the run, with `"wrap"` it starts again,
    for each device where its own trace ends.

    Our choice: a trace of more devices than the run is cut, one of fewer is refused.
    """

    kind: str = "trace"
    path: str  # the file, relative to the current folder
    rows: Rows | None = None  # what a row of a .csv is; user states say it themselves
    length_s: PositiveSeconds | None = None  # of a .csv; None: up to its latest end
    start_s: Seconds = 0.0  # where in the trace the run begins [s]
    on_end: Literal["refuse", "wrap"] = "refuse"  # a trace shorter than the run: refuse it, or start it again
    sha256: str | None = None  # of the file's bytes; filled in, or compared

    @model_validator(mode="after")
    def _read(self) -> Self:
        is_table = self.path.endswith(".csv")
        if not is_table and not self.path.endswith((".json", ".json.gz")):
            raise RequestError(f"path = {self.path!r}: a trace of availability is a .csv, .json or .json.gz file")
        if is_table and self.rows is None:
            raise RequestError('rows is needed with a .csv: are its rows "absences" or "presences"?')
        if not is_table and (self.rows is not None or self.length_s is not None):
            raise RequestError("rows and length_s are for a .csv: user states say both themselves")
        try:
            digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
            if self.sha256 not in (None, digest):
                raise RequestError(f"path = {self.path!r}: the file's sha256 is {digest}, not {self.sha256}")
            # Frozen settings are completed here once, before anybody has seen them.
            self.__dict__["sha256"] = digest
            _ = self.traces
        except OSError as error:
            raise RequestError(f"path = {self.path!r}: {error.strerror or error}") from None
        except RequestError:
            raise
        except (ValueError, EOFError) as error:
            raise RequestError(f"path = {self.path!r}: {error}") from None
        return self

    @property
    def traces(self) -> Traces:
        """What the file says, device by device."""
        return _remembered(self.path, self.sha256, self.rows, self.length_s)

    @property
    def block_length_s(self) -> float:
        """Infinity: chance changes nothing."""
        return math.inf

    def present(self, block: int, num_devices: int, stream: BlockStream) -> BoolArray:
        """Return all true, (num_devices,): whoever is away is in `absences`."""
        return np.ones(num_devices, dtype=np.bool_)

    def absences(self, num_devices: int, until_s: float) -> dict[int, list[Interval]]:
        """Return the absences of each device that begin before a time of the run [s].

        Raises
        ------
        RequestError : more devices than traces, a run without an end, or one that is longer than a trace that must
            not start again.
        """
        traces = self.traces
        missing = num_devices - len(traces.devices)
        if missing > 0 and traces.further is None:
            raise RequestError(f"the trace {self.path} has {len(traces.devices)} devices, the run has {num_devices}")
        further = [] if traces.further is None else [traces.further] * max(0, missing)
        chosen = [*traces.devices[:num_devices], *further]
        if math.isinf(until_s):
            raise RequestError(f"the trace {self.path} needs a run with an end: set run.horizon_s")
        shortest_s = min(trace.length_s for trace in chosen)
        if self.on_end == "refuse" and shortest_s < self.start_s + until_s:
            raise RequestError(
                f"the trace {self.path} lasts {shortest_s:g} s, the run needs {self.start_s + until_s:g} s: "
                'shorten the run, or repeat the trace with on_end = "wrap"'
            )
        return {device: list(trace.repeated(self.start_s, until_s)) for device, trace in enumerate(chosen)}
