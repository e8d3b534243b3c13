"""SplitFed: every client holds a bottom, the server the top; a round is tau iterations and an average.

Thapa et al., "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022. Three ways to hold the top:

    copies       v1: one top a client, trained side by side, averaged like the bottoms every round
    sequential   v2: one top, stepped by the clients' batches one after another in random order
    shared       one top, stepped once an iteration on the mean gradient: what most papers call SFL

Bottoms are averaged, weighted by the samples of a client's batch. Deviation, our choice: a round has `num_iterations`
iterations instead of an epoch, as in the methods it is compared with.
"""

from typing import ClassVar

from pydantic import PositiveInt

from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.learning.kernels.joint_job import TopRule
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["SplitFed"]


class SplitFed(Part):
    """Split learning with the server."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "splitfed"
    top: TopRule = "shared"  # one for all, stepped once an iteration or client by client, or a copy for each
    num_iterations: PositiveInt = 20  # of a round, tau; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        clients, batches = tuple(range(fed.num_clients)), tuple(fed.batch_sizes.tolist())
        task = Task(clients=clients, num_iterations=self.num_iterations, batch_sizes=batches, top=self.top)
        while fed.serves:
            works = yield from fed.run_round([task])
            fed.mix(works, [1.0])
