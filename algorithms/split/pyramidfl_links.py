"""PyramidFL over links: whole models, of the clients that teach most in least time, who work while they would wait.

Li, Zeng, Zhang and Cao, "PyramidFL: A Fine-grained Client Selection Framework for Efficient Federated Learning",
MobiCom 2022. It is the same selection as `pyramidfl`, on the links, machines and minibatches of split learning, with
models sent whole. Of K clients a round each trains

    tau (1 + min(10, floor(waiting_i / training_i))) steps ,      waiting_i for the slowest of the K

and the plain mean is the next model. Our choice: times are foreseen as if K clients shared the server's link.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from algorithms.selection.pyramid import ClientMemory
from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.layout import FloatArray
from testbed.settings import Part
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["PyramidflLinks"]


class PyramidflLinks(Part):
    """Whole models, selection by utility, and longer training for who would wait."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = True  # losses say whom to ask

    kind: str = "pyramidfl-links"
    num_clients: PositiveInt = 10  # K, asked in a round; our choice
    num_iterations: PositiveInt = 20  # local steps of a job, tau; our choice
    over_commit: Annotated[float, Field(ge=1)] = 1.3  # candidates over K, of whom the soonest are asked
    alpha: NonNegativeFloat = 2.0  # how slow clients lose [code]
    max_extra_jobs: Annotated[int, Field(ge=0)] = 10  # how many jobs more a client may train while it would wait [code]

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        memory, everybody, sizes = ClientMemory.empty(fed.num_clients), range(fed.num_clients), fed.workload.data_sizes
        wanted = min(self.num_clients, fed.num_clients)
        rates = np.minimum(fed.rates_bit_per_s, fed.settings.links.server_bit_per_s / wanted)
        transfers_s = 2.0 * fed.messages.model_bits / rates
        batches = fed.batch_sizes.tolist()
        flop = np.array([fed.workload.cost.flop(batch) for batch in batches])
        training_s = self.num_iterations * flop / fed.fleet.flop_per_s
        while fed.serves:
            rng = fed.simulation.stream(Purpose.SELECTION, memory.round_number)
            chosen = memory.cohort(everybody, transfers_s + training_s, wanted, self.over_commit, self.alpha, rng)
            jobs = self._jobs(transfers_s[list(chosen)], training_s[list(chosen)])
            tasks = [
                Task(clients=(c,), num_iterations=n * self.num_iterations, batch_sizes=(batches[c],), whole=True)
                for c, n in zip(chosen, jobs, strict=True)
            ]
            works = yield from fed.run_round(tasks)
            for client, work in zip(chosen, works, strict=True):
                memory.note(client, float(sizes[client]) * work.train_loss, work.update_norm)
            memory.round_number += 1
            fed.mix(works, np.full(len(works), 1.0 / len(works)))

    def _jobs(self, transfers_s: FloatArray, training_s: FloatArray) -> list[int]:
        """Return how many jobs each of a round's clients trains before the slowest would be back."""
        waiting_s = (transfers_s + training_s).max() - transfers_s - training_s
        return [
            1 + min(self.max_extra_jobs, int(wait_s / job_s))
            for wait_s, job_s in zip(waiting_s, training_s, strict=True)
        ]
