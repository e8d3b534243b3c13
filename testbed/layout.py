"""The layout of the state that travels: which part of a flat vector is which tensor.

What crosses from learning to channels is one flat NumPy vector and its layout: the parameters and the
floating-point buffers of a model, one entry per storage (tied weights once), in `state_dict` order.
"""

import fnmatch
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from testbed.errors import unknown_name

__all__ = ["FloatArray", "Layout", "Slot"]

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Slot:
    """One tensor's place in the flat vector: entries `start` to `stop`, in row-major order of `shape`."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """One past the last entry."""
        return self.start + math.prod(self.shape)


class Layout:
    """Names, shapes and offsets of the tensors in a flat vector.

    >>> layout = Layout([("weight", (2, 3)), ("bias", (2,))])
    >>> layout.size, layout.select("b*")
    (8, [slice(6, 8, None)])
    >>> layout.view(np.arange(8.0), "bias")
    array([6., 7.])
    """

    def __init__(self, tensors: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        slots: list[Slot] = []
        start = 0
        for name, shape in tensors:
            slots.append(Slot(name, tuple(shape), start))
            start = slots[-1].stop
        self.slots = tuple(slots)
        self.size = start
        self._by_name = {slot.name: slot for slot in slots}
        if len(self._by_name) != len(slots):
            raise ValueError("two tensors of a layout have the same name")

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.slots)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.slots == other.slots

    def __hash__(self) -> int:
        return hash(self.slots)

    def select(self, pattern: str) -> list[slice]:
        """Return the slices of the tensors whose names match a shell pattern, in order.

        Raises
        ------
        RequestError : no name matches.
        """
        found = [slice(s.start, s.stop) for s in self.slots if fnmatch.fnmatchcase(s.name, pattern)]
        if not found:
            raise unknown_name("tensor", pattern, self._by_name)
        return found

    def view(self, vector: FloatArray, name: str) -> FloatArray:
        """Return the tensor `name` of `vector : (size,)` in its shape, sharing memory.

        Raises
        ------
        RequestError : no such tensor.
        ValueError : a vector of another shape.
        """
        if name not in self._by_name:
            raise unknown_name("tensor", name, self._by_name)
        if vector.shape != (self.size,):
            raise ValueError(f"the vector of this layout has the shape ({self.size},), not {vector.shape}")
        slot = self._by_name[name]
        return vector[slot.start : slot.stop].reshape(slot.shape)
