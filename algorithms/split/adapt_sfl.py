"""AdaptSFL: where to cut the model, and how many iterations to let bottoms go apart.

Lin et al., "AdaptSFL: Adaptive Split Federated Learning in Resource-constrained Edge Networks", 2024. Bottoms are
averaged every I iterations, the top is with the server and stepped at every one. In the paper's convergence bound a
larger bottom and a longer interval raise the error; its constants and its algorithm could not be read. Our choice: of
all cuts and some intervals the pair that minimises

    (t + s / I) (1 + c I^2 |w_b| / |w|)

with t what an iteration takes and s what sending bottoms takes, if the server's link is shared equally. Machines and
links do not change here, so that one choice is that of every round.
"""

import itertools
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.learning.split_model import possible_cuts
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["AdaptSFL"]


class AdaptSFL(Part):
    """Split learning with the cut and the interval that promise most."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "adaptsfl"
    intervals: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 5, 10, 20)  # what I is chosen from
    drift: NonNegativeFloat = 0.02  # c, what bottoms that go apart cost; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        choices = itertools.product(possible_cuts(fed.workload.task.model), self.intervals)
        cut, interval = min(choices, key=lambda choice: self.promised_s(fed, *choice))
        task = Task(
            clients=tuple(range(fed.num_clients)),
            num_iterations=interval,
            batch_sizes=tuple(fed.batch_sizes.tolist()),
            cut=cut,
        )
        while fed.serves:
            works = yield from fed.run_round([task])
            fed.mix(works, [1.0])

    def promised_s(self, fed: Split, cut: int, interval: int) -> float:
        """Return what an iteration takes, more the further bottoms go apart [s]."""
        share, batches = fed.server_share_bit_per_s, fed.batch_sizes
        messages, times = fed.messages_at(cut), fed.planned_times(int(batches.max()), share, cut)
        top_s = messages.halves.top.flop(int(batches.sum())) / fed.settings.server_flop_per_s
        iteration_s = float(times.alone_s(range(fed.num_clients)).max()) + top_s
        sending_s = float((2.0 * messages.bottom_bits / np.minimum(fed.rates_bit_per_s, share)).max())
        apart = self.drift * interval**2 * messages.bottom_bits / messages.model_bits
        return (iteration_s + sending_s / interval) * (1.0 + apart)
