"""What codecs with few bits and a scale share: the largest magnitude of a tensor, and its entries relative to that.

    size = w n + 32 S        S = number of tensors, or 1 with one scale for the whole vector

The scale crosses the link as max |x| in single precision. A tensor of zeros has the scale 0 and decodes to zeros.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Encoded, Words, as_float32
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["SCALE_BITS", "ScaledCodec"]

SCALE_BITS = 32


class ScaledCodec(Part, ABC):
    """A codec of few bits an entry; a form adds its `width_bits`, its rounding and its levels."""

    width_bits: ClassVar[int]

    scale_per: Literal["tensor", "vector"] = "tensor"  # one scale a tensor, or one for all that is sent at once

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`."""
        single, tensors = as_float32(vector, tensors)
        groups = self._groups(tensors)
        maxima = np.array([np.abs(single[group]).max(initial=0.0) for group in groups], dtype=np.float32)
        divisors = _of_entries(np.where(maxima > 0, maxima, 1.0).astype(np.float64), groups)
        codes = self._codes(single / divisors)
        return Encoded((Words(maxima.view(np.uint32), SCALE_BITS), Words(codes, self._entry_bits())), tensors)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector; see `Codec.decode`."""
        scales, entries = encoded.words
        maxima = scales.values.view(np.float32).astype(np.float64)
        levels = self._levels(entries.values) * _of_entries(maxima, self._groups(encoded.tensors))
        return levels.astype(np.float32)

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return w n + 32 S [bit]."""
        num_scales = num_tensors if self.scale_per == "tensor" else min(num_tensors, 1)
        return float(self._entry_bits() * num_entries + SCALE_BITS * num_scales)

    def _entry_bits(self) -> int:
        return self.width_bits

    def _groups(self, tensors: tuple[slice, ...]) -> tuple[slice, ...]:
        """Return the slices that have a scale each."""
        return tensors if self.scale_per == "tensor" or not tensors else (slice(0, tensors[-1].stop),)

    @abstractmethod
    def _codes(self, relative: FloatArray) -> npt.NDArray[np.unsignedinteger]:
        """Return the codes of entries over the largest magnitude, in [-1, 1]."""

    @abstractmethod
    def _levels(self, codes: npt.NDArray[np.unsignedinteger]) -> FloatArray:
        """Return what codes stand for, over the largest magnitude."""


def _of_entries(values: FloatArray, groups: tuple[slice, ...]) -> FloatArray:
    return np.repeat(values, [group.stop - group.start for group in groups])
