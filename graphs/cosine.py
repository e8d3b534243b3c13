"""The cosine between vectors, with a rule for those of length 0. Textbook; the rule is our choice."""

import numpy as np

from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["cosine_similarity"]

_DECIMALS = 12  # equals stay equals whatever the order of the sums; fewer bits than float64 keeps


def cosine_similarity(rows: FloatArray) -> FloatArray:
    """Return <v_i, v_j> / (|v_i| |v_j|) of all pairs: (num_rows, num_rows) in [-1, 1], symmetric, ones on the diagonal.

    Our choice: two rows of zeros point the same way (1), one of zeros and another are at right angles (0). Values are
    rounded to 12 decimals, so that ties are ties on every machine.

    Parameters
    ----------
    rows : (num_rows, num_entries).

    Raises
    ------
    RequestError : not a matrix of at least one row, or an entry that is not finite.

    >>> cosine_similarity(np.array([[1.0, 0.0], [2.0, 2.0], [0.0, 0.0]])).round(3).tolist()
    [[1.0, 0.707, 0.0], [0.707, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    exact = np.asarray(rows, dtype=np.float64)
    if exact.ndim != 2 or len(exact) == 0:
        raise RequestError(f"vectors to compare must be the rows of a matrix, at least one, not of shape {exact.shape}")
    if not np.isfinite(exact).all():
        raise RequestError("a vector to compare has an entry that is not finite")
    largest = np.abs(exact).max(axis=1, initial=0.0, keepdims=True)
    scaled = exact / np.where(largest > 0, largest, 1.0)  # first, so that squares neither overflow nor vanish
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    units = scaled / np.where(norms > 0, norms, 1.0)
    cosines = np.clip(units @ units.T, -1.0, 1.0)
    zero = norms[:, 0] == 0
    cosines[np.ix_(zero, zero)] = 1.0
    np.fill_diagonal(cosines, 1.0)
    return np.round((cosines + cosines.T) / 2, _DECIMALS)
