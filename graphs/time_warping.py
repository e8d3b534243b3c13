"""How alike the recent gradient norms of clients run: dynamic time warping, the similarity of GCFL+.

    d(a, b)^2 = least sum of (a_k - b_l)^2 over monotone alignments from (1, 1) to (L, L)
    similarity_ij = max d - d_ij

Sakoe and Chiba, 1978; Xie et al., NeurIPS 2021 (GCFL+), whose public code takes the root of summed squares and divides
each sequence, on request, by its deviation. Our choice: a constant sequence, which has none, is left as it is.
"""

import math
from collections.abc import Sequence

import numpy as np

from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["NormSequences", "time_warping_distance", "warping_similarity"]


def time_warping_distance(first: FloatArray, second: FloatArray) -> float:
    """Return d(a, b) of two sequences of any lengths, at least 1.

    >>> time_warping_distance(np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    0.0
    """
    if len(first) == 0 or len(second) == 0:
        raise RequestError("dynamic time warping needs sequences of at least one number")
    costs = (np.asarray(first, dtype=np.float64)[:, None] - np.asarray(second, dtype=np.float64)[None, :]) ** 2
    above = [0.0] + [math.inf] * len(second)  # the least sums up to the row before, one more in front
    for row in costs.tolist():
        here = [math.inf]
        for column, cost in enumerate(row):
            here.append(cost + min(above[column], above[column + 1], here[column]))
        above = here
    return math.sqrt(above[-1])


def warping_similarity(sequences: FloatArray, standardise: bool = False) -> FloatArray:
    """Return max d - d_ij of all pairs of `sequences : (num_members, length)`: (num_members, num_members), at least 0.

    Parameters
    ----------
    standardise : divide each sequence by its deviation, so that only its course counts.
    """
    exact = np.asarray(sequences, dtype=np.float64)
    if standardise:
        deviation = exact.std(axis=1, keepdims=True)
        exact = exact / np.where(deviation > 0, deviation, 1.0)
    distances = np.zeros((len(exact), len(exact)))
    for i in range(len(exact)):
        for j in range(i + 1, len(exact)):
            distances[i, j] = distances[j, i] = time_warping_distance(exact[i], exact[j])
    return np.asarray(distances.max(initial=0.0) - distances)


class NormSequences:
    """The gradient norms of all clients since the last split; state of GCFL+."""

    def __init__(self, num_clients: int) -> None:
        self._norms: list[list[float]] = [[] for _ in range(num_clients)]

    def append(self, client: int, norm: float) -> None:
        """Add the norm that a client reported in this round.

        Raises
        ------
        RequestError : a norm below 0 or not finite.
        """
        if not (math.isfinite(norm) and norm >= 0):
            raise RequestError(f"gradient norm {norm} of client {client}: must be at least 0 and finite")
        self._norms[client].append(float(norm))

    def ready(self, length: int) -> bool:
        """Return whether every client has reported so often since the last split."""
        return all(len(norms) >= length for norms in self._norms)

    def last(self, members: Sequence[int], length: int) -> FloatArray:
        """Return the last `length` norms of some clients: (num_members, length).

        Raises
        ------
        RequestError : one of them has reported less often.
        """
        short = [client for client in members if len(self._norms[client]) < length]
        if short:
            raise RequestError(f"clients {short} have reported fewer than {length} gradient norms")
        return np.array([self._norms[client][-length:] for client in members], dtype=np.float64)

    def clear(self) -> None:
        """Forget all, as after a split."""
        for norms in self._norms:
            norms.clear()
