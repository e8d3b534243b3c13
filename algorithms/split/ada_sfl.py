"""AdaSFL: rounds as long as pays, batches by speed.

Liao et al., "AdaSFL: Adaptive Split Federated Learning", IEEE/ACM Transactions on Networking 2024:

    b_i = floor(b t_l / t_i) ,      bottoms averaged with b_i / sum b ,      the top with the server

The number of iterations of a round follows from the paper's convergence bound, whose constants could not be read. Our
choice: of a few numbers take the one that has brought the largest decrease of the training loss a second in its last
rounds; each is tried once in turn first. What a round brought is known when the next one's first minibatches are.
"""

from collections import defaultdict, deque
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from algorithms.split.regulated_batches import regulated_batches
from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["AdaSFL"]


class AdaSFL(Part):
    """Split learning with adaptive rounds and regulated batches."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = True

    kind: str = "adasfl"
    iterations: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (5, 10, 20)  # what tau is chosen from
    window_rounds: PositiveInt = 5  # rounds with a tau by which it is judged; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        most, clients = int(fed.batch_sizes.max()), tuple(range(fed.num_clients))
        alone_s = fed.planned_times(most, fed.server_share_bit_per_s).alone_s(clients)
        batches = tuple(np.minimum(regulated_batches(alone_s, most), fed.batch_sizes).tolist())
        gains: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=self.window_rounds))
        before: tuple[int, float, float] | None = None  # tau, loss at its start, and how long it took [s]
        while fed.serves:
            tau = next((t for t in self.iterations if t not in gains and (before is None or t != before[0])), None)
            if tau is None:
                tau = max(self.iterations, key=lambda t: float(np.mean(gains[t])) if gains[t] else 0.0)
            works = yield from fed.run_round([Task(clients=clients, num_iterations=tau, batch_sizes=batches)])
            (work,) = works
            if before is not None:
                last_tau, last_loss, lasted_s = before
                gains[last_tau].append((last_loss - work.train_loss) / lasted_s)
            before = tau, work.train_loss, work.end_s - work.start_s
            fed.mix(works, [1.0])
