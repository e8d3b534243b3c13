"""A joint job: several clients' steps that depend on each other, one value.

In split learning a client holds the bottom of a model, and what it sends at the cut is trained on by a top that others
share. So a cluster's steps cannot be computed client by client: all of them, over all iterations of a round, are one
job, pure as any other. Its messages are the business of a world, which times them by their sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.learning.split_model import cut_in_two
from testbed.learning.task import LearningTask, State

__all__ = ["JointJob", "JointOutput", "TopRule", "WireCodec"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

# One top steps on the weighted mean gradient; one steps client by client; or everybody has a top of its own.
TopRule: TypeAlias = Literal["shared", "sequential", "copies"]


class WireCodec(Protocol):
    """How activations and gradients are written for a link; `channels.codecs` has them."""

    def encode(self, vector: Any, tensors: Sequence[slice]) -> Any:
        """Return the encoding of `vector : (num_entries,)`; it has `bits`."""
        ...

    def decode(self, encoded: Any) -> npt.NDArray[np.float32]:
        """Return what the receiver makes of it, (num_entries,)."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class JointJob:
    """The iterations of one cluster in one round, fixed at the moment they start.

    Attributes
    ----------
    task : what is trained, by plain SGD.
    cut : how many modules of the model are its bottom.
    clients : who holds a bottom, in the order of all that follows.
    index : how-manieth job of the first of them.
    base_version : the global version it starts from.
    parameters : (num_entries,) float32, that version's state, in which all start; made read-only.
    samples : (num_steps, num_clients, width) int64, minibatches as indices into the training set, padded on the right.
    counts : (num_clients,) int64, how many samples of each of a client's rows are valid.
    learning_rate : of all steps, bottoms and top.
    top : who steps the top, and when.
    top_weights : (num_clients,) of the clients' losses in the objective of a shared top; they sum to one.
    mean_weights : (num_clients,) of the clients' bottoms (and tops, if they have copies) in the result; sum to one.
    codec : what activations and gradients pass on their way.
    orders : (num_steps, num_clients) int64, positions of clients in the order in which a sequential top takes them.
    mixing : (num_steps, num_clients) m in [0, 1]: a shared top learns besides, with equal weight, from m s_i +
        (1 - m) s_j, j the next client, and labels mixed alike (LocFedMix-SL); None: it does not.
    local_weights : of the reconstruction of the inputs and of the classification in a loss of each client's own, made
        by linear heads on its activations that start from zero; no message is needed for it.
    """

    task: LearningTask
    cut: int
    clients: tuple[int, ...]
    index: int
    base_version: int
    parameters: State
    samples: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    learning_rate: float
    top: TopRule
    top_weights: FloatArray
    mean_weights: FloatArray
    codec: WireCodec
    orders: npt.NDArray[np.int64] | None = None
    mixing: FloatArray | None = None
    local_weights: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        num_clients, traits = len(self.clients), self.task.traits
        cut_in_two(self.task.model, self.cut)
        plain = self.task.optimizer.is_plain and not (self.task.optimizer.momentum or self.task.optimizer.weight_decay)
        if not plain or self.task.is_language or self.task.is_personal or traits.draws or traits.changes_buffers:
            raise ValueError(
                "a joint job needs plain SGD of a model that is wholly exchanged, draws nothing and changes no buffers"
            )
        if self.parameters.dtype != np.float32 or self.parameters.shape != (self.task.layout.size,):
            raise ValueError(f"parameters must be float32 ({self.task.layout.size},), got {self.parameters.shape}")
        if self.samples.ndim != 3 or self.samples.shape[1] != num_clients or min(self.samples.shape) < 1:
            raise ValueError(f"samples must be (num_steps, {num_clients}, width), got {self.samples.shape}")
        if self.counts.shape != (num_clients,) or not 1 <= self.counts.min() <= self.counts.max() <= self.width:
            raise ValueError(f"each client needs 1 to {self.width} valid samples a step, got {self.counts}")
        for weights in (self.top_weights, self.mean_weights):
            if weights.shape != (num_clients,) or weights.min() < 0 or not np.isclose(weights.sum(), 1.0):
                raise ValueError(f"the weights of {num_clients} clients must be at least 0 and sum to 1, got {weights}")
        if (self.top == "sequential") != (self.orders is not None):
            raise ValueError("orders belong to a sequential top, which needs them")
        if self.mixing is not None and self.top != "shared":
            raise ValueError("only a shared top learns from mixed activations")
        self.parameters.setflags(write=False)

    @property
    def client(self) -> int:
        """Whose job it is, where one name must do: the first client's."""
        return self.clients[0]

    @property
    def num_steps(self) -> int:
        """Iterations."""
        return len(self.samples)

    @property
    def width(self) -> int:
        """Columns of the minibatches."""
        return int(self.samples.shape[2])

    @property
    def num_samples(self) -> int:
        """Samples that all steps of all clients visit together: what the job's cost is proportional to."""
        return self.num_steps * int(self.counts.sum())


@dataclass(frozen=True, eq=False)
class JointOutput:
    """What a cluster learnt.

    Attributes
    ----------
    parameters : (num_entries,) float32, read-only: mean bottom and (mean) top.
    train_loss : weighted mean loss of the first iteration's minibatches before the first step [nat].
    update_norm : Euclidean norm of new minus old.
    bits : (num_clients,) what each client's activations and their gradients were encoded in, all iterations together
        [bit].
    """

    parameters: State
    train_loss: float
    update_norm: float
    bits: FloatArray
