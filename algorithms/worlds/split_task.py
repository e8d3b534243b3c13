"""What a cluster of split learning is told at the start of a round, and what has become of it at the end."""

from dataclasses import dataclass

import numpy as np

from algorithms.split.cluster_times import FloatArray
from algorithms.worlds.server import ModelVector
from testbed.learning.jobs import Handle, JointOutput
from testbed.learning.kernels.joint_job import TopRule

__all__ = ["Task", "Work"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a cluster is told at the start of a round.

    Attributes
    ----------
    clients : who trains: holders of a bottom, ascending, or the one client that trains alone.
    num_iterations : tau_c.
    batch_sizes : samples of each one's minibatches, no more than it has.
    host : the device that hosts the top; None: the server.
    whole : whether the one client trains the whole model and nothing is split.
    cut : after how many modules the model is cut; None: the scenario's cut.
    top : who steps the top; see `JointJob`.
    merges : whether the host waits for everybody's activations and trains on them as one batch.
    mixing_concentration : alpha of Beta(alpha, alpha), by which the host mixes activations; 0: it does not.
    local_weights : of the clients' own loss; see `JointJob`.
    """

    clients: tuple[int, ...]
    num_iterations: int
    batch_sizes: tuple[int, ...]
    host: int | None = None
    whole: bool = False
    cut: int | None = None
    top: TopRule = "shared"
    merges: bool = False
    mixing_concentration: float = 0.0
    local_weights: tuple[float, float] = (0.0, 0.0)

    @property
    def batch_weights(self) -> FloatArray:
        """Each one's share of the samples of an iteration."""
        return np.array(self.batch_sizes, dtype=np.float64) / sum(self.batch_sizes)


@dataclass(frozen=True)
class Work:
    """A task that is done: what was learnt, by which span the server had it, and when [s]."""

    task: Task
    handle: Handle[JointOutput]
    span_id: int
    start_s: float
    end_s: float

    @property
    def parameters(self) -> ModelVector:
        """What was learnt, (num_entries,). Reading computes every outstanding job."""
        return self.handle.value().parameters

    @property
    def train_loss(self) -> float:
        """The mean loss of the first minibatches, before the first step [nat]. Reading computes all outstanding."""
        return self.handle.value().train_loss

    @property
    def update_norm(self) -> float:
        """The Euclidean norm of what was learnt minus what was sent. Reading computes every outstanding job."""
        return self.handle.value().update_norm
