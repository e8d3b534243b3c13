"""Clusters of clients by k-means: as many as asked for, or as many as the data show.

k-means++ (Arthur and Vassilvitskii, SODA 2007), the best of ten starts, by scikit-learn. The paper's algorithm is not
known; all of this is our choice (FedGCF, arXiv 2412.18845, says "clusters" only). Without a number, every k from 2 to
min(6, M / 2) is tried and the one of the largest silhouette taken (Rousseeuw, 1987); where even that is below 0.25
nothing is gained by telling clients apart, and all are one cluster.

The answer does not depend on the order of the clients: points are sorted first, and equal ones counted. Where fewer
different points than clusters are there, the largest cluster is halved until there are enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from graphs.graph_set import IntArray
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["Clustering", "adjusted_rand_index", "canonical_labels", "cluster_clients"]

_NUM_STARTS: Final = 10
_MAX_CLUSTERS: Final = 6
_MIN_SILHOUETTE: Final = 0.25
_SEEDS: Final = 2**32  # as many as scikit-learn takes


@dataclass(frozen=True, eq=False)
class Clustering:
    """Which clients belong together.

    Attributes
    ----------
    labels : (M,) the cluster of each client, 0 to num_clusters - 1, numbered by their smallest member.
    silhouette : of this clustering, in [-1, 1]; NaN with one cluster or with every client its own.
    silhouettes : of every number of clusters that was tried; empty where the number was given.
    """

    labels: IntArray
    silhouette: float = float("nan")
    silhouettes: Mapping[int, float] = field(default_factory=dict)

    @property
    def num_clusters(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The clients of each cluster, ascending."""
        return tuple(tuple(np.flatnonzero(self.labels == c).tolist()) for c in range(self.num_clusters))


def cluster_clients(points: FloatArray, rng: np.random.Generator, num_clusters: int | None = None) -> Clustering:
    """Return the clustering of the clients at `points : (M, width)`, into so many clusters or as many as the data show.

    Parameters
    ----------
    rng : gives the seed of the starts, one number whatever the number of clusters.

    Raises
    ------
    RequestError : more clusters than clients, fewer than one, or points that are not finite.
    """
    exact = np.asarray(points, dtype=np.float64)
    if exact.ndim != 2 or len(exact) == 0 or not np.isfinite(exact).all():
        raise RequestError(f"clients to cluster must be finite points, a row each, at least one; got {exact!r}")
    if num_clusters is not None and not 1 <= num_clusters <= len(exact):
        raise RequestError(f"num_clusters = {num_clusters}: {len(exact)} clients make 1 to {len(exact)} clusters")
    seed = int(rng.integers(_SEEDS))
    if num_clusters is not None:
        labels = _clusters(exact, num_clusters, seed)
        return Clustering(labels, _silhouette(exact, labels))
    most = min(_MAX_CLUSTERS, len(exact) // 2, len(np.unique(exact, axis=0)))
    tried = {k: _clusters(exact, k, seed) for k in range(2, most + 1)}
    silhouettes = {k: _silhouette(exact, labels) for k, labels in tried.items()}
    best = max(silhouettes, key=lambda k: (silhouettes[k], -k), default=1)
    if best == 1 or not silhouettes[best] >= _MIN_SILHOUETTE:
        return Clustering(np.zeros(len(exact), dtype=np.int64), silhouettes=silhouettes)
    return Clustering(tried[best], silhouettes[best], silhouettes)


def canonical_labels(labels: IntArray) -> IntArray:
    """Return the same clusters numbered from 0 on by their smallest member: (M,).

    >>> canonical_labels(np.array([7, 2, 7, 0])).tolist()
    [0, 1, 0, 2]
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int64)[inverse]


def adjusted_rand_index(first: IntArray, second: IntArray) -> float:
    """Return how far two clusterings of the same clients agree: 1 if they are the same, 0 on average by chance."""
    return float(adjusted_rand_score(first, second))


def _clusters(points: FloatArray, num_clusters: int, seed: int) -> IntArray:
    if num_clusters == 1:
        return np.zeros(len(points), dtype=np.int64)
    distinct, place, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    of_point = np.arange(len(distinct))
    if num_clusters < len(distinct):
        kmeans = KMeans(num_clusters, n_init=_NUM_STARTS, random_state=seed)
        with threadpool_limits(1):  # threads add up partial sums in whatever order they end
            of_point = kmeans.fit(distinct, sample_weight=counts).labels_
    labels = np.asarray(of_point, dtype=np.int64)[place.ravel()]
    while len(np.unique(labels)) < num_clusters:
        members = np.flatnonzero(labels == np.argmax(np.bincount(labels)))
        labels[members[(len(members) + 1) // 2 :]] = labels.max() + 1
    return canonical_labels(labels)


def _silhouette(points: FloatArray, labels: IntArray) -> float:
    if not 2 <= len(np.unique(labels)) < len(points):
        return float("nan")
    with threadpool_limits(1):
        return float(silhouette_score(points, labels))
