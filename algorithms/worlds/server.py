"""The server: the global model, its versions and the rule by which a group model enters it."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.worlds.round import RoundTurn
from algorithms.worlds.rows import VERSION
from testbed.layout import FloatArray
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

__all__ = ["Server"]

ModelVector: TypeAlias = npt.NDArray[np.float32]


class Server:
    """Holds the global model w_t, `(num_entries,)` float32, and counts its versions t.

    `watch(version, time_s, vector)` is told of every version, the initial one included.
    """

    def __init__(
        self, simulation: Simulation, initial: ModelVector, watch: Callable[[int, float, ModelVector], None]
    ) -> None:
        self._simulation = simulation
        self._append = simulation.records.open(VERSION)
        self._watch = watch
        self.vector = initial
        self.version = 0
        self.cause_id = NO_CAUSE  # the span whose end made the current version

    def publish(self) -> None:
        """Make the current version known."""
        self._watch(self.version, self._simulation.now_s, self.vector)

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
        before = self.vector.astype(np.float64)
        base = turn.base.vector.astype(np.float64)
        self.vector = ((1.0 - weight) * before + weight * group_model).astype(np.float32)
        staleness = self.version - turn.base.version
        self.version += 1
        self.cause_id = turn.span_id
        self._append(
            self.version,
            self._simulation.now_s,
            turn.base.group.index,
            turn.base.version,
            staleness,
            len(turn.delivered),
            len(turn.base.group.members),
            weight,
            weight * float(np.linalg.norm(group_model - base)),
            weight * float(np.linalg.norm(before - base)),
            turn.span_id,
        )
        self.publish()
