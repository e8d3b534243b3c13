"""What one round of a group passes from verb to verb: the base sent out, the results, the turn on the uplink."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.power_control.plan import ChannelState
from algorithms.worlds.group import Group
from channels.turn import Turn
from testbed.learning.jobs import EvaluationOutput, Handle, TrainingOutput

__all__ = ["Arrival", "Base", "Results", "RoundTurn", "Trained"]


_Vector: TypeAlias = npt.NDArray[np.float32]


def _whole(state: _Vector) -> _Vector:
    return state


@dataclass(frozen=True)
class Base:
    """A global model as it was sent to a group: what its members start from and an update is measured against."""

    group: Group
    version: int
    vector: npt.NDArray[np.float32]  # (num_entries,)
    arrivals: dict[int, int]  # client -> the span that brought it the model
    cause_id: int  # the span that released the broadcast
    models: Mapping[int, _Vector] = field(default_factory=dict)  # client -> what it alone was sent
    # Sent to each member where each has a delivery of its own, one number or one each; None: one model [bit]
    bits: float | Mapping[int, float] | None = None

    def vector_of(self, client: int) -> _Vector:
        """Return the model that this client was sent, `(num_entries,)`."""
        return self.models.get(client, self.vector)

    def bits_for(self, client: int, model_bits: float) -> float:
        """Return what this client is sent, if a whole model has `model_bits` [bit]."""
        if self.bits is None:
            return model_bits
        return self.bits[client] if isinstance(self.bits, Mapping) else self.bits


class Trained(NamedTuple):
    """One member's training: how and when it ended, by which span, and the handle of what it learnt."""

    client: int
    outcome: str  # completed, partial, late or lost
    ready_s: float
    span_id: int  # -1 if the model never reached the member
    handle: Handle[TrainingOutput] | None  # None if the model never reached the member
    exchanged: Callable[[_Vector], _Vector] = _whole  # what travels of a state
    validation: Handle[EvaluationOutput | None] | None = None  # of the model as it was received, if that was asked for
    choice: int | None = None  # which of several models it trained, if it had the choice

    @property
    def parameters(self) -> npt.NDArray[np.float32]:
        """What was learnt and travels, `(num_entries,)`. Reading computes every outstanding job."""
        if self.handle is None:
            raise RuntimeError(f"client {self.client} trained nothing")
        return self.exchanged(self.handle.value().parameters)

    @property
    def gradient_norm(self) -> float:
        """The norm of the last step's gradient of what travels; see `TrainingOutput`. Reading computes all outstanding.

        Raises
        ------
        RuntimeError : nothing was trained, or `gradient_norms` was not asked for.
        """
        norm = None if self.handle is None else self.handle.value().gradient_norm
        if norm is None:
            raise RuntimeError(f"client {self.client} has no gradient norm")
        return norm

    @property
    def validation_accuracy(self) -> float:
        """How good the model was as it was received; 0 where nothing is computed. Reading computes all outstanding."""
        output = None if self.validation is None else self.validation.value()
        return 0.0 if output is None else float(output.num_correct.sum() / output.num_samples.sum())


@dataclass(frozen=True)
class Arrival:
    """One client's model as it reached the server: what, from which base, by which span, and when that ended [s]."""

    client: int
    base: Base
    model: npt.NDArray[np.float32]  # (num_entries,)
    span_id: int
    time_s: float

    @property
    def update(self) -> npt.NDArray[np.float64]:
        """New minus old, `(num_entries,)`."""
        return self.model.astype(np.float64) - self.base.vector_of(self.client)


@dataclass(frozen=True)
class Results:
    """The members that trained on `base` and have something to send, by client id, and the group's last span."""

    base: Base
    trained: tuple[Trained, ...]
    cause_id: int


@dataclass
class RoundTurn:
    """A group's turn on the uplink: who is there to transmit what, over which channels.

    A context manager: leaving it frees the uplink. With nobody there, `clients` is empty and the uplink was not taken.
    """

    base: Base
    trained: tuple[Trained, ...]
    mac_turn: Turn | None = None
    channel_state: ChannelState | None = None
    delivered: list[int] = field(default_factory=list)  # clients whose signal or upload reached the server
    span_id: int = -1  # the transmission that completed the delivery
    energies_j: dict[int, float] = field(default_factory=dict)  # client -> radiated in it, in vain or not [J]
    norms: dict[int, float] = field(default_factory=dict)  # client -> norm of the signal it sent over the air

    @property
    def clients(self) -> tuple[int, ...]:
        """The members who transmit, ascending."""
        return tuple(member.client for member in self.trained)

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """The aggregation weights of the clients, summing to one."""
        return self.base.group.weights(self.clients)

    @property
    def models(self) -> list[_Vector]:
        """What each of the clients learnt, `(num_entries,)`, read-only. Reading computes every outstanding job."""
        return [member.parameters for member in self.trained]

    def __enter__(self) -> "RoundTurn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.mac_turn is not None:
            self.mac_turn.close()
