"""GCFL: federated averaging within clusters, and a cluster is split when its members pull apart.

Xie, Ma, Xiong and Yang, "Federated graph classification over non-IID graphs", NeurIPS 2021, algorithm 1, with what
their public code adds (the mean update is not weighted, 20 rounds without a split, clusters of at most 2 stay whole):

    dW_i = W_i - W_c                                        of what is exchanged, c the cluster of client i
    split c   if  ||mean dW|| < eps1  and  max ||dW_i|| > eps2          (`graphs/cluster_split.py`)
    where     minimum cut of the complete graph with weights cos(dW_i, dW_j) + 1
    W_c <- W_c + sum_i n_i dW_i / sum_i n_i                             after the split, in each part

With eps1 = 0 no cluster is ever split, and this is FedAvg, bit by bit. What is missing of absent members: see
`split_clusters.py`. Their script reports for each client the best test accuracy over several models: that is chosen by
the test set, and is not what `evaluation` says; see `graphs/cached_accuracy.py`.
"""

from typing import ClassVar, Literal

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from graphs.cluster_split import minimum_cut, split_similarity
from graphs.methods.split_clusters import Parts, SplitClusters
from graphs.methods.split_conditions import SplitConditions
from testbed.layout import FloatArray
from testbed.settings import PositiveSeconds
from testbed.simulation import Process

__all__ = ["Gcfl"]


class Gcfl(SplitConditions):
    """Clustered federated averaging; needs data on which each client is tested on its own samples.

    Settings: the conditions of a split (`SplitConditions`), and these.
    """

    reads_trained_values: ClassVar[bool] = True  # who is sent which model
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "gcfl"
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        clusters = SplitClusters(fed, group)
        while fed.serves(group):
            base = yield from fed.broadcast(group, models=fed.server.models)
            results = yield from fed.train(base, self.deadline_s)
            with (yield from fed.take_turn(results)) as turn:
                if turn.clients:
                    models = yield from fed.upload(turn, self.access)
                    if turn.delivered:
                        clusters.end_round(turn, models, self._split)

    def _split(self, members: tuple[int, ...], updates: FloatArray, round_number: int) -> Parts | None:
        if not self.hold(updates, round_number):
            return None
        return minimum_cut(split_similarity(updates))
