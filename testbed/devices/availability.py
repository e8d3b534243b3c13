"""Availability: when each device is there, as a pure function of time.

A law of availability says who is there in block k, `[k T, (k + 1) T)`, and which absences it knows beforehand
(`availability_trace.py` reads them from a file); explicit faults take a device away on top of it. Everything is
a function of (device, time), so asking changes nothing and every alternative under one root seed meets the same
absences.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from testbed.devices.energy import Interval, clipped, duration_s, union
from testbed.errors import RequestError, RunFailure
from testbed.settings import Fraction, Part, PositiveSeconds, Seconds, Settings
from testbed.streams import Luck, Purpose
from testbed.tiles import TILE_BLOCKS, TILE_ENTITIES, Tiles

__all__ = ["Absences", "AlwaysAvailable", "Availability", "BernoulliBlocks", "FaultSettings", "TiledAvailability"]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BlockStream: TypeAlias = Callable[[int], np.random.Generator]

_MOST_BLOCKS_SEARCHED: Final = 1_000_000
_CHUNK: Final = 1 << 12  # devices whose tiles are all kept at once


class Availability(Protocol):
    """A law of availability: who is there in which block."""

    @property
    def block_length_s(self) -> float:
        """How long a block lasts [s]; infinity if nothing ever changes."""
        ...

    def present(self, block: int, num_devices: int, stream: BlockStream) -> BoolArray:
        """Return who is there in a block, (num_devices,); `stream(block)` is the block's generator."""
        ...

    def absences(self, num_devices: int, until_s: float) -> Mapping[int, Sequence[Interval]]:
        """Return absences beside those of blocks: device -> intervals that begin before the end of the run [s]."""
        ...


@runtime_checkable
class TiledAvailability(Protocol):
    """A law that knows about a few devices without all the others: what a large population needs (`testbed.tiles`)."""

    def tile(self, rng: np.random.Generator) -> BoolArray:
        """Return who of a tile's devices is there in the blocks of a row, (TILE_BLOCKS, TILE_ENTITIES)."""
        ...


class AlwaysAvailable(Part):
    """Everybody is there all the time; draws nothing."""

    kind: str = "always"

    @property
    def block_length_s(self) -> float:
        """Infinity: nothing ever changes."""
        return math.inf

    def present(self, block: int, num_devices: int, stream: BlockStream) -> BoolArray:
        """Return all true, (num_devices,)."""
        return np.ones(num_devices, dtype=np.bool_)

    def absences(self, num_devices: int, until_s: float) -> dict[int, list[Interval]]:
        """Return none: nobody leaves."""
        return {}


class BernoulliBlocks(Part):
    """Each device is there in each block with one probability, independently of everything else."""

    kind: str = "bernoulli-blocks"
    probability: Fraction  # of being there in a block
    block_s: PositiveSeconds  # length of a block [s]

    @property
    def block_length_s(self) -> float:
        """The length of a block [s]; infinity where chance decides nothing."""
        return self.block_s if 0.0 < self.probability < 1.0 else math.inf

    def present(self, block: int, num_devices: int, stream: BlockStream) -> BoolArray:
        """Return who is there in a block, (num_devices,)."""
        there: BoolArray = stream(block).random(num_devices) < self.probability
        return there

    def tile(self, rng: np.random.Generator) -> BoolArray:
        """Return who is there in the blocks of a row; see `TiledAvailability`."""
        return self.present(0, TILE_BLOCKS * TILE_ENTITIES, lambda _: rng).reshape(TILE_BLOCKS, TILE_ENTITIES)

    def absences(self, num_devices: int, until_s: float) -> dict[int, list[Interval]]:
        """Return none: blocks say it all."""
        return {}


class FaultSettings(Settings):
    """One device is away from `start_s` on until before `end_s`; without an end, for ever."""

    device: Annotated[int, Field(ge=0)]  # its number
    start_s: Seconds  # when it goes away [s]
    end_s: Seconds | None = None  # when it is back [s]; none: never

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s = {self.end_s:g} must be after start_s = {self.start_s:g}")
        return self

    @property
    def interval(self) -> Interval:
        """When the device is away [s]."""
        return self.start_s, math.inf if self.end_s is None else self.end_s


class Absences:
    """Who is away when: a law of availability and explicit faults, for a whole population.

    Parameters
    ----------
    availability : the law.
    faults : absences on top of it; they may overlap.
    num_devices : size of the population.
    luck : the run's; blocks are addressed by (AVAILABILITY, block).
    until_s : the end of the run, for a law that must know it [s].

    Raises
    ------
    RequestError : a fault of a device that does not exist, or a law that does not fit the run.

    >>> from testbed.streams import Luck
    >>> fault = FaultSettings(device=1, start_s=10.0, end_s=20.0)
    >>> absences = Absences(AlwaysAvailable(), [fault], 2, Luck(0))
    >>> absences.is_available(1, 15.0), absences.next_change_s(1, 15.0), absences.next_change_s(0, 15.0)
    (False, 20.0, inf)
    """

    def __init__(
        self,
        availability: Availability,
        faults: Iterable[FaultSettings],
        num_devices: int,
        luck: Luck,
        until_s: float = math.inf,
    ) -> None:
        self.num_devices = num_devices
        self._length_s = availability.block_length_s

        def stream(block: int) -> np.random.Generator:
            return luck(Purpose.AVAILABILITY, block)

        # What never changes is drawn once, for everybody.
        tiled = availability if isinstance(availability, TiledAvailability) and math.isfinite(self._length_s) else None

        def tiles_of(columns: Sequence[int], row: int) -> Iterator[BoolArray]:
            assert tiled is not None
            return map(tiled.tile, luck.each(Purpose.TILE, [(Purpose.AVAILABILITY, column, row) for column in columns]))

        self._there: Tiles[np.bool_] = Tiles(
            num_devices,
            lambda block, count: availability.present(block, count, stream),
            None if tiled is None else tiles_of,
        )
        intervals: dict[int, list[Interval]] = {}
        for fault in faults:
            if fault.device >= num_devices:
                raise RequestError(f"fault.device = {fault.device}: must be below the number of devices, {num_devices}")
            intervals.setdefault(fault.device, []).append(fault.interval)
        for device, foreknown in availability.absences(num_devices, until_s).items():
            intervals.setdefault(device, []).extend(foreknown)
        intervals = {device: away for device, away in intervals.items() if away}
        self._known = {device: union(away) for device, away in intervals.items()}

    @property
    def nobody_ever_leaves(self) -> bool:
        """Whether every device is there all the time."""
        return not self._known and self._chance_never_intervenes

    @cached_property
    def _chance_never_intervenes(self) -> bool:
        return math.isinf(self._length_s) and bool(self._there.at(np.arange(self.num_devices), 0).all())

    def is_available(self, device: int, time_s: float) -> bool:
        """Return whether a device is there at a time."""
        faults = self._known.get(device)
        if faults is not None and _covers(faults, time_s):
            return False
        return self._chance_never_intervenes or bool(self._there.one(device, self._block(time_s)))

    def present(self, devices: Sequence[int], time_s: float) -> Sequence[int]:
        """Return those of `devices`, each once, that are there at a time, in their order; `devices` itself if all are.

        Where chance takes nobody away, the work is that of those who have absences, however many others there are.
        """
        if self._chance_never_intervenes:
            members = devices if isinstance(devices, range) else set(devices)
            away = {d for d, parts in self._known.items() if d in members and _covers(parts, time_s)}
            return tuple(device for device in devices if device not in away) if away else devices
        there = self._there.at(np.asarray(devices, dtype=np.intp), self._block(time_s)).tolist()
        known = self._known
        here = tuple(
            device
            for device, is_there in zip(devices, there, strict=True)
            if is_there and not (device in known and _covers(known[device], time_s))
        )
        return devices if len(here) == len(devices) else here

    def next_change_s(self, device: int, time_s: float, until_s: float = math.inf) -> float:
        """Return when a device next comes or goes after a time [s]; infinity if never.

        A change at or after `until_s` may be reported as infinity: it bounds the search.

        Raises
        ------
        RunFailure : the law decided the same for a million blocks and nothing bounds the search.
        """
        faults = self._known.get(device)
        if faults is None:
            return self._next_block_change_s(device, time_s, until_s)
        state, gone_from_s = self.is_available(device, time_s), _unending_from_s(faults)
        while time_s < gone_from_s:
            edge_s = _next_edge_s(faults, time_s)
            time_s = min(edge_s, self._next_block_change_s(device, time_s, min(until_s, edge_s)))
            if time_s >= until_s:
                return math.inf
            if self.is_available(device, time_s) != state:
                return time_s
        return math.inf

    def is_gone_for_good(self, device: int, time_s: float) -> bool:
        """Return whether a device is away at a time and never comes back."""
        return not self.is_available(device, time_s) and math.isinf(self.next_change_s(device, time_s))

    def intervals(self, devices: Iterable[int], until_s: float) -> dict[int, list[Interval]]:
        """Return when each of `devices` is away between 0 and a time, as disjoint intervals in order [s]."""
        chosen = sorted(set(devices))
        away: dict[int, list[Interval]] = {device: clipped(self._known.get(device, ()), until_s) for device in chosen}
        # Block by block for all at once: what is drawn for a block is drawn once.
        for block, interval in self._blocks(until_s):
            for position in np.flatnonzero(~self._there.at(np.array(chosen, dtype=np.intp), block)):
                away[chosen[position]].append(interval)
        return {device: union(parts) for device, parts in away.items()}

    def parts(self, devices: IntArray, until_s: float) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
        """Yield by and by when `devices` are away between 0 and a time: who, from when, until when, (n,) each [s].

        What is yielded may overlap. Nothing is held of a run but a block of it.
        """
        for block, (start_s, end_s) in self._blocks(until_s):
            away = devices[~self._there.at(devices.astype(np.intp), block)]
            yield away, np.full(len(away), start_s), np.full(len(away), end_s)
        for device in devices[np.isin(devices, list(self._known))].tolist():
            starts_s, ends_s = np.array(self._known[device]).T
            yield np.full(len(starts_s), device), starts_s, ends_s

    def absent_s(self, until_s: float) -> FloatArray:
        """Return how long each device is away between 0 and a time, (num_devices,) [s]."""
        absent_s = np.zeros(self.num_devices)
        for first in range(0, self.num_devices, _CHUNK):
            devices = np.arange(first, min(first + _CHUNK, self.num_devices))
            for block, (start_s, end_s) in self._blocks(until_s):
                absent_s[devices] += (end_s - start_s) * ~self._there.at(devices, block)
        for device, parts in self.intervals(self._known, until_s).items():
            absent_s[device] = duration_s(parts)
        return absent_s

    def _blocks(self, until_s: float) -> Iterator[tuple[int, Interval]]:
        last = self._block(until_s)
        for block in range(last + 1):
            start_s = block * self._length_s if block else 0.0
            yield block, (start_s, until_s if block == last else (block + 1) * self._length_s)

    def _block(self, time_s: float) -> int:
        if math.isinf(self._length_s):
            return 0
        block = int(time_s // self._length_s)
        # An edge is rounded, perhaps down onto this time: the edges themselves decide.
        return block + 1 if time_s >= (block + 1) * self._length_s else block

    def _next_block_change_s(self, device: int, time_s: float, until_s: float) -> float:
        if math.isinf(self._length_s):
            return math.inf
        first = self._block(time_s)
        state = self._there.one(device, first)
        for block in range(first + 1, first + 1 + _MOST_BLOCKS_SEARCHED):
            edge_s = block * self._length_s
            if edge_s >= until_s:
                return math.inf
            if self._there.one(device, block) != state:
                return edge_s
        word = "there" if state else "away"
        raise RunFailure(
            f"device-{device} stays {word} for {_MOST_BLOCKS_SEARCHED} blocks of {self._length_s:g} s "
            f"after t = {time_s:g} s"
        )


def _covers(intervals: Sequence[Interval], time_s: float) -> bool:
    at = bisect_right(intervals, time_s, key=lambda interval: interval[0]) - 1
    return at >= 0 and time_s < intervals[at][1]


def _next_edge_s(intervals: Sequence[Interval], time_s: float) -> float:
    at = bisect_right(intervals, time_s, key=lambda interval: interval[1])
    if at == len(intervals):
        return math.inf
    start_s, end_s = intervals[at]
    return start_s if time_s < start_s else end_s


def _unending_from_s(intervals: Sequence[Interval]) -> float:
    start_s, end_s = intervals[-1]
    return start_s if math.isinf(end_s) else math.inf
