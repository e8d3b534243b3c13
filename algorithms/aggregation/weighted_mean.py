"""The weighted mean of vectors, guarded."""

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["weighted_mean"]


def weighted_mean(vectors: FloatArray, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sum_i a_i v_i / sum_i a_i, accumulated in float64 in the given order.

    Parameters
    ----------
    vectors : (num_vectors, num_entries).
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
    if not np.isfinite(vectors).all():
        raise ValueError("a vector to be averaged has an entry that is not finite")
    return np.asarray((weights / weights.sum()) @ vectors.astype(np.float64))
