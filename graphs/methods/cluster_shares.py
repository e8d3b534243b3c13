"""The shares beta_c of all clusters: each learns for itself, or all together learn one."""

from typing import Literal, TypeAlias

import numpy as np

from graphs.fusion_ratio.ratio import FusionRatio
from graphs.graph_set import IntArray
from graphs.methods.received import Received
from testbed.layout import FloatArray

__all__ = ["ClusterShares", "RatioPer"]

RatioPer: TypeAlias = Literal["cluster", "federation"]


class ClusterShares:
    """What share the structural model has in each cluster, from round to round.

    Our choice: a share whose clients measured nothing in a round, because nobody's upload arrived, stays in play.

    Parameters
    ----------
    rule, rng : how a share is learnt, and the stream of that.
    per : whether every cluster has a share of its own.
    clusters : (M,) the cluster of each client, from 0 on, none empty.
    """

    def __init__(self, rule: FusionRatio, per: RatioPer, clusters: IntArray, rng: np.random.Generator) -> None:
        num_clusters = int(clusters.max()) + 1
        self._num_shares = num_clusters if per == "cluster" else 1
        # which share a cluster goes by
        self._place = np.arange(num_clusters) if per == "cluster" else np.zeros(num_clusters, dtype=np.int64)
        self._clusters = clusters
        self._shares = rule.start(self._num_shares, rng)

    def current(self) -> FloatArray:
        """Return beta_c of each cluster in the models sent next: (num_clusters,); asking changes nothing."""
        return np.array([self._shares.play(place) for place in self._place.tolist()])

    def learn(self, received: Received) -> None:
        """Take in how good the models were that the current shares made."""
        places = self._place[self._clusters[list(received.clients)]]
        accuracies = received.mean_accuracies(places, self._num_shares)
        traffic_bytes = np.bincount(self._place, weights=received.traffic_bytes)
        for place in np.flatnonzero(np.isfinite(accuracies)).tolist():
            self._shares.learn(place, float(accuracies[place]), float(traffic_bytes[place]))
