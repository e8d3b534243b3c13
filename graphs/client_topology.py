"""The topology among clients: who is like whom by what they learnt, and the paths of largest similarity.

    q_ij = (1 + cos(dW_i, dW_j)) / 2                        updates of the shared layers, from the same start
    edge (i, j) if q_ij >= median of q off the diagonal, and the tree of maximum similarity, so that all are connected
    cost of an edge -ln q_ij                                the cheapest path has the largest product of similarities

FedGCF (Gao et al., arXiv 2412.18845) builds a topology from the similarity of models and takes clients on the shortest
paths of highest similarity, as third parties report; the rule is our choice. Dijkstra, 1959, from every client; among
equally cheap paths the one of fewer edges, then at each step back from its end the smaller client.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from graphs.cosine import cosine_similarity
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["ClientPath", "client_similarity", "client_topology", "shortest_paths"]

_LEAST: Final = 1e-300  # a similarity of 0 has a cost too, or opposite clients of a tree would not be connected
_GRAIN: Final = 2.0**-40  # costs are multiples of this, so that sums are exact and ties do not hang on their order

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClientPath:
    """The cheapest path between two clients.

    Attributes
    ----------
    clients : from the smaller end to the larger.
    cost : the sum of -ln q over its edges.
    """

    clients: tuple[int, ...]
    cost: float

    @property
    def product(self) -> float:
        """The product of the similarities of its edges, the largest of any path between its ends."""
        return math.exp(-self.cost)

    @property
    def score(self) -> float:
        """exp(-cost / edges), the geometric mean of the similarities of its edges."""
        return math.exp(-self.cost / (len(self.clients) - 1))


def client_similarity(updates: FloatArray) -> FloatArray:
    """Return q_ij of all pairs of `updates : (M, num_parameters)`: (M, M) in [0, 1], symmetric, ones on the diagonal.

    Raises
    ------
    RequestError : no client, or an entry that is not finite.

    >>> client_similarity(np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    return (1.0 + cosine_similarity(updates)) / 2


def client_topology(similarity: FloatArray) -> BoolArray:
    """Return whether each pair of clients has an edge: (M, M), symmetric, without a diagonal, connected.

    Raises
    ------
    RequestError : not a symmetric matrix in [0, 1].
    """
    q = _checked(similarity)
    num_clients = len(q)
    if num_clients < 2:
        return np.zeros_like(q, dtype=np.bool_)
    first, second = np.triu_indices(num_clients, k=1)
    edges = q >= np.median(q[first, second])
    np.fill_diagonal(edges, False)
    home = np.arange(num_clients)  # Kruskal, 1956: the most similar pairs first, equal ones by client
    for pair in np.argsort(-q[first, second], kind="stable"):
        i, j = first[pair], second[pair]
        if home[i] != home[j]:
            edges[i, j] = edges[j, i] = True
            home[home == home[j]] = home[i]
    return edges


def shortest_paths(similarity: FloatArray, edges: BoolArray) -> list[ClientPath]:
    """Return the cheapest path of every pair of connected clients, in the order (0, 1), (0, 2), ..., (1, 2), ...

    Parameters
    ----------
    similarity : (M, M) q.
    edges : (M, M), symmetric; the diagonal is not looked at.
    """
    exact = np.abs(np.log(np.maximum(_checked(similarity), _LEAST)))
    costs = np.where(edges, np.round(exact / _GRAIN) * _GRAIN, np.inf)
    found = []
    for start in range(len(costs)):
        distance, previous = _dijkstra(costs, start)
        for end in range(start + 1, len(costs)):
            if np.isfinite(distance[end]):
                found.append(ClientPath(_back(previous, start, end), float(distance[end])))
    return found


def _dijkstra(costs: FloatArray, start: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the cost of the cheapest path from `start` to each client, and the client before it: (M,), (M,)."""
    num_clients = len(costs)
    distance, hops = np.full(num_clients, np.inf), np.full(num_clients, num_clients)
    previous, waiting = np.full(num_clients, num_clients), np.ones(num_clients, dtype=np.bool_)
    distance[start], hops[start] = 0.0, 0
    for _ in range(num_clients):
        here = min(np.flatnonzero(waiting).tolist(), key=lambda v: (distance[v], hops[v], v))
        waiting[here] = False
        if not np.isfinite(distance[here]):
            break
        way = distance[here] + costs[here]
        fewer = (hops[here] + 1 < hops) | ((hops[here] + 1 == hops) & (here < previous))
        better = waiting & np.isfinite(way) & ((way < distance) | ((way == distance) & fewer))
        distance[better], hops[better], previous[better] = way[better], hops[here] + 1, here
    return distance, previous


def _back(previous: npt.NDArray[np.int64], start: int, end: int) -> tuple[int, ...]:
    clients = [end]
    while clients[-1] != start:
        clients.append(int(previous[clients[-1]]))
    return tuple(reversed(clients))


def _checked(similarity: FloatArray) -> FloatArray:
    q = np.asarray(similarity, dtype=np.float64)
    if q.ndim != 2 or len(q) == 0 or q.shape[0] != q.shape[1]:
        raise RequestError(f"a similarity of clients must be a square matrix, not of shape {q.shape}")
    if not (np.isfinite(q).all() and (q >= 0).all() and (q <= 1).all() and np.array_equal(q, q.T)):
        raise RequestError("similarities of clients must be in [0, 1] and the same in both directions")
    return q
