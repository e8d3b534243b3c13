"""FedAvg over links: every client trains the whole model; the baseline that splits nothing.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017:

    w_t = sum_i (d_i / D) w_t^i

It is the same algorithm as `fedavg`, on the links, machines and minibatches of split learning, so that the two can be
compared. A round is `num_iterations` local steps.
"""

from typing import ClassVar

from pydantic import PositiveInt

from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["FedavgLinks"]


class FedavgLinks(Part):
    """Synchronous federated averaging of whole models."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "fedavg-links"
    num_iterations: PositiveInt = 20  # local steps of a round, tau; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        sizes = fed.workload.data_sizes
        tasks = [
            Task(clients=(client,), num_iterations=self.num_iterations, batch_sizes=(batch,), whole=True)
            for client, batch in enumerate(fed.batch_sizes.tolist())
        ]
        while fed.serves:
            works = yield from fed.run_round(tasks)
            fed.mix(works, sizes / sizes.sum())
