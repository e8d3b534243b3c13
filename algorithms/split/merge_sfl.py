"""MergeSFL: batches sized by speed, clients chosen by the labels they bring together, one merged batch on the top.

Liao, Xu, Xu, Wang, Huang and Qiao, "MergeSFL: Split Federated Learning with Feature Merging and Batch Size Regulation",
ICDE 2024:

    b_i = floor(b_max (mu_l + beta_l) / (mu_i + beta_i)) ,   l the fastest                         (batch regulation)
    chosen S minimises KL(sum_S b_i V_i / sum_S b_i || Phi_0) within the server's bandwidth        (genetic search)

The activations of S are one batch; the slice of its gradient that belongs to client i is scaled by sum b / b_i, so that
its bottom follows its own mean loss: with the weights b_i / sum b of the losses that is what a joint job does. Bottoms
are averaged with the same weights. Our choice: the budget is a fraction of what all clients would send, the search is
repeated every round, and times are exact.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from algorithms.split.mixed_cohort import cohort_of_closest_labels
from algorithms.split.regulated_batches import regulated_batches
from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.settings import Part
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["MergeSFL"]


class MergeSFL(Part):
    """Split learning with merged features and regulated batches."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "mergesfl"
    num_iterations: PositiveInt = 20  # of a round, tau; our choice (the authors' code has 42)
    budget_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5  # of what all clients together would send; our choice
    population: PositiveInt = 20  # of the genetic search; our choice
    generations: PositiveInt = 30  # of the genetic search; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        most = int(fed.batch_sizes.max())
        times = fed.planned_times(most, fed.server_share_bit_per_s)
        alone_s = times.alone_s(range(fed.num_clients))
        batches = np.minimum(regulated_batches(alone_s, most), fed.batch_sizes)
        while fed.serves:
            rng = fed.simulation.stream(Purpose.SELECTION, fed.server.version)
            budget = self.budget_fraction * float(batches.sum())
            chosen = cohort_of_closest_labels(fed.shares, batches, budget, self.population, self.generations, rng)
            task = Task(
                clients=chosen,
                num_iterations=self.num_iterations,
                batch_sizes=tuple(batches[list(chosen)].tolist()),
                merges=True,
            )
            works = yield from fed.run_round([task])
            fed.mix(works, [1.0])
