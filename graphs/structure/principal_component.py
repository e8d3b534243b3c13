"""The first principal component of structural vectors: the one number in which graphs differ most.

    score_g = (v_g - mean v) . d        d the direction of largest variance (Pearson, 1901)

The sign of d is not given; our choice: its largest entry is positive, the first of equals. Scores are rounded, so that
graphs of equal structure have equal scores, whatever their nodes are called.
"""

from typing import Final

import numpy as np

from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["first_principal_component"]

_DIGITS: Final = 9  # of shares and probabilities; sums of a few thousand of them are exact to about 12


def first_principal_component(vectors: FloatArray) -> FloatArray:
    """Return the score of each of `vectors : (num_graphs, width)`: (num_graphs,), of mean 0 up to rounding.

    Raises
    ------
    RequestError : no vector, or an entry that is not finite.

    >>> first_principal_component(np.array([[3.0, 1.0], [1.0, 1.0], [8.0, 1.0]])).tolist()
    [-1.0, -3.0, 4.0]
    """
    exact = np.asarray(vectors, dtype=np.float64)
    if exact.ndim != 2 or exact.size == 0 or not np.isfinite(exact).all():
        raise RequestError(
            f"graphs to order by structure must be finite vectors, a row each, at least one; got {exact!r}"
        )
    centred = exact - exact.mean(axis=0)
    direction = np.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]
    largest = np.argmax(np.round(np.abs(direction), _DIGITS))
    return np.asarray(np.round(centred @ direction * np.sign(direction[largest]), _DIGITS))
