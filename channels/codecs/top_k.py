"""The codec "top-k": the k entries of the largest magnitude and where they stand; the others arrive as zeros.

    size = size of the positions + size of k values in the codec `values`
    positions: k ceil(log2 n), or 32 k, or the smaller of n (a bitmap) and 32 k, nothing where all are kept

Aji and Heafield, "Sparse Communication for Distributed Gradient Descent", EMNLP 2017. Our choice: k is counted over
the whole vector, unless `per` says tensor by tensor (`largest.share_out`); of equal magnitudes the lower index goes
first; indices ascend; a `fraction` keeps round(fraction n) entries, at least one. Both ends know n, and from it k.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt, model_validator

from channels.codecs.codec import Codec, Encoded, Words, as_float32
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.largest import largest, largest_per_tensor, position_bits, read_positions, write_positions
from testbed.layout import FloatArray
from testbed.settings import Part, component

__all__ = ["TopKCodec"]


class TopKCodec(Part):
    """The entries of the largest magnitude, and their indices."""

    kind: str = "top-k"
    num_values: PositiveInt | None = None  # k; this or `fraction`
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None  # k over the entries of the vector
    index: Literal["log2", "32-bit", "smaller"] = "log2"  # indices of as many bits as it takes, or 32; or the smaller
    # of a bitmap and indices of 32 bits
    per: Literal["vector", "tensor"] = "vector"  # the largest of the whole vector, or of every tensor
    values: Annotated[Any, component("codec")] = Fp32Codec()  # how the kept entries are written

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.num_values is None) == (self.fraction is None):
            raise ValueError("codec top-k needs exactly one of num_values and fraction")
        return self

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`."""
        single, tensors = as_float32(vector, tensors)
        size = len(single)
        magnitudes, num_kept = np.abs(single), self._num_kept(size)
        by_tensor = self.per == "tensor"
        indices = largest_per_tensor(magnitudes, tensors, num_kept) if by_tensor else largest(magnitudes, num_kept)
        kept = self._codec.encode(single[indices], _kept_tensors(indices, tensors))
        if self.index == "smaller":
            positions = write_positions(indices, size)
        else:
            positions = Words(indices.astype(np.uint32), self._index_bits(size))
        return Encoded((positions, *kept.words), tensors)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector, zero where nothing was kept; see `Codec.decode`."""
        positions, *words = encoded.words
        is_either = self.index == "smaller"
        indices = read_positions(positions, encoded.num_entries) if is_either else positions.values
        kept = Encoded(tuple(words), _kept_tensors(indices, encoded.tensors))
        vector = np.zeros(encoded.num_entries, dtype=np.float32)
        vector[indices] = self._codec.decode(kept)
        return vector

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return the size of k positions and k values [bit].

        >>> TopKCodec(num_values=10).size_bits(1024, 1)
        420.0
        """
        num_kept = self._num_kept(num_entries)
        positions = float(num_kept * self._index_bits(num_entries))
        if self.index == "smaller":
            positions = position_bits(num_kept, num_entries)
        return positions + self._codec.size_bits(num_kept, num_tensors)

    @property
    def _codec(self) -> Codec:
        codec: Codec = self.values
        return codec

    def _num_kept(self, num_entries: float) -> int:
        wanted = self.num_values if self.fraction is None else max(round(self.fraction * num_entries), 1)
        assert wanted is not None
        return min(wanted, math.ceil(num_entries))

    def _index_bits(self, num_entries: float) -> int:
        return 32 if self.index == "32-bit" else max(math.ceil(num_entries) - 1, 0).bit_length()


def _kept_tensors(indices: npt.NDArray[Any], tensors: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return which of the kept entries are of which tensor: both ends read it off the indices."""
    bounds = np.searchsorted(indices, [0, *(tensor.stop for tensor in tensors)]).tolist()
    return tuple(slice(start, stop) for start, stop in pairwise(bounds))
