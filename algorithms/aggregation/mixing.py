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

_BLOCK: Final = 16384


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
    for start in range(0, len(current), _BLOCK):
        part = slice(start, start + _BLOCK)
        before, new, old = (np.asarray(v[part], dtype=np.float64) for v in (current, arrived, base))
        gained = new - old
        progress += float(gained @ gained)
        if is_stale:
            lost = before - old
            pull_back += float(lost @ lost)
        vector[part] = (1.0 - weight) * before + weight * new
    return Mixed(vector, weight * math.sqrt(progress), weight * math.sqrt(pull_back))
