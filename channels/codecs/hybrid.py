"""The codec "hybrid": the largest entries as they are, of all others a sign, and two scalars a tensor.

    k = round((1 - theta) n)          theta = share of the entries that are compressed
    size = 32 k + (n - k) + min(n, 32 k) + 64 S ,      or 32 n where that is not smaller

Caesar (Yan et al., arXiv 2412.19989): top-K sparsification joined with 1-bit quantisation, for a receiver that holds an
old copy v of what is sent. A compressed entry arrives as a sign s, with the mean a and the maximum m of the magnitudes
that were compressed with it, and becomes

    v    if sign(v) = s and |v| <= m        (the old value may still be right)
    s a  otherwise, or without a copy       (of all single magnitudes the one of least squared error)

so it is never further than m from the truth. Our choice: a and m are per tensor; zero counts as positive; which tensor
keeps how many is `largest.share_out`; an encoding that would not be smaller than 32 n is 32 n, without loss.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Encoded, Words, as_float32
from channels.codecs.largest import largest, largest_per_tensor, position_bits, read_positions, write_positions
from testbed.layout import FloatArray
from testbed.settings import Fraction, Part

__all__ = ["HybridCodec"]

_VALUE_BITS = 32
_SCALAR_BITS = 64  # a and m of a tensor, 32 each


class HybridCodec(Part):
    """The largest entries whole, the others as signs, to be filled in from what the receiver has."""

    kind: str = "hybrid"
    compressed_fraction: Fraction  # theta: the share of the entries that are compressed, the smallest ones
    per: Literal["tensor", "vector"] = "tensor"  # the largest of every tensor, or of the whole vector

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`."""
        single, tensors = as_float32(vector, tensors)
        size, num_kept = len(single), self._num_kept(len(single))
        if self._is_dense(size, len(tensors)):
            return Encoded((Words(single.copy().view(np.uint32), _VALUE_BITS),), tensors)
        magnitudes = np.abs(single)
        kept = (
            largest_per_tensor(magnitudes, tensors, num_kept) if self.per == "tensor" else largest(magnitudes, num_kept)
        )
        others = _others(kept, size)
        means, maxima = _scalars(magnitudes, others, tensors)
        return Encoded(
            (
                Words(single[kept].view(np.uint32), _VALUE_BITS),
                write_positions(kept, size),
                Words((single[others] < 0).astype(np.uint8), 1),
                Words(means.view(np.uint32), _VALUE_BITS),
                Words(maxima.view(np.uint32), _VALUE_BITS),
            ),
            tensors,
        )

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return what a receiver without a copy makes of it; see `Codec.decode`."""
        return self.recover(encoded, None)

    def recover(self, encoded: Encoded, copy: FloatArray | None) -> npt.NDArray[np.float32]:
        """Return what a receiver makes of it who holds `copy : (num_entries,)`, an old version of what is sent."""
        values = encoded.words[0].values.view(np.float32)
        if len(encoded.words) == 1:
            return values.copy()
        _, positions, negative, means, maxima = encoded.words
        size = encoded.num_entries
        kept = read_positions(positions, size)
        others = _others(kept, size)
        sizes = [tensor.stop - tensor.start for tensor in encoded.tensors]
        mean, maximum = (np.repeat(run.values.view(np.float32), sizes)[others] for run in (means, maxima))
        is_negative = negative.values.astype(bool)
        recovered = np.where(is_negative, -mean, mean)
        if copy is not None:
            old = np.asarray(copy, dtype=np.float32)[others]
            recovered = np.where(((old < 0) == is_negative) & (np.abs(old) <= maximum), old, recovered)
        vector = np.empty(size, dtype=np.float32)
        vector[kept], vector[others] = values, recovered
        return vector

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return the size [bit]; see `Codec.size_bits`.

        >>> HybridCodec(compressed_fraction=0.6).size_bits(1000, 1), HybridCodec(compressed_fraction=0).size_bits(9, 1)
        (14464.0, 288.0)
        """
        return min(self._hybrid_bits(num_entries, num_tensors), _VALUE_BITS * num_entries)

    def _num_kept(self, num_entries: float) -> int:
        return round((1.0 - self.compressed_fraction) * num_entries)

    def _hybrid_bits(self, num_entries: float, num_tensors: int) -> float:
        num_kept = self._num_kept(num_entries)
        signs = max(num_entries - num_kept, 0)
        places = position_bits(num_kept, num_entries)
        return float(_VALUE_BITS * num_kept + signs + places + _SCALAR_BITS * num_tensors)

    def _is_dense(self, num_entries: int, num_tensors: int) -> bool:
        return self._hybrid_bits(num_entries, num_tensors) >= _VALUE_BITS * num_entries


def _others(kept: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    is_other = np.ones(size, dtype=bool)
    is_other[kept] = False
    return np.flatnonzero(is_other)


def _scalars(
    magnitudes: npt.NDArray[np.float32], others: npt.NDArray[np.intp], tensors: tuple[slice, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the mean and the maximum of the compressed magnitudes of every tensor, zero where there are none."""
    bounds = np.searchsorted(others, [0, *(tensor.stop for tensor in tensors)])
    means, maxima = np.zeros(len(tensors), np.float32), np.zeros(len(tensors), np.float32)
    for at, (start, stop) in enumerate(pairwise(bounds)):
        if stop > start:
            of_tensor = magnitudes[others[start:stop]]
            means[at], maxima[at] = of_tensor.mean(dtype=np.float64), of_tensor.max()
    return means, maxima
