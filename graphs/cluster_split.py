"""The clusters of GCFL: when one is split, and where.

    split a cluster if |mean dW| < eps1 and max |dW_i| > eps2, of more than 2 clients, after 20 rounds
    where: the minimum cut (Stoer and Wagner, 1997) of the complete graph with weights cos(dW_i, dW_j) + 1

Its mean stands still while members still pull, so they pull apart. Xie et al., "Federated Graph Classification over
Non-IID Graphs", NeurIPS 2021, after Sattler et al. (clustered federated learning), as in their public code: the mean is
not weighted, and updates are of the shared layers since the last model received. F5 of the specification is tested in
`tests/graphs/test_cluster_split.py`.
"""

import networkx as nx
import numpy as np

from graphs.cosine import cosine_similarity
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["minimum_cut", "should_split", "split_similarity"]


def should_split(
    updates: FloatArray, eps1: float, eps2: float, round_index: int, first_round: int = 20, min_clients: int = 2
) -> bool:
    """Return whether a cluster is to be split.

    Parameters
    ----------
    updates : (num_members, num_parameters) dW_i of its members.
    eps1, eps2 : bounds on the norm of the mean and on the largest norm.
    round_index : rounds so far, this one included.
    first_round, min_clients : neither is enough; more is needed.
    """
    if len(updates) <= min_clients or round_index <= first_round:
        return False
    exact = np.asarray(updates, dtype=np.float64)
    return bool(np.linalg.norm(exact.mean(axis=0)) < eps1 and np.linalg.norm(exact, axis=1).max() > eps2)


def split_similarity(updates: FloatArray) -> FloatArray:
    """Return cos(dW_i, dW_j) + 1 of all pairs: (num_members, num_members) in [0, 2]."""
    return cosine_similarity(updates) + 1.0


def minimum_cut(similarity: FloatArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the two parts between which the similarities add up to least, that of member 0 first, each ascending.

    Parameters
    ----------
    similarity : (num_members, num_members), symmetric, at least 0; the diagonal is not looked at.

    Raises
    ------
    RequestError : fewer than two members, or a similarity below 0.
    """
    weights = np.asarray(similarity, dtype=np.float64)
    members = len(weights)
    if members < 2 or weights.shape != (members, members):
        raise RequestError(f"a cluster to split needs at least two members, got a similarity of shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RequestError("similarities of a cluster to split must be at least 0 and finite")
    complete = nx.Graph()
    complete.add_nodes_from(range(members))
    complete.add_weighted_edges_from((i, j, weights[i, j]) for i in range(members) for j in range(i + 1, members))
    _, parts = nx.stoer_wagner(complete)
    first, second = sorted(tuple(sorted(part)) for part in parts)
    return first, second
