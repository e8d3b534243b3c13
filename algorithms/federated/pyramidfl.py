"""PyramidFL: ask the clients that teach most in least time, and let each send and work as its usefulness allows.

Li, Zeng, Zhang and Cao, "PyramidFL: A Fine-grained Client Selection Framework for Efficient Federated Learning",
MobiCom 2022, after its public code. Round t asks K clients: some never asked before at random, the others by utility

    U_i = (reward_i - min) / (max - min) + sqrt(0.1 ln t / last_i)     times (T_pref / T_i)^alpha   if T_i > T_pref

with reward_i = n_i times its last training loss, last_i its last round and T_i the time its round takes. Of the K, rank
by the size of the last update: the k-th leaves out a fraction 0.1 + (0.6 - 0.1) k / K of its *tensors*, at random; who
would wait for the slowest trains longer, up to ten times its job more.

Deviations, our choice: over-commitment is resolved beforehand, the K soonest of ceil(1.3 K) by foreseen times, rather
than by dropping who comes last; a job counts as one epoch; the clip of rewards is their 95th percentile, T_pref the
median of all T_i, exploration falls from 0.9 by 0.98 a round to 0.2, as in Oort; the model goes down in full precision.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeFloat, PositiveInt

from algorithms.compression.packing import plain_packets, step_along_mean
from algorithms.grouping.single import SingleGroup
from algorithms.selection.pyramid import ClientMemory
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Answers, Order
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.whole_tensors import WholeTensors
from testbed.layout import FloatArray
from testbed.settings import Part
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["Pyramidfl"]

_Dropped = Annotated[float, Field(ge=0, lt=1)]


class Pyramidfl(Part):
    """Selection by utility, dropout of tensors by rank, and longer training for who would wait."""

    reads_trained_values: ClassVar[bool] = True  # losses say whom to ask

    kind: str = "pyramidfl"
    num_clients: PositiveInt = 10  # K, asked in a round; our choice
    over_commit: Annotated[float, Field(ge=1)] = 1.3  # candidates over K, of whom the soonest are asked
    alpha: NonNegativeFloat = 2.0  # how slow clients lose [code]
    min_dropped: _Dropped = 0.1  # of the tensors, by the most useful client [code]
    max_dropped: _Dropped = 0.6  # of the tensors, by the least useful client [code]
    max_extra_jobs: Annotated[int, Field(ge=0)] = 10  # how many jobs more a client may train while it would wait [code]

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        memory = ClientMemory.empty(len(fed.fleet))
        while fed.serves(group):
            base = yield from fed.send_packets(
                group,
                lambda present: self._choose(fed, memory, present),
                lambda asked: plain_packets(fed, dict.fromkeys(asked, Fp32Codec())),
            )
            answers = yield from fed.train_and_answer(base, self._orders(fed, memory, sorted(base.arrivals)))
            step_along_mean(fed, answers)
            self._remember(fed, memory, answers)

    def _choose(self, fed: Federation, memory: ClientMemory, present: Sequence[int]) -> tuple[int, ...]:
        rng = fed.simulation.stream(Purpose.SELECTION, memory.round_number)
        transfers_s, training_s = self._foresee_s(fed, list(range(len(fed.fleet))))
        return memory.cohort(present, transfers_s + training_s, self.num_clients, self.over_commit, self.alpha, rng)

    def _orders(self, fed: Federation, memory: ClientMemory, clients: list[int]) -> dict[int, Order]:
        usefulness = np.nan_to_num(memory.norms, nan=np.inf)
        ranks = {client: place for place, client in enumerate(sorted(clients, key=lambda c: -usefulness[c]))}
        transfers_s, training_s = self._foresee_s(fed, clients)
        waiting_s = (transfers_s + training_s).max(initial=0.0) - transfers_s - training_s
        orders = {}
        for at, client in enumerate(clients):
            dropped = self.min_dropped + (self.max_dropped - self.min_dropped) * ranks[client] / len(clients)
            rng = fed.simulation.stream(Purpose.SELECTION, memory.round_number, client)
            kept = tuple((rng.random(len(fed.tensors)) >= dropped).tolist())
            jobs = 1 + min(self.max_extra_jobs, int(waiting_s[at] / training_s[at]))
            steps = jobs * fed.workload.plan.num_steps(int(fed.workload.data_sizes[client]))
            orders[client] = Order(WholeTensors(fed.tensors, kept), local_steps=steps)
        return orders

    def _foresee_s(self, fed: Federation, clients: list[int]) -> tuple[npt.NDArray[np.float64], FloatArray]:
        """Return what the transfers and one job of each take as everything stands [s]."""
        whole = np.full(len(clients), fed.payload_bits)
        transfers_s, _ = fed.foresee_members(clients, whole, whole)
        return transfers_s, fed.fleet.training_time_s(fed.workload.job_flop)[clients]

    def _remember(self, fed: Federation, memory: ClientMemory, answers: Answers) -> None:
        for member in answers.trained:
            assert member.handle is not None
            output = member.handle.value()
            reward = fed.workload.data_sizes[member.client] * output.train_loss
            memory.note(member.client, reward, output.update_norm)
        memory.round_number += 1
