"""A region's replica: the whole model it trains, its inner optimiser, and how far it has come."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.learning.jobs import Handle, TrainingOutput
from testbed.records import NO_CAUSE

__all__ = ["ModelVector", "Replica"]

ModelVector: TypeAlias = npt.NDArray[np.float32]


@dataclass(eq=False)
class Replica:
    """What one region holds.

    Attributes
    ----------
    region : its number, also that of its device and of its shard.
    step : inner steps done, t.
    cause_id : the span whose end released what it does next.
    computing_s : time spent on the steps since `restart_stopwatch` [s]; `steps_timed` how many those were.
    is_gone : it has left for good and takes part in nothing that has not started.
    """

    region: int
    initial: ModelVector
    step: int = 0
    cause_id: int = NO_CAUSE
    computing_s: float = 0.0
    steps_timed: int = 0
    is_gone: bool = False

    def __post_init__(self) -> None:
        self._parameters: ModelVector | None = self.initial
        self._optimizer_state: ModelVector | None = None
        self._pending: Handle[TrainingOutput] | None = None

    @property
    def entity(self) -> str:
        """How the records name it."""
        return f"device-{self.region}"

    @property
    def parameters(self) -> ModelVector:
        """Its model now, (num_entries,) float32, read-only; computes what is outstanding if need be."""
        self._read()
        assert self._parameters is not None
        return self._parameters

    @parameters.setter
    def parameters(self, vector: npt.NDArray[np.floating]) -> None:
        self._read()  # the inner optimiser's state goes on from the steps that were made
        self._parameters = np.asarray(vector, dtype=np.float32)
        self._parameters.setflags(write=False)

    @property
    def optimizer_state(self) -> ModelVector | None:
        """The state of its inner optimiser, (num_state,) float32; None before the first step. It never travels."""
        self._read()
        return self._optimizer_state

    def follow(self, handle: Handle[TrainingOutput], num_steps: int) -> None:
        """Take over what `num_steps` more steps will have made of it; nothing is computed yet."""
        self._pending = handle
        self.step += num_steps
        self.steps_timed += num_steps

    def lap_s(self) -> float:
        """Return the mean time of a step since this was last asked [s]; 0 if there was none."""
        mean_s = self.computing_s / self.steps_timed if self.steps_timed else 0.0
        self.computing_s, self.steps_timed = 0.0, 0
        return mean_s

    def _read(self) -> None:
        if self._pending is not None:
            output, self._pending = self._pending.value(), None
            self._parameters, self._optimizer_state = output.parameters, output.optimizer_state
