"""Batches by speed: who is slower takes fewer samples, so that all need about as long for an iteration.

b_i = floor(b_max t_l / t_i) ,    t_l the shortest time, at least 1
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["regulated_batches"]

FloatArray: TypeAlias = npt.NDArray[np.float64]


def regulated_batches(times_s: FloatArray, most: int) -> npt.NDArray[np.int64]:
    """Return b_i of clients that need `times_s` for an iteration with equal batches, `(num_clients,)` [s].

    >>> regulated_batches(np.array([1.0, 2.0, 100.0]), 16).tolist()
    [16, 8, 1]
    """
    # A little more, so that equal times give equal batches in spite of rounding.
    sizes: npt.NDArray[np.float64] = np.floor(most * times_s.min() / times_s * (1 + 1e-12))
    return np.maximum(1.0, sizes).astype(np.int64)
