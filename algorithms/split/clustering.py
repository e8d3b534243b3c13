"""Who splits with whom: Algorithm 1 of ParallelSFL.

1. Clients are cut into K sets of similar labels (k-means on their label shares, Euclidean).
2. The client with the widest way in, of the set with most clients left, hosts the top of a new cluster.
3. Of every set the slowest client is a candidate; the one that brings the cluster's labels closest to everybody's
   joins, as long as the host can take one more (8, 10) - or, our choice, as long as it brings them closer at all.
4. Who is left over joins the cluster whose utility it costs least.
5. Bottoms are swapped between clusters while the sum of utilities falls:

       U_c = lambda W_c / t_o + (1 - lambda) KL(Phi_c || Phi_0) / ln M                                 (14)

Our choice: both terms are normalised as written, the second cut off at 1; Phi_c is the plain mean of its bottoms' label
shares; five passes of swaps at most.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from algorithms.split.cluster_times import Cluster, FloatArray, PlannedTimes
from algorithms.split.label_mix import mix_divergence
from testbed.errors import RequestError

__all__ = ["ClusterProblem", "form_clusters", "pair_at_random"]


@dataclass(frozen=True)
class ClusterProblem:
    """What clusters are formed by.

    Attributes
    ----------
    times : planned times of the clients.
    shares : (num_clients, num_classes) label shares.
    rates : (num_clients,) how fast each can receive, B [bit/s].
    trade_off : lambda in [0, 1], how much waiting counts against labels.
    only_closer : whether a bottom joins only if it brings the cluster's labels closer to everybody's.
    """

    times: PlannedTimes
    shares: FloatArray
    rates: FloatArray
    trade_off: float
    only_closer: bool = False

    def divergence(self, bottoms: Sequence[int]) -> float:
        """Return KL(Phi_c || Phi_0) of some bottoms; infinity for none."""
        if not bottoms:
            return math.inf
        return mix_divergence(self.shares[list(bottoms)].mean(axis=0), self.shares.mean(axis=0))

    def utility(self, cluster: Cluster) -> float:
        """Return U_c; less is better."""
        waiting = self.times.waiting_s(cluster) / self.times.iteration_s(cluster)
        labels = min(1.0, self.divergence(cluster.bottoms) / math.log(max(2, self.shares.shape[1])))
        return self.trade_off * waiting + (1.0 - self.trade_off) * labels


def form_clusters(problem: ClusterProblem, num_sets: int, rng: np.random.Generator) -> list[Cluster]:
    """Return clusters in which every client is once host or bottom, each with at least one bottom.

    Raises
    ------
    RequestError : fewer than two clients.
    """
    num_clients = len(problem.shares)
    if num_clients < 2:
        raise RequestError("a cluster needs a client that hosts the top and one that holds a bottom: two clients")
    seed = int(rng.integers(2**31))
    distinct = len(np.unique(problem.shares, axis=0))
    labels = KMeans(min(num_sets, distinct), n_init=4, random_state=seed).fit_predict(problem.shares)
    sets = [set(np.flatnonzero(labels == number).tolist()) for number in range(labels.max() + 1)]
    clusters: list[Cluster] = []
    while sum(map(len, sets)) > 1:
        fullest = max(sets, key=len)
        host = max(sorted(fullest), key=lambda client: problem.rates[client])
        fullest.remove(host)
        clusters.append(_fill(problem, host, sets))
    for left in itertools.chain.from_iterable(sets):
        _place(problem, clusters, left)
    return _swapped(problem, clusters)


def pair_at_random(problem: ClusterProblem, bottoms_each: int, rng: np.random.Generator) -> list[Cluster]:
    """Return clusters dealt by chance, of one host and about `bottoms_each` bottoms; the ablation of Algorithm 1."""
    order = rng.permutation(len(problem.shares)).tolist()
    num_clusters = max(1, len(order) // (bottoms_each + 1))
    dealt = [order[number::num_clusters] for number in range(num_clusters)]
    return [Cluster(host, tuple(sorted(bottoms))) for host, *bottoms in dealt]


def _fill(problem: ClusterProblem, host: int, sets: list[set[int]]) -> Cluster:
    """Return the cluster of a host, and take its bottoms out of the sets."""
    bottoms: list[int] = []
    while True:
        slowest = [max(sorted(one), key=lambda client: problem.times.alone_s([client])[0]) for one in sets if one]
        found = [c for c in slowest if not bottoms or problem.times.admits(_with(host, [*bottoms, c]))]
        best = min(found, key=lambda client: problem.divergence([*bottoms, client]), default=None)
        if best is None or (
            problem.only_closer and problem.divergence([*bottoms, best]) >= problem.divergence(bottoms)
        ):
            return _with(host, bottoms)
        bottoms.append(best)
        next(one for one in sets if best in one).remove(best)


def _place(problem: ClusterProblem, clusters: list[Cluster], left: int) -> None:
    """Let a client that is left over join the cluster that it costs least, of those that admit it if there are any.

    If none does it hosts a bottom of another cluster that has several, not its slowest; if there is none either, it
    joins in spite of the line it makes.
    """
    joined = {number: _with(c.host, [*c.bottoms, left]) for number, c in enumerate(clusters)}
    admitted = [number for number, cluster in joined.items() if problem.times.admits(cluster)]
    several = [number for number, cluster in enumerate(clusters) if len(cluster.bottoms) > 1]
    if not admitted and several:
        rich = clusters[several[0]]
        given = min(rich.bottoms, key=lambda client: problem.times.alone_s([client])[0])
        clusters[several[0]] = _with(rich.host, [c for c in rich.bottoms if c != given])
        clusters.append(Cluster(left, (given,)))
        return
    costs = {n: problem.utility(joined[n]) - problem.utility(clusters[n]) for n in admitted or joined}
    best = min(costs, key=lambda number: costs[number])
    clusters[best] = joined[best]


def _swapped(problem: ClusterProblem, clusters: list[Cluster], num_passes: int = 5) -> list[Cluster]:
    """Return the clusters after swaps of bottoms, each of which lowered the sum of utilities."""
    for _ in range(num_passes):
        improved = False
        for a, b in itertools.combinations(range(len(clusters)), 2):
            for one, other in itertools.product(clusters[a].bottoms, clusters[b].bottoms):
                if one not in clusters[a].bottoms or other not in clusters[b].bottoms:
                    continue
                new_a = _with(clusters[a].host, [other if c == one else c for c in clusters[a].bottoms])
                new_b = _with(clusters[b].host, [one if c == other else c for c in clusters[b].bottoms])
                before = problem.utility(clusters[a]) + problem.utility(clusters[b])
                after = problem.utility(new_a) + problem.utility(new_b)
                if after < before - 1e-12 and problem.times.admits(new_a) and problem.times.admits(new_b):
                    clusters[a], clusters[b], improved = new_a, new_b, True
        if not improved:
            break
    return clusters


def _with(host: int, bottoms: Sequence[int]) -> Cluster:
    return Cluster(host, tuple(sorted(bottoms)))
