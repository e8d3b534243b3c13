"""Which entries are the largest, tensor by tensor or over all of them, and how it is written where they stand.

Both ends know the number of entries n, the tensors and the number kept k, so only the positions cross the link:
nothing if all are kept, else a bitmap of n bits or k indices of 32 bits, whichever is smaller.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Words
from testbed.layout import FloatArray

__all__ = [
    "INDEX_BITS",
    "SMALL_TENSOR",
    "largest",
    "largest_per_tensor",
    "position_bits",
    "read_positions",
    "share_out",
    "write_positions",
]

INDEX_BITS: Final = 32
SMALL_TENSOR: Final = 64  # entries; below it a tensor is kept whole, if so many may be kept at all

Indices = npt.NDArray[np.intp]


def largest(magnitudes: FloatArray, num_kept: int) -> Indices:
    """Return the indices of the largest magnitudes, ascending; of equal ones the lower indices."""
    if num_kept == 0:
        return np.zeros(0, dtype=np.intp)
    threshold = np.partition(magnitudes, -num_kept)[-num_kept]
    above = np.flatnonzero(magnitudes > threshold)
    equal = np.flatnonzero(magnitudes == threshold)[: num_kept - len(above)]
    return np.sort(np.concatenate([above, equal]))


def share_out(sizes: Sequence[int], num_kept: int) -> list[int]:
    """Return how many entries of tensors of these sizes are kept, `num_kept` in all.

    Our choice: tensors below `SMALL_TENSOR` entries are kept whole, if that leaves any for the others; the rest is
    dealt in proportion to size, by largest remainders and among equal ones to the earlier tensor.

    >>> share_out([10, 100, 300], 210), share_out([10, 100, 300], 8)
    ([10, 50, 150], [0, 2, 6])
    """
    small = [size if size < SMALL_TENSOR else 0 for size in sizes]
    if sum(small) > num_kept:
        small = [0] * len(sizes)
    rest = num_kept - sum(small)
    others = [size if kept == 0 else 0 for size, kept in zip(sizes, small, strict=True)]
    total = max(sum(others), 1)
    shares = [kept + rest * size // total for kept, size in zip(small, others, strict=True)]
    by_remainder = sorted(range(len(sizes)), key=lambda at: -(rest * others[at] % total))
    for at in by_remainder[: num_kept - sum(shares)]:
        shares[at] += 1
    return shares


def largest_per_tensor(magnitudes: FloatArray, tensors: Sequence[slice], num_kept: int) -> Indices:
    """Return the indices of the largest magnitudes of every tensor, ascending, `num_kept` in all (see `share_out`)."""
    shares = share_out([tensor.stop - tensor.start for tensor in tensors], num_kept)
    found = [t.start + largest(magnitudes[t], kept) for t, kept in zip(tensors, shares, strict=True)]
    return np.concatenate(found).astype(np.intp) if found else np.zeros(0, dtype=np.intp)


def position_bits(num_kept: int, num_entries: float) -> float:
    """Return what it takes to say which entries are kept: 0 if all are, else min(n, 32 k) [bit].

    >>> position_bits(10, 10), position_bits(5, 100), position_bits(2, 100)
    (0.0, 100.0, 64.0)
    """
    return 0.0 if num_kept >= num_entries else float(min(num_entries, INDEX_BITS * num_kept))


def write_positions(indices: Indices, num_entries: int) -> Words:
    """Return the positions of the kept entries, (num_kept,) ascending, in `position_bits`."""
    if len(indices) == num_entries:
        return Words(np.zeros(0, dtype=np.uint8), 1)
    if num_entries <= INDEX_BITS * len(indices):
        bitmap = np.zeros(num_entries, dtype=np.uint8)
        bitmap[indices] = 1
        return Words(bitmap, 1)
    return Words(indices.astype(np.uint32), INDEX_BITS)


def read_positions(words: Words, num_entries: int) -> Indices:
    """Return the positions that `write_positions` wrote, (num_kept,)."""
    if words.width_bits == INDEX_BITS:
        return words.values.astype(np.intp)
    return np.arange(num_entries) if len(words.values) == 0 else np.flatnonzero(words.values)
