"""The federation: one server, its clients, one radio cell - and the verbs in which a method is written.

A method's processes say, in the paper's order: `broadcast` a model to a group, `train` it there, `take_turn` on the
uplink, transmit (`over_the_air` or `upload`, in `uploads.py`), `server.mix` the result. Each verb is a SimPy generator
that waits the modelled time, keeps the records, and passes on which span released which.

Absence: a member that is away at the broadcast sits the round out; one that leaves while computing pauses (or as
`devices.on_loss` says); one that is away when its group transmits is left out and the weights are renormalised. Each
is a row of `participation`. A member that is there and not chosen is not left out and has no row.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from algorithms.grouping.problem import Grouping, GroupingProblem
from algorithms.schedules.magic_mirror import RoundTimes
from algorithms.worlds.algorithm import Algorithm
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Packets
from algorithms.worlds.participation import Choice
from algorithms.worlds.release import Releases
from algorithms.worlds.round import Base
from algorithms.worlds.rows import AGGREGATION, CLIENT, GROUP, MEMBERSHIP, PARTICIPATION
from algorithms.worlds.server import ModelVector, Server
from algorithms.worlds.settings import FederationSettings
from channels.cell import Cell
from testbed.devices.availability import Absences
from testbed.devices.fleet import Fleet
from testbed.errors import RequestError
from testbed.index import index_of
from testbed.layout import FloatArray
from testbed.learning.evaluation import NO_MODELS
from testbed.learning.metrics import client_accuracies
from testbed.learning.workload import Workload
from testbed.records import NO_CAUSE, TRAINING
from testbed.simulation import Process, Simulation
from testbed.streams import Purpose

__all__ = ["Choice", "Federation"]

FLOAT32_BITS = 32


class Federation(Packets):
    """The world of a server and its clients; groups are numbered, a client's id is its device's."""

    Settings: ClassVar = FederationSettings

    def __init__(self, simulation: Simulation, workload: Workload, settings: FederationSettings) -> None:
        self.simulation = simulation
        self.workload = workload
        self.algorithm: Algorithm = settings.algorithm
        if getattr(self.algorithm, "has_own_models", False) and workload.splits is None:
            raise RequestError(
                f"algorithm {settings.algorithm.kind}: clients have models of their own, so each must be tested on "
                f"samples of its own, and {workload.data.name!r} has one test set for all: set data.client_split"
            )
        devices, channel = settings.devices, settings.channel
        self.absences = Absences(
            settings.availability, settings.fault, devices.count, simulation.stream, simulation.horizon_s
        )
        self.fleet = Fleet(simulation, devices, self.absences)
        self.cell = Cell(
            simulation,
            channel.uplink,
            channel.downlink,
            devices.count,
            workload.num_entries,
            self.absences,
            workload.data_dir,
        )
        workload.add_sources(self.cell.sources)
        self.one_by_one = channel.downlink.one_by_one
        self.server = Server(simulation, workload.initial_state, workload.watch)
        self._releases = Releases(simulation, self.server)
        self.payload_bits = float(FLOAT32_BITS * workload.num_entries)
        self._record_training = simulation.records.open(TRAINING)
        self._record_aggregation = simulation.records.open(AGGREGATION)
        self._record_participation = simulation.records.open(PARTICIPATION)

    def start(self) -> None:
        """Publish the initial model and let the method start its processes."""
        clients, speeds = np.arange(len(self.fleet)), self.fleet.flop_per_s
        of_data = (self.workload.data_sizes, self.workload.label_distances)
        self.simulation.records.extend(CLIENT, clients, *of_data, self.fleet.profile_name, speeds)
        self.server.publish()
        self.algorithm.start(self)

    def close(self) -> None:
        """Settle the devices' accounts when the run is over."""
        self.fleet.close(self.simulation.now_s)

    def form_groups(self, grouping: Grouping, upload_s: float | None = None) -> list[Group]:
        """Return the groups that `grouping` makes of the clients by speed, data and channel, and record them.

        `upload_s` : what a group's upload adds to its period, as planned [s]; None: the airtime of a superposition.
        """
        workload, upload_s = self.workload, self.cell.airtime_s if upload_s is None else upload_s
        training_s = self.fleet.training_time_s(workload.job_flop)
        sizes, histograms = (
            workload.data_sizes.astype(np.float64),
            workload.label_histograms.astype(np.float64),
        )
        histograms *= (sizes / histograms.sum(axis=1))[:, None]  # by tokens of language; else times one
        gains = self.cell.mean_power_gains(np.arange(len(sizes)))
        problem = GroupingProblem(training_s, sizes, histograms, upload_s, gains)
        record_group = self.simulation.records.open(GROUP)
        shares = workload.data_sizes / workload.data_sizes.sum()
        groups = []
        for index, members in enumerate(grouping.partition(problem, self.simulation.stream(Purpose.GROUPING))):
            members = members if isinstance(members, range) else tuple(sorted(members))
            group, those = Group(index, members, workload.data_sizes), index_of(members)
            slowest_s = float(training_s[those].max())
            distance = workload.label_distance_of(group.members)
            record_group(index, len(members), group.share_of(group.members), distance, slowest_s + upload_s)
            columns = (workload.data_sizes[those], shares[those], training_s[those])
            self.simulation.records.extend(MEMBERSHIP, index, np.asarray(members), *columns)
            groups.append(group)
        return groups

    def serves(self, group: Group) -> bool:
        """Return whether the run goes on and somebody of the group is there or will be."""
        now_s = self.simulation.now_s
        gone = self.absences.is_gone_for_good
        return not self.simulation.finished and not all(gone(client, now_s) for client in group.members)

    def broadcast(
        self,
        group: Group,
        choose: Choice | None = None,
        *,
        models: Mapping[int, ModelVector] = NO_MODELS,
        num_models: int = 1,
        extra_bits: float = 0.0,
    ) -> Process:
        """Send the current global model to members who are there (waiting for the first); return the `Base`.

        `choose` is given those who are there and returns whom to ask, in the order of delivery; None asks them all.
        `models` : client -> the model to send it instead, (num_entries,). Sent to all at once, each model that is not
        the same array as another is one payload.
        `num_models` : how many models each member is sent: one of `models` or the global one, which is what it starts
        from, and others that are the same for all.
        `extra_bits` : what goes with what a member starts from [bit].
        """
        cause_id, asked = yield from self._ask(group, choose)
        version, vector = self.server.version, self.server.vector
        arrivals: dict[int, int] = dict.fromkeys(asked, cause_id)
        if not self.one_by_one:
            num_starts = len({id(models.get(client, vector)) for client in asked})
            together_bits = (num_starts + num_models - 1) * self.payload_bits + num_starts * extra_bits
            deliveries = yield from self.cell.send_down(asked, together_bits, cause_id)
            arrivals = {client: span_id for client, (span_id, _) in deliveries.items()}
        meant = {client: models[client] for client in asked if client in models}
        return Base(group, version, vector, arrivals, cause_id, meant, num_models * self.payload_bits + extra_bits)

    def stay_apart(self, group: Group) -> Process:
        """Return the `Base` of a round for which nothing is sent: members who are there go on with their own models."""
        cause_id, present = yield from self._ask(group)
        own = {client: self.server.models.get(client, self.server.vector) for client in present}
        arrivals = dict.fromkeys(present, cause_id)
        return Base(group, self.server.version, self.server.vector, arrivals, cause_id, own, bits=0.0)

    def train_and_upload(self, base: Base, order: Sequence[int]) -> Process:
        """Train `base` on everyone who received it and let them upload in `order`, over TDMA, in a pipeline.

        All deliveries come before the first upload. Then each upload starts when the one before it has ended, its
        client has trained and the uplink is free: nobody waits for the slowest. Between two uploads the uplink is
        free for other groups. Returns the `RoundTurn` of what arrived; the uplink is not held any more.

        Our choice: the order stands even if a client turns out slower than foreseen, and those after it wait; one
        that is lost, or away when its turn comes, is left out.
        """
        if missing := set(base.arrivals) - set(order):
            raise ValueError(f"the order of uploads leaves out {sorted(missing)}, who are about to train")
        received = {client: self.simulation.event(f"the model at device-{client}") for client in base.arrivals}
        members = {
            client: self.simulation.start(
                self._train_member(base, client, received=received[client]), f"device-{client}"
            )
            for client in base.arrivals
        }
        delivered = yield self.simulation.env.all_of(received.values())
        _, last_id = max(delivered.values(), default=(0.0, NO_CAUSE))  # when [s], and by which span
        present = [client for client in order if client in members]
        return (yield from self._upload_in_order(base, members, present, last_id))

    def foresee_round(self, clients: Sequence[int]) -> RoundTimes:
        """Return how long download, training and upload of `clients` would take if all stayed as it is now.

        Downloads count only where they are made one by one. Training is that of a device that does not go away.
        Asking changes nothing.
        """
        gains = self.cell.believed_amplitudes(clients, self.simulation.now_s) ** 2
        return RoundTimes(
            self.cell.foresee_download_s(clients, self.payload_bits),
            self.fleet.training_time_s(self.workload.job_flop)[list(clients)],
            self.cell.foresee_upload_s(gains, self.payload_bits),
        )

    @property
    def mean_upload_s(self) -> float:
        """How long one digital upload in the whole band takes, the mean over clients at their mean gains [s]."""
        gains = self.cell.mean_power_gains(np.arange(len(self.fleet)))
        return float(self.cell.foresee_upload_s(gains, self.payload_bits).mean())

    def evaluate(self, groups: Sequence[Group]) -> FloatArray:
        """Return the accuracy of the current global model on each group's own mix of labels, `(num_groups,)`.

        What the test set says of the members' pooled label mix (`testbed.learning.evaluation.client_accuracies`). It is
        a job like any other and costs no simulated time; asking reads trained values, so whatever is decided by it
        belongs to a method whose `reads_trained_values` is true. Without arithmetic (kernel `none`) all are 0.
        """
        output = self.workload.evaluator.evaluate_current().value()
        if output is None:
            return np.zeros(len(groups))
        histograms = self.workload.label_histograms
        pooled = np.stack([histograms[index_of(group.members)].sum(axis=0) for group in groups])
        return client_accuracies(output, pooled)
