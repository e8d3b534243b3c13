"""Memory that a run and its workers share, in slots that are used again.

It is one file without a name: nobody can find it, so nothing of it is left when the last process that has it ends,
however that ends. The file grows by segments; who is told of a place in a segment maps it when it first looks. To touch
new memory costs more than to write it, so a slot that is free again is the next to be used.
"""

import mmap
import os
import tempfile
from bisect import bisect_right
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["ALIGNMENT", "Place", "Pool", "View", "anonymous_file"]

ALIGNMENT: Final = 64  # of numbers in memory, as PyTorch has it: the bits of a product can depend on it [byte]
_SEGMENT_BYTES: Final = 2**26
_MOST_SLOTS: Final = 32


class Place(NamedTuple):
    """Where something lies: so many bytes from `start` of a segment of the file, itself so long [byte]."""

    segment: int
    segment_bytes: int
    start: int
    num_bytes: int

    def part(self, offset: int, num_bytes: int) -> "Place":
        """Return the place of some of its bytes."""
        return Place(self.segment, self.segment_bytes, self.start + offset, num_bytes)


def anonymous_file() -> int:
    """Return the descriptor of a new file that has no name; it lies in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("airwan")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class View:
    """The file as a process sees it."""

    def __init__(self, file: int) -> None:
        self.file = file
        self._segments: dict[int, mmap.mmap] = {}

    def segment(self, place: Place) -> mmap.mmap:
        """Return the memory of a place's segment."""
        found = self._segments.get(place.segment)
        if found is None:
            found = self._segments[place.segment] = mmap.mmap(self.file, place.segment_bytes, offset=place.segment)
        return found

    def bytes_at(self, place: Place) -> memoryview:
        """Return the bytes at a place."""
        return memoryview(self.segment(place))[place.start : place.start + place.num_bytes]

    def array(self, place: Place, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return the array at a place: no copy."""
        return np.ndarray(shape, dtype, buffer=self.segment(place), offset=place.start)

    def write(self, place: Place, array: npt.NDArray[Any]) -> None:
        """Write an array at a place."""
        np.copyto(self.array(place, array.dtype.str, array.shape), array)


class Pool(View):
    """The side that decides what lies where."""

    def __init__(self) -> None:
        super().__init__(anonymous_file())
        self._num_bytes = 0
        self._free: dict[int, list[Place]] = {}
        self._bases: list[tuple[int, Place]] = []  # by address in this process, each with its segment

    def take(self, num_bytes: int) -> Place:
        """Return a slot of at least that size that nobody uses, the one given back last if there is one."""
        size = slot_bytes(num_bytes)
        free = self._free.setdefault(size, [])
        if not free:
            self._grow(size, free)
        return free.pop()

    def store(self, content: bytes) -> Place:
        """Return a slot with this content at its start."""
        place = self.take(len(content))
        self.bytes_at(place)[: len(content)] = content
        return place

    def give_back(self, place: Place) -> None:
        """Let a slot be used again."""
        self._free[place.num_bytes].append(place)

    def _grow(self, size: int, free: list[Place]) -> None:
        num_slots = max(1, min(_MOST_SLOTS, _SEGMENT_BYTES // size))
        segment, length = (
            self._num_bytes,
            -(-num_slots * size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY,
        )
        os.ftruncate(self.file, segment + length)
        self._num_bytes += length
        places = [Place(segment, length, number * size, size) for number in range(num_slots)]
        free.extend(reversed(places))
        base = np.ndarray((1,), np.uint8, buffer=self.segment(places[0])).ctypes.data
        self._bases = sorted([*self._bases, (base, places[0])], key=lambda item: item[0])

    def find(self, array: npt.NDArray[Any]) -> Place | None:
        """Return where an array lies, if it lies here in one piece."""
        address = array.ctypes.data
        position = bisect_right(self._bases, address, key=lambda item: item[0]) - 1
        if position < 0 or not array.flags.c_contiguous:
            return None
        base, first = self._bases[position]
        start = address - base
        inside = start + array.nbytes <= first.segment_bytes
        return Place(first.segment, first.segment_bytes, start, array.nbytes) if inside else None

    def close(self) -> None:
        """Let the file go; arrays that lie in it stay valid as long as somebody has them."""
        os.close(self.file)
        self._segments.clear()


def slot_bytes(num_bytes: int) -> int:
    """Return the size of the slot for that many bytes: at most an eighth larger, so that few sizes serve all.

    >>> slot_bytes(1), slot_bytes(1000), slot_bytes(1_000_000)
    (64, 1024, 1048576)
    """
    step = max(ALIGNMENT, 1 << max(0, num_bytes.bit_length() - 4))
    return max(1, -(-num_bytes // step)) * step
