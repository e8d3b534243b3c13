"""The weighted mean of vectors, guarded."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["weighted_mean"]

# Entries of all vectors together that are taken up at once: in float64 they stay in the processor's cache.
_BLOCK: Final = 2**19


def weighted_mean(
    vectors: Sequence[FloatArray] | FloatArray, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return sum_i a_i v_i / sum_i a_i, accumulated in float64 in the given order.

    It goes through the vectors piece by piece, so that models of many clients are never held in float64 as a whole.

    Parameters
    ----------
    vectors : num_vectors vectors (num_entries,).
    weights : (num_vectors,), not negative, not all zero.

    Raises
    ------
    ValueError : no vectors, a negative weight, only zero weights, or an entry that is not finite.

    >>> weighted_mean(np.array([[0.0], [3.0]]), np.array([2.0, 1.0]))
    array([1.])
    """
    if len(vectors) == 0 or len(vectors) != len(weights):
        raise ValueError(f"need one weight per vector and at least one vector, got {len(vectors)} and {len(weights)}")
    if (weights < 0).any() or weights.sum() <= 0:
        raise ValueError(f"weights must be at least 0 and not all 0, got {weights}")
    shares, mean = weights / weights.sum(), np.empty(len(vectors[0]))
    width = max(1, _BLOCK // len(vectors))
    block = np.empty(len(vectors) * min(width, len(mean)))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(mean), width):
            piece = mean[start : start + width]
            rows = block[: len(vectors) * len(piece)]
            np.concatenate([vector[start : start + width] for vector in vectors], out=rows)
            np.matmul(shares, rows.reshape(len(vectors), -1), out=piece)
    # A weight of zero hides nothing: zero times infinity is not a number.
    if not np.isfinite(mean).all():
        raise ValueError("a vector to be averaged has an entry that is not finite")
    return mean
