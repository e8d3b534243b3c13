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

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from graphs.cluster_split import minimum_cut, should_split, split_similarity
from graphs.methods.split_clusters import Parts, SplitClusters
from testbed.layout import FloatArray
from testbed.settings import Part, PositiveSeconds
from testbed.simulation import Process

__all__ = ["Gcfl"]


class Gcfl(Part):
    """Clustered federated averaging; needs data on which each client is tested on its own samples."""

    reads_trained_values: ClassVar[bool] = True  # who is sent which model
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "gcfl"
    # Published pairs: .03, .06 PROTEINS with 10 clients; .025, .045 IMDB-BINARY with 10; .04, .08 NCI1 with 30;
    # .07, .28 molecules; .07, .35 biochem; .08, .4 mix.
    eps1: NonNegativeFloat = 0.05  # a cluster may be split when the norm of its mean update is below
    eps2: NonNegativeFloat = 0.1  # and the largest norm of a member's update is above
    first_round: NonNegativeInt = 20  # rounds in which no cluster is split
    min_clients: Annotated[int, Field(ge=2)] = 2  # clusters of at most that many clients are not split
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
        if not should_split(updates, self.eps1, self.eps2, round_number, self.first_round, self.min_clients):
            return None
        return minimum_cut(split_similarity(updates))
