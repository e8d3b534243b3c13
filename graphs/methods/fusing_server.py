"""What the server of FedGCF does with the models that arrive: learn shares, average by structure and by node, fuse.

    1  the shares learn how good the models were that they made        (not in the first round: no share made W^0)
    2  W_struct of every cluster
    3  similarity -> S_node -> W_node
    4  beta_c -> fused models

It has no clock and no radio. Gao et al., arXiv 2412.18845, as rebuilt in `graphs.fusion` and the parts it names. Our
choices where clients are missing: a cluster from which nothing arrived keeps its structural model, the initial one at
first; the node model is made of those of S_node who arrived, and stays as it was if none did.
"""

from dataclasses import dataclass

import numpy as np

from algorithms.worlds.server import ModelVector
from graphs.fusion import fuse
from graphs.graph_set import IntArray
from graphs.methods.cluster_shares import ClusterShares
from graphs.methods.node_choice import NodeChoice
from graphs.methods.received import Received
from graphs.node_selection.rule import Selected
from testbed.layout import FloatArray

__all__ = ["Fused", "FusingServer"]


@dataclass(frozen=True, eq=False)
class Fused:
    """What a round came to.

    Attributes
    ----------
    models : (num_clusters, num_entries) what the clients of each cluster go on with.
    shares : (num_clusters,) beta_c in them.
    accuracies : (num_clusters,) mean accuracy of what the cluster had been sent before, NaN where nothing arrived.
    num_arrived : (num_clusters,) models that arrived.
    node_clients : whose models are in the node model, ascending; nobody's if it stayed as it was.
    selected : S_node as it was chosen now, by client id; None in a round without a choice.
    similarity : (num_arrived, num_arrived) q of those who arrived; None in a round without a choice.
    """

    models: FloatArray
    shares: FloatArray
    accuracies: FloatArray
    num_arrived: IntArray
    node_clients: tuple[int, ...]
    selected: Selected | None
    similarity: FloatArray | None


class FusingServer:
    """The structural models and the node model, from round to round.

    Parameters
    ----------
    clusters : (M,) the structural cluster of each client, from 0 on, none empty.
    initial : (num_entries,) W^0.
    """

    def __init__(self, clusters: IntArray, initial: ModelVector, shares: ClusterShares, choice: NodeChoice) -> None:
        self.clusters = clusters
        self.num_clusters = int(clusters.max()) + 1
        self.structural: FloatArray = np.tile(initial.astype(np.float64), (self.num_clusters, 1))
        self.node: FloatArray = initial.astype(np.float64)
        self.num_rounds = 0
        self._shares, self._choice = shares, choice
        self._chosen: tuple[int, ...] = ()

    def take_in(self, received: Received, rng: np.random.Generator) -> Fused:
        """Return the fused models after one more round; `rng` is the stream of its choice of S_node."""
        clients = np.array(received.clients)
        clusters = self.clusters[clients]
        if self.num_rounds > 0:
            self._shares.learn(received)
        for cluster, before in enumerate(self.structural):
            self.structural[cluster] = received.mean_model(clusters == cluster, before)
        selected, similarity = None, None
        if self._choice.is_due(self.num_rounds):
            similarity = self._choice.similarities(received)
            selected = self._choice.choose(received, similarity, self.clusters, rng)
            self._chosen = selected.clients
        in_node = np.isin(clients, self._chosen)
        self.node = received.mean_model(in_node, self.node)
        self.num_rounds += 1
        shares = self._shares.current()
        return Fused(
            models=fuse(self.structural, self.node, shares),
            shares=shares,
            accuracies=received.mean_accuracies(clusters, self.num_clusters),
            num_arrived=np.bincount(clusters, minlength=self.num_clusters),
            node_clients=tuple(clients[in_node].tolist()),
            selected=selected,
            similarity=similarity,
        )
