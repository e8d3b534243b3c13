"""The server: the global model, its versions and the rules by which what arrives enters it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.aggregation.mixing import mixed
from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.worlds.group import Group
from algorithms.worlds.round import Arrival, RoundTurn
from algorithms.worlds.rows import CONTRIBUTION, VERSION
from testbed.layout import FloatArray
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

__all__ = ["Server"]

ModelVector: TypeAlias = npt.NDArray[np.float32]


class Server:
    """Holds the global model w_t, `(num_entries,)` float32, and counts its versions t.

    `watch(version, time_s, vector)` is told of every version, the initial one included, and, once clients have models
    of their own, of these as well: `watch(version, time_s, vector, models=models)`.
    """

    def __init__(self, simulation: Simulation, initial: ModelVector, watch: Callable[..., None]) -> None:
        self._simulation = simulation
        self._append = simulation.records.open(VERSION)
        self._record_contribution = simulation.records.open(CONTRIBUTION)
        self._watch = watch
        self.vector = initial
        self.models: dict[int, ModelVector] = {}  # client -> the model that is its own, where clients have such
        self.version = 0
        self._made_by, self._made_s = NO_CAUSE, -math.inf  # the span whose end made the current version, and when

    @property
    def cause_id(self) -> int:
        """The span whose end made the current version, if that was at this instant; else no cause."""
        return self._made_by if self._made_s == self._simulation.now_s else NO_CAUSE

    def publish(self) -> None:
        """Make the current version known."""
        further = {"models": dict(self.models)} if self.models else {}
        self._watch(self.version, self._simulation.now_s, self.vector, **further)

    def assign(self, turn: RoundTurn, models: Mapping[int, FloatArray]) -> None:
        """Advance to a version in which these clients have models of their own; the others keep theirs.

        The global model becomes the mean of the group's models, weighted by the members' samples: what a newcomer would
        be given, and a point of reference for the record. A member without a model of its own has the global one.

        Parameters
        ----------
        turn : the round that made them, for the record.
        models : client -> its model, (num_entries,), any float type, rounded once. Clients who share an array share a
            model: it is then one broadcast.
        """
        rounded: dict[int, ModelVector] = {}
        for model in models.values():
            rounded.setdefault(id(model), model.astype(np.float32))
        self.models |= {client: rounded[id(model)] for client, model in models.items()}
        group, before = turn.base.group, self.vector.astype(np.float64)
        own = [self.models.get(client, self.vector) for client in group.members]
        mean = weighted_mean(own, group.weights(group.members))
        self._advance(
            mean,
            group,
            turn.base.version,
            len(turn.delivered),
            1.0,
            float(np.linalg.norm(mean - before)),
            0.0,
            turn.span_id,
            self._simulation.now_s,
        )

    def mix(self, turn: RoundTurn, group_model: FloatArray, weight: float) -> None:
        """Advance to w_t = (1 - weight) w_(t-1) + weight * group_model, with w_(t-1) the model of this instant.

        Parameters
        ----------
        turn : the round that delivered it, for the record.
        group_model : (num_entries,), any float type; the sum is taken in float64 and rounded once.
        weight : in (0, 1]; 1 replaces the model.

        Raises
        ------
        ValueError : a weight outside (0, 1].
        """
        if not 0.0 < weight <= 1.0:
            raise ValueError(f"mixing weight must be in (0, 1], got {weight}")
        vector, progress_norm, pull_back_norm = mixed(self.vector, group_model, turn.base.vector, weight)
        self._advance(
            vector,
            turn.base.group,
            turn.base.version,
            len(turn.delivered),
            weight,
            progress_norm,
            pull_back_norm,
            turn.span_id,
            self._simulation.now_s,
        )

    def mix_arrivals(self, group: Group, arrivals: Sequence[Arrival]) -> None:
        """Advance to w_t = (1 - A) w_(t-1) + sum_i alpha_i w^i with A = sum_i alpha_i, alpha_i = d_i / D.

        Parameters
        ----------
        group : of which the arrivals' clients are members.
        arrivals : at least one, of distinct clients, with bases of any age; summed in the order of clients.
        """
        arrivals = sorted(arrivals, key=lambda arrival: arrival.client)
        clients = [arrival.client for arrival in arrivals]
        shares, total = np.array([group.share_of([client]) for client in clients]), group.share_of(clients)
        mean = weighted_mean([arrival.model for arrival in arrivals], shares)
        before = self.vector.astype(np.float64)
        pulled = np.stack([before - arrival.base.vector for arrival in arrivals])
        self._advance(
            (1.0 - total) * before + total * mean,
            group,
            min(arrival.base.version for arrival in arrivals),
            len(arrivals),
            total,
            float(np.linalg.norm(shares @ np.stack([arrival.update for arrival in arrivals]))),
            float(np.linalg.norm(shares @ pulled)),
            *self._collect(arrivals, shares),
        )

    def add_updates(self, group: Group, arrivals: Sequence[Arrival], weights: npt.NDArray[np.float64]) -> None:
        """Advance to w_t = w_(t-1) + sum_i a_i (w^i - base_i); nothing is pulled back.

        Parameters
        ----------
        group : of which the arrivals' clients are members.
        arrivals : at least one; a client may be among them more than once.
        weights : (num_arrivals,) a_i > 0; they need not sum to one.
        """
        if len(arrivals) == 0 or len(arrivals) != len(weights) or not (weights > 0).all():
            raise ValueError(f"need one positive weight per arrival and at least one, got {weights}")
        step = weights @ np.stack([arrival.update for arrival in arrivals])
        self._advance(
            self.vector.astype(np.float64) + step,
            group,
            min(arrival.base.version for arrival in arrivals),
            len(arrivals),
            float(weights.sum()),
            float(np.linalg.norm(step)),
            0.0,
            *self._collect(arrivals, weights),
        )

    def _collect(self, arrivals: Sequence[Arrival], weights: npt.NDArray[np.float64]) -> tuple[int, float]:
        """Record what each contributes to the version about to be made; return the last one's span and its end [s]."""
        for arrival, weight in zip(arrivals, weights.tolist(), strict=True):
            base_version = arrival.base.version
            staleness = self.version - base_version
            self._record_contribution(
                self.version + 1, arrival.client, base_version, staleness, weight, arrival.span_id
            )
        last = max(arrivals, key=lambda arrival: arrival.time_s)
        return last.span_id, last.time_s

    def _advance(
        self,
        vector: FloatArray,
        group: Group,
        base_version: int,
        num_active: int,
        weight: float,
        progress_norm: float,
        pull_back_norm: float,
        span_id: int,
        delivered_s: float,
    ) -> None:
        staleness = self.version - base_version
        self.vector = vector.astype(np.float32, copy=False)
        self.version += 1
        self._made_by, self._made_s = span_id, self._simulation.now_s
        if delivered_s < self._made_s:  # the server had hoped for more
            self._made_by = self._simulation.records.span("server", "wait", delivered_s, self._made_s, span_id)
        self._append(
            self.version,
            self._simulation.now_s,
            group.index,
            base_version,
            staleness,
            num_active,
            len(group.members),
            weight,
            progress_norm,
            pull_back_norm,
            span_id,
        )
        self.publish()
