"""Groups by k-means on label mixes: `kmeans-label` keeps like with like, `anti-kmeans` deals likes apart.

`kmeans-label` is the worst case for the label distance Lambda_j of the bound: its groups are homogeneous.
`anti-kmeans` deals the members of each cluster round-robin over the groups, which brings every group near the global
label mix. Both ignore training times.

Our choices. Clusters are of label mixes (shares, not counts): the amount of data plays no part. A cluster is dealt on
from where the last one stopped, clients of the same mix one after another, so groups are equal in size up to one
client. Of fewer different mixes than groups, the largest cluster is halved until there are enough. The best of ten
seeded starts is taken (scikit-learn, Lloyd's algorithm, k-means++).

The laws are tested in `tests/algorithms/grouping/test_label_clusters.py`.
"""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.fixed_number import FixedNumber
from algorithms.grouping.label_mix import class_order
from algorithms.grouping.problem import GroupingProblem

__all__ = ["AntiKmeans", "KmeansLabel", "label_clusters"]

_NUM_STARTS = 10
_SEEDS = 2**32  # as many as scikit-learn takes


def label_clusters(problem: GroupingProblem, num_clusters: int, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
    """Return the clients of each cluster, by label mix; exactly so many clusters, none empty.

    Parameters
    ----------
    num_clusters : at most the number of clients.
    """
    histograms = problem.label_histograms[:, class_order(problem)]
    mixes = histograms / histograms.sum(axis=1, keepdims=True)
    distinct, mix_of, counts = np.unique(mixes, axis=0, return_inverse=True, return_counts=True)
    cluster_of_mix = np.arange(len(distinct))
    if num_clusters < len(distinct):
        cluster_of_mix = _kmeans(distinct, counts, num_clusters, int(rng.integers(_SEEDS)))
    # Members in the order of their mix, then of their id.
    order = np.argsort(mix_of, kind="stable")
    cluster_of = cluster_of_mix[mix_of[order]]
    clusters = [order[cluster_of == cluster] for cluster in np.unique(cluster_of)]
    while len(clusters) < num_clusters:
        largest = int(np.argmax([len(cluster) for cluster in clusters]))
        clusters[largest : largest + 1] = np.array_split(clusters[largest], 2)
    return clusters


def _kmeans(
    points: npt.NDArray[np.float64], counts: npt.NDArray[np.intp], num_clusters: int, seed: int
) -> npt.NDArray[np.intp]:
    """Return the cluster of each of these distinct points, each counted so often: (num_points,)."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    kmeans = KMeans(num_clusters, n_init=_NUM_STARTS, random_state=seed)
    with threadpool_limits(1):  # threads add up partial sums in whatever order they end
        labels = kmeans.fit(points, sample_weight=counts).labels_
    return np.asarray(labels, dtype=np.intp)


class KmeansLabel(FixedNumber):
    """Homogeneous groups: clients of similar label mix together, the worst case for the label distance."""

    kind: str = "kmeans-label"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
        return label_clusters(problem, self.num_groups, rng)


class AntiKmeans(FixedNumber):
    """Near-IID groups: clients of similar label mix apart; as many clusters as groups."""

    kind: str = "anti-kmeans"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
        deal = np.concatenate(label_clusters(problem, self.num_groups, rng))
        return [deal[first :: self.num_groups] for first in range(self.num_groups)]
