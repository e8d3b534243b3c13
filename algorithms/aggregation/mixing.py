"""Mixing a model into the global one, and how far that moves it, in one pass over the vectors.

An asynchronous method mixes once a job. On whole vectors the arithmetic below would make a dozen temporary ones, which
takes longer than to train a small model; block by block they stay in the processor's cache.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["Mixed", "mixed"]

# Below the size from which the system provides memory page by page.
_BLOCK: Final = 8192


class Mixed(NamedTuple):
    """A mixed vector, (num_entries,) float32, and the two norms of what moved it."""

    vector: npt.NDArray[np.float32]
    progress_norm: float
    pull_back_norm: float


def mixed(current: FloatArray, arrived: FloatArray, base: FloatArray, weight: float) -> Mixed:
    """Return (1 - a) w + a v with the norms a ||v - base|| and a ||w - base||, a the weight.

    The sum is taken in float64 and rounded once; norms are summed by blocks.

    `current, arrived, base` : w, v and base, (num_entries,), any float type.

    >>> mixed(np.array([0.0]), np.array([4.0]), np.array([1.0]), 0.5)
    Mixed(vector=array([2.], dtype=float32), progress_norm=1.5, pull_back_norm=0.5)
    """
    vector = np.empty(len(current), dtype=np.float32)
    progress = pull_back = 0.0
    is_stale = base is not current  # else nothing is pulled back
    rooms = np.empty((4, min(_BLOCK, len(current))))
    for start in range(0, len(current), _BLOCK):
        part = slice(start, start + _BLOCK)
        before, new, old, moved = rooms[:, : len(current[part])]
        before[:], new[:], old[:] = current[part], arrived[part], base[part]
        np.subtract(new, old, out=moved)
        progress += float(moved @ moved)
        if is_stale:
            np.subtract(before, old, out=moved)
            pull_back += float(moved @ moved)
        before *= 1.0 - weight
        new *= weight
        before += new
        vector[part] = before
    return Mixed(vector, weight * math.sqrt(progress), weight * math.sqrt(pull_back))
