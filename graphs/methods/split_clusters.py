"""Clusters of clients that are split as training goes on: what GCFL and GCFL+ share.

A round ends with `end_round`: every cluster is first split or not, and then takes in its own members' updates,

    W_c <- W_c + sum_i n_i dW_i / sum_i n_i        over the members whose update arrived.

All of a cluster start from W_c, so that is the weighted mean of their models, and computed as such.

Our choice, where clients may be absent: a cluster of which an update is missing is not split in that round, since the
cut would not say where the missing member belongs; one of which nobody delivered keeps its model.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import RoundTurn
from graphs.methods.split_rows import SPLIT_CRITERION, SPLIT_MEMBERSHIP
from testbed.layout import FloatArray

__all__ = ["Parts", "SplitClusters", "SplitRule"]

Parts: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]

# (members, their updates (num_members, num_entries), number of the round from 1) -> the two parts, as places; or None
SplitRule: TypeAlias = Callable[[tuple[int, ...], FloatArray, int], Parts | None]


class SplitClusters:
    """The clusters of one group; at first it is one cluster.

    `clusters` : the members of each, ascending; their places are the numbers of the records.
    """

    def __init__(self, fed: Federation, group: Group) -> None:
        self.clusters: list[tuple[int, ...]] = [tuple(group.members)]
        self._fed, self._group, self._round = fed, group, 0
        self._record_criterion = fed.simulation.records.open(SPLIT_CRITERION)
        self._record_member = fed.simulation.records.open(SPLIT_MEMBERSHIP)
        self._note_members(0, fed.server.version)

    def end_round(self, turn: RoundTurn, models: Sequence[FloatArray], rule: SplitRule) -> None:
        """Split clusters by `rule` and give every cluster its new model, as a version.

        Parameters
        ----------
        turn : the round, in which somebody delivered.
        models : num_delivered of (num_entries,), in the order of `turn.delivered`.
        rule : asked for every cluster of which all members delivered, in the order of their numbers.
        """
        self._round += 1
        arrived = dict(zip(turn.delivered, models, strict=True))
        for cluster in range(len(self.clusters)):
            self._decide(cluster, turn, arrived, rule)
        self._fed.server.assign(turn, dict(self._new_models(arrived)))

    def _decide(self, cluster: int, turn: RoundTurn, arrived: dict[int, FloatArray], rule: SplitRule) -> None:
        members = self.clusters[cluster]
        there = tuple(client for client in members if client in arrived)
        if not there:
            return
        updates = np.stack([arrived[client].astype(np.float64) - turn.base.vector_of(client) for client in there])
        parts = rule(members, updates, self._round) if there == members else None
        version, now_s = self._fed.server.version + 1, self._fed.simulation.now_s
        mean_norm = float(np.linalg.norm(updates.mean(axis=0)))
        max_norm = float(np.linalg.norm(updates, axis=1).max())
        self._record_criterion(
            self._round, now_s, version, cluster, len(members), len(there), mean_norm, max_norm, int(parts is not None)
        )
        if parts is not None:
            self.clusters[cluster], second = (tuple(members[place] for place in part) for part in parts)
            self.clusters.append(second)
            self._note_members(cluster, version)
            self._note_members(len(self.clusters) - 1, version)

    def _new_models(self, arrived: dict[int, FloatArray]) -> Iterator[tuple[int, FloatArray]]:
        """Yield (client, model) of every cluster of which somebody delivered; its members share the array."""
        for members in self.clusters:
            there = [client for client in members if client in arrived]
            if there:
                mean = weighted_mean([arrived[c] for c in there], self._group.weights(there))
                yield from ((client, mean) for client in members)

    def _note_members(self, cluster: int, version: int) -> None:
        for client in self.clusters[cluster]:
            self._record_member(version, self._fed.simulation.now_s, client, cluster)
