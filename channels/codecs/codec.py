"""What crosses a link: words of stated widths, and the protocol of the codecs that write and read them.

An encoding is a list of runs of words, each run of one width in bits. Whatever decoding needs is in the words, or known
to both ends beforehand (the codec, its settings, which entries are which tensor), so the bits of an encoding are the
sum of its widths: they are counted, not claimed, and packing the words one after another takes exactly so many.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["Codec", "Encoded", "Words", "as_float32"]


class Words(NamedTuple):
    """A run of words of one width.

    Attributes
    ----------
    values : (num_words,) unsigned, each below 2^width_bits.
    width_bits : bits of a word; 0 where there is only one thing to say.
    """

    values: npt.NDArray[np.unsignedinteger]
    width_bits: int

    @property
    def bits(self) -> int:
        """Bits of the run [bit]."""
        return len(self.values) * self.width_bits


class Encoded(NamedTuple):
    """An encoded vector.

    Attributes
    ----------
    words : what crosses the link, in order.
    tensors : which entries of the vector are which tensor; known to both ends.
    """

    words: tuple[Words, ...]
    tensors: tuple[slice, ...]

    @property
    def bits(self) -> int:
        """The size of the encoding [bit]."""
        return sum(run.bits for run in self.words)

    @property
    def num_entries(self) -> int:
        """How many entries the vector has."""
        return self.tensors[-1].stop if self.tensors else 0


class Codec(Protocol):
    """How a vector is written for a link."""

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding of `vector : (num_entries,)`, whose tensors are `tensors`: one after another, all of it.

        Raises
        ------
        ValueError : entries that are not finite, or slices that do not cover the vector in order.
        """
        ...

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return what the receiver makes of an encoding of this codec, (num_entries,)."""
        ...

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return the size of an encoding of so many entries in so many tensors [bit].

        It is what `encode` needs for every vector of this size. `num_entries` may be huge and a fraction, so that a
        larger model can be charged than the one that is trained.
        """
        ...


def as_float32(vector: FloatArray, tensors: Sequence[slice]) -> tuple[npt.NDArray[np.float32], tuple[slice, ...]]:
    """Return a vector in single precision and its tensors, after checking them.

    Raises
    ------
    ValueError : see `Codec.encode`.
    """
    if np.ndim(vector) != 1:
        raise ValueError(f"a codec encodes a vector (num_entries,), not an array of shape {np.shape(vector)}")
    stop = 0
    for tensor in tensors:
        if tensor.start != stop or tensor.stop < stop or tensor.step not in (None, 1):
            raise ValueError(f"the tensors of a vector follow each other without gaps, got {list(tensors)}")
        stop = tensor.stop
    if stop != len(vector):
        raise ValueError(f"the tensors end at {stop}, the vector has {len(vector)} entries")
    with np.errstate(over="ignore"):  # what overflows is found on the next line
        single = np.asarray(vector, dtype=np.float32)
    if not np.isfinite(single).all():
        raise ValueError("a codec encodes finite entries, got some that are not")
    return single, tuple(tensors)
