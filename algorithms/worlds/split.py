"""Split federated learning: a server, devices, links between all of them - and the verbs of its methods.

In the paper's order: `train_cluster` lets a cluster's bottoms and top, wherever that is hosted, train for some
iterations; `train_alone` lets a client train the whole model; `run_round` does so for all of a round at once; `mix`
makes the next version. Every message is a flow of its own, of the bits that its codec needs, and every half's work is
charged to the machine that holds it. What is learnt is one joint job a cluster.

A round ends with its slowest cluster. Devices do not go away in this world.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
import simpy

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.split.cluster_times import FloatArray, PlannedTimes
from algorithms.split.label_mix import label_shares
from algorithms.worlds.group import Group
from algorithms.worlds.round import Base, RoundTurn
from algorithms.worlds.rows import CLIENT
from algorithms.worlds.server import Server
from algorithms.worlds.split_rows import CLUSTER
from algorithms.worlds.split_settings import SplitSettings
from algorithms.worlds.split_task import Task, Work
from algorithms.worlds.split_work import SplitWork
from channels.wan.network import Network
from testbed.devices.availability import Absences, AlwaysAvailable
from testbed.devices.fleet import Fleet
from testbed.errors import RequestError
from testbed.learning.workload import Workload
from testbed.records import TRAINING
from testbed.simulation import Process, Simulation
from testbed.streams import Purpose

__all__ = ["Split"]

FLOAT32_BITS: Final = 32.0


class Split(SplitWork):
    """The world of split learning; a client's id is its device's, and the server's is `server_id`."""

    Settings: ClassVar = SplitSettings

    def __init__(self, simulation: Simulation, workload: Workload, settings: SplitSettings) -> None:
        optimizer, count = workload.task.optimizer, settings.devices.count
        if optimizer.kind != "sgd" or optimizer.momentum or optimizer.weight_decay or optimizer.clip_norm is not None:
            raise RequestError("training: split learning steps by plain sgd, without momentum, decay of weights, clip")
        self.simulation, self.workload, self.settings = simulation, workload, settings
        absences = Absences(AlwaysAvailable(), (), count, simulation.stream, simulation.horizon_s)
        self.fleet = Fleet(simulation, settings.devices, absences)
        links = settings.links
        drawn = simulation.stream(Purpose.BANDWIDTH, 0).random(count)
        self.rates_bit_per_s: FloatArray = links.slowest_bit_per_s + drawn * (
            links.fastest_bit_per_s - links.slowest_bit_per_s
        )
        self.network = Network(simulation, links.network(self.rates_bit_per_s), count + 1)
        self.server = Server(simulation, workload.initial_state, workload.watch)
        self._messages = {}
        self.messages = self.messages_at(None)
        self.shares = label_shares(workload.label_histograms)
        self._everybody = Group(0, tuple(range(count)), workload.data_sizes)
        self._server_queue = simpy.Resource(simulation.env)
        self._server_last = -1
        self._record_training = simulation.records.open(TRAINING)
        self._record_cluster = simulation.records.open(CLUSTER)
        self._num_jobs = [0] * count

    def start(self) -> None:
        """Publish the initial model and let the method start its processes."""
        record = self.simulation.records.open(CLIENT)
        for client, size in enumerate(self.workload.data_sizes.tolist()):
            distance, speed = float(self.workload.label_distances[client]), float(self.fleet.flop_per_s[client])
            record(client, size, distance, self.fleet.profile_name, speed)
        self.server.publish()
        self.settings.algorithm.start(self)

    def close(self) -> None:
        """Settle the accounts of machines and links when the run is over."""
        self.fleet.close(self.simulation.now_s)
        self.network.close(self.simulation.now_s)

    # -- facts -----------------------------------------------------------------------------------------------------

    @property
    def num_clients(self) -> int:
        """How many clients there are."""
        return len(self.fleet)

    @property
    def serves(self) -> bool:
        """Whether the run goes on."""
        return not self.simulation.finished

    @property
    def batch_sizes(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Samples of each client's minibatch as the scenario states it, `(num_clients,)`."""
        return np.array([self.workload.plan.width(int(size)) for size in self.workload.data_sizes], dtype=np.int64)

    def planned_times(self, batch: int, bottom_rate_bit_per_s: float, cut: int | None = None) -> PlannedTimes:
        """Return what the server knows of the clients' times with minibatches of `batch` samples.

        `bottom_rate_bit_per_s` : b, at most what one bottom takes of its host's way in.
        `cut` : where the model is cut; None: the scenario's.
        """
        speed, rates, messages = self.fleet.flop_per_s, self.rates_bit_per_s, self.messages_at(cut)
        bits = messages.at_cut_bits(batch)
        return PlannedTimes(
            bottom_s=messages.halves.bottom.flop(batch) / speed,
            top_s=messages.halves.top.flop(batch) / speed,
            exchange_s=2.0 * bits / np.minimum(rates, bottom_rate_bit_per_s),
            model_s=2.0 * messages.model_bits / rates,
            capacity=np.maximum(1, np.floor(rates / bottom_rate_bit_per_s)).astype(np.int64),
        )

    @property
    def server_share_bit_per_s(self) -> float:
        """What of the server's link is a client's if all use it at once [bit/s]."""
        return self.settings.links.server_bit_per_s / self.num_clients

    # -- a round ---------------------------------------------------------------------------------------------------

    def run_round(self, tasks: Sequence[Task]) -> Process:
        """Let every cluster of a round, or every client that trains alone, do its task; return their `Work`, in order.

        It returns when the slowest is back at the server.
        """
        cause_id = self.server.cause_id
        works = [
            self.simulation.start(self._carry_out(number, task, cause_id), f"cluster {number}")
            for number, task in enumerate(tasks)
        ]
        done: list[Work] = []
        for work in works:
            done.append((yield work))
        return done

    def mix(self, works: Sequence[Work], weights: Sequence[float] | FloatArray) -> None:
        """Make the next version: the weighted mean of what a round's clusters learnt. `weights` sum to one."""
        models = np.stack([work.parameters for work in works])
        base = Base(self._everybody, self.server.version, self.server.vector, {}, self.server.cause_id)
        last = max(works, key=lambda work: work.end_s)
        clients = sorted({client for work in works for client in work.task.clients})
        turn = RoundTurn(base, (), delivered=clients, span_id=last.span_id)
        self.server.mix(turn, weighted_mean(models, np.asarray(weights)), weight=1.0)
