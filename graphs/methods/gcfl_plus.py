"""GCFL+: GCFL whose clusters are cut by how the gradient norms of the members have run, not by their last updates.

Xie, Ma, Xiong and Yang, "Federated graph classification over non-IID graphs", NeurIPS 2021, section 4.3: single updates
fluctuate, so each client also uploads one norm a round and the server compares the last L of them,

    similarity_ij = max d - d_ij ,     d the distance of dynamic time warping       (`graphs/time_warping.py`)

Conditions as in GCFL (`gcfl.py`), and every client must have reported L norms since the last split: all sequences are
forgotten when a cluster is split. As in the public code the norm is that of the gradient of the last minibatch, of what
is exchanged; with `norms = "update"`, its variant, that of dW_i. Cost: 4 bytes more in each upload. With eps1 = 0 this
is FedAvg, bit by bit.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveInt

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import RoundTurn
from graphs.cluster_split import minimum_cut
from graphs.methods.split_clusters import Parts, SplitClusters
from graphs.methods.split_conditions import SplitConditions
from graphs.time_warping import NormSequences, warping_similarity
from testbed.layout import FloatArray
from testbed.settings import PositiveSeconds
from testbed.simulation import Process

__all__ = ["GcflPlus"]

NORM_BITS = 32


class GcflPlus(SplitConditions):
    """Clustered federated averaging by gradient norms; needs data on which each client is tested on its own samples.

    Settings: the conditions of a split (`SplitConditions`), and these.
    """

    reads_trained_values: ClassVar[bool] = True  # who is sent which model
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "gcfl-plus"
    sequence_length: PositiveInt = 5  # L: norms of each client that are compared
    norms: Literal["gradient", "update"] = "gradient"  # of the last minibatch's gradient, or of what training changed
    standardise: bool = False  # whether each sequence is divided by its deviation, so that only its course counts
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        clusters, sequences = SplitClusters(fed, group), NormSequences(len(group.members))
        while fed.serves(group):
            base = yield from fed.broadcast(group, models=fed.server.models)
            results = yield from fed.train(base, self.deadline_s, gradient_norms=self.norms == "gradient")
            with (yield from fed.take_turn(results)) as turn:
                if turn.clients:
                    models = yield from fed.upload(turn, self.access, extra_bits=NORM_BITS)
                    if turn.delivered:
                        for client, norm in self._norms_of(turn, models).items():
                            sequences.append(client, norm)
                        clusters.end_round(turn, models, partial(self._split, sequences))

    def _norms_of(self, turn: RoundTurn, models: Sequence[FloatArray]) -> Mapping[int, float]:
        """Return what each client that was heard reports."""
        if self.norms == "gradient":
            return {member.client: member.gradient_norm for member in turn.trained if member.client in turn.delivered}
        return {
            client: float(np.linalg.norm(model.astype(np.float64) - turn.base.vector_of(client)))
            for client, model in zip(turn.delivered, models, strict=True)
        }

    def _split(
        self, sequences: NormSequences, members: tuple[int, ...], updates: FloatArray, round_number: int
    ) -> Parts | None:
        if not self.hold(updates, round_number):
            return None
        if not sequences.ready(self.sequence_length):
            return None
        parts = minimum_cut(warping_similarity(sequences.last(members, self.sequence_length), self.standardise))
        sequences.clear()
        return parts
