"""The federation: one server, its clients, one radio cell - and the verbs in which a method is written.

A method's processes say, in the paper's order: `broadcast` a model to a group, `train` it there, `take_turn` on the
uplink, transmit (`over_the_air` or `upload`), `server.mix` the result. Each verb is a SimPy generator that
waits the modelled time, keeps the records, and passes on which span released which.

Absence: a member that is away at the broadcast sits the round out; one that leaves while computing pauses (or as
`devices.on_loss` says); one that is away when its group transmits is left out and the weights are renormalised. Each
is a row of `participation`.
"""

import math
from collections.abc import Iterable
from typing import ClassVar, Literal, Protocol

import numpy as np
import simpy

from algorithms.grouping.problem import Grouping, GroupingProblem
from algorithms.power_control.plan import ChannelState, Plan
from algorithms.worlds.group import Group
from algorithms.worlds.release import Releases
from algorithms.worlds.round import Base, Results, RoundTurn, Trained
from algorithms.worlds.rows import AGGREGATION, CLIENT, GROUP, MEMBERSHIP, PARTICIPATION
from algorithms.worlds.server import Server
from algorithms.worlds.settings import FederationSettings
from channels.aircomp import aggregation_error
from channels.cell import Cell
from channels.downlink import Deliveries
from testbed.devices.availability import Absences
from testbed.devices.fleet import Fleet
from testbed.layout import FloatArray
from testbed.learning.workload import Workload
from testbed.records import NO_CAUSE, TRAINING
from testbed.simulation import Process, Simulation
from testbed.streams import Purpose

__all__ = ["Algorithm", "Federation"]

FLOAT32_BITS = 32


class Algorithm(Protocol):
    """A federated method: settings, and the processes it starts in a federation."""

    reads_trained_values: ClassVar[bool]  # whether a decision depends on them; if none does, neither does the timeline

    def start(self, fed: "Federation") -> None:
        """Form groups and start their processes; called once, at time zero."""
        ...


class Federation:
    """The world of a server and its clients; groups are numbered, a client's id is its device's."""

    Settings: ClassVar = FederationSettings

    def __init__(self, simulation: Simulation, workload: Workload, settings: FederationSettings) -> None:
        self.simulation = simulation
        self.workload = workload
        self.algorithm: Algorithm = settings.algorithm
        devices, channel = settings.devices, settings.channel
        self.absences = Absences(settings.availability, settings.fault, devices.count, simulation.stream)
        self.fleet = Fleet(simulation, devices, self.absences)
        self.cell = Cell(
            simulation, channel.uplink, channel.downlink, devices.count, workload.num_entries, self.absences
        )
        self.one_by_one = channel.downlink.one_by_one
        self.server = Server(simulation, workload.initial_state, workload.watch)
        self._releases = Releases(simulation, self.server)
        self.payload_bits = float(FLOAT32_BITS * workload.num_entries)
        self._record_training = simulation.records.open(TRAINING)
        self._record_aggregation = simulation.records.open(AGGREGATION)
        self._record_participation = simulation.records.open(PARTICIPATION)

    def start(self) -> None:
        """Publish the initial model and let the method start its processes."""
        record_client = self.simulation.records.open(CLIENT)
        for client, (size, distance) in enumerate(
            zip(self.workload.data_sizes, self.workload.label_distances, strict=True)
        ):
            speed = float(self.fleet.flop_per_s[client])
            record_client(client, int(size), float(distance), self.fleet.profile_name, speed)
        self.server.publish()
        self.algorithm.start(self)

    def close(self) -> None:
        """Settle the devices' accounts when the run is over."""
        self.fleet.close(self.simulation.now_s)

    def form_groups(self, grouping: Grouping) -> list[Group]:
        """Return the groups that `grouping` makes of the clients from their speeds and data, and record them."""
        workload, upload_s = self.workload, self.cell.airtime_s
        training_s = self.fleet.training_time_s(workload.job_flop)
        sizes, histograms = (
            workload.data_sizes.astype(np.float64),
            workload.label_histograms.astype(np.float64),
        )
        problem = GroupingProblem(training_s, sizes, histograms, upload_s)
        record_group = self.simulation.records.open(GROUP)
        record_member = self.simulation.records.open(MEMBERSHIP)
        groups = []
        for index, members in enumerate(grouping.partition(problem, self.simulation.stream(Purpose.GROUPING))):
            group = Group(index, tuple(sorted(members)), workload.data_sizes)
            slowest_s = float(training_s[list(group.members)].max())
            distance = workload.label_distance_of(group.members)
            record_group(index, len(members), group.share_of(group.members), distance, slowest_s + upload_s)
            for client in group.members:
                size = int(workload.data_sizes[client])
                record_member(index, client, size, group.share_of([client]), float(training_s[client]))
            groups.append(group)
        return groups

    def serves(self, group: Group) -> bool:
        """Return whether the run goes on and somebody of the group is there or will be."""
        now_s = self.simulation.now_s
        gone = self.absences.is_gone_for_good
        return not self.simulation.finished and not all(gone(client, now_s) for client in group.members)

    def broadcast(self, group: Group) -> Process:
        """Send the current global model to the members who are there (waiting for the first); return the `Base`."""
        cause_id: int = yield from self._wait_for_somebody(group)
        present = [c for c in group.members if self._is_here(c)]
        self._left_out(group, set(group.members) - set(present), "absent-at-broadcast")
        version, vector = self.server.version, self.server.vector
        arrivals: dict[int, int] = dict.fromkeys(present, cause_id)
        if not self.one_by_one:
            deliveries = yield from self.cell.send_down(present, self.payload_bits, cause_id)
            arrivals = {client: span_id for client, (span_id, _) in deliveries.items()}
        return Base(group, version, vector, arrivals, cause_id)

    def train(self, base: Base, deadline_s: float | None = None) -> Process:
        """Train `base` on everyone who received it; return the `Results` once the slowest is ready.

        `deadline_s` : those not ready that long after the start are given up for this round [s]; None waits.
        """
        give_up_s = math.inf if deadline_s is None else self.simulation.now_s + deadline_s
        members = [
            self.simulation.start(self._train_member(base, client, give_up_s), f"device-{client}")
            for client in base.arrivals
        ]
        trained: list[Trained] = []
        last_s, cause_id = -math.inf, NO_CAUSE
        for member in members:
            result: Trained = yield member
            if result.ready_s > last_s:
                last_s, cause_id = result.ready_s, result.span_id
            if result.outcome == "completed":
                trained.append(result)
            else:
                self._left_out(base.group, [result.client], result.outcome, result.ready_s)
        if cause_id == NO_CAUSE:  # the last, or everybody, did not even get the model in time
            cause_id = self._releases.catch_up(base.group, base.cause_id)
        return Results(base, tuple(trained), cause_id)

    def take_turn(self, results: Results) -> Process:
        """Wait for the uplink on behalf of those who are ready; return the `RoundTurn` (empty if nobody is there)."""
        base = results.base
        if not results.trained:
            self._releases.follow(base.group, results.cause_id)
            return RoundTurn(base, ())
        mac_turn = yield from self.cell.take_turn(f"group-{base.group.index}", results.cause_id)
        now_s = self.simulation.now_s
        here = tuple(member for member in results.trained if self._is_here(member.client))
        for member in results.trained:
            if now_s > member.ready_s:
                entity = f"device-{member.client}"
                self.simulation.records.span(entity, "wait", member.ready_s, now_s, member.span_id)
        absent = {m.client for m in results.trained} - {m.client for m in here}
        self._left_out(base.group, absent, "absent-at-transmission")
        if not here:
            mac_turn.close()
            self._releases.follow(base.group, mac_turn.cause_id)
            return RoundTurn(base, ())
        turn = RoundTurn(base, here, mac_turn)
        amplitudes = self.cell.believed_amplitudes(turn.clients, now_s)
        budgets_j = np.full(len(here), self.cell.uplink.energy_budget_j)
        gains = self.cell.mean_power_gains(turn.clients)
        turn.channel_state = ChannelState(amplitudes, budgets_j, self.cell.noise_energy_j, gains)
        return turn

    def over_the_air(self, turn: RoundTurn, signals: FloatArray, plan: Plan) -> Process:
        """Let the turn's clients transmit `signals : (num_clients, num_entries)` at once; return the estimate r y.

        Those whom the plan silences do not transmit; `turn.delivered` holds the others. If it silences everybody,
        nothing is sent and the estimate is zero.
        """
        assert turn.mac_turn is not None and turn.channel_state is not None
        active = np.flatnonzero(plan.active)
        group = turn.base.group
        clients = [turn.clients[i] for i in active]
        self._left_out(group, set(turn.clients) - set(clients), "silenced")
        if not clients:
            self._releases.follow(group, turn.mac_turn.catch_up())
            return np.zeros(signals.shape[1])
        sender = f"group-{group.index}"
        reception = yield from self.cell.superpose(
            turn.mac_turn,
            clients,
            signals[active],
            plan.gains[active],
            sender,
            group=turn.clients,
            noiseless=plan.noiseless,
        )
        turn.delivered, turn.span_id = clients, reception.span_id
        self._releases.follow(group, turn.span_id)
        estimate = plan.receive_scale * reception.received
        weights = group.weights(clients)
        error = aggregation_error(reception.received, plan.receive_scale, weights, signals[active])
        wanted_energy = float(np.sum((weights @ signals[active]) ** 2))
        alignment = plan.receive_scale * float(plan.gains[active] @ reception.per_gain)
        self._record_aggregation(
            reception.span_id,
            self.server.version + 1,
            group.index,
            len(clients),
            0.0 if plan.noiseless else self.cell.noise_energy_j,
            plan.receive_scale,
            alignment,
            error.nmse,
            plan.predicted_squared_error / wanted_energy if wanted_energy > 0 else math.nan,
        )
        return estimate

    def upload(self, turn: RoundTurn, access: Literal["tdma", "ofdma"]) -> Process:
        """Let the turn's clients upload their models digitally; return those that arrived.

        `access` : one after another (tdma), or side by side in equal shares of the band (ofdma).
        Returns `(num_delivered, num_entries)`; `turn.delivered` says whose they are.
        """
        assert turn.mac_turn is not None
        learnt = turn.models
        if access == "ofdma":
            cause_id = turn.mac_turn.cause_id
            uploads = yield from self.cell.send_up_ofdma(turn.mac_turn, turn.clients, self.payload_bits, cause_id)
        else:
            uploads = []
            for client in turn.clients:
                cause_id = turn.mac_turn.cause_id
                upload = yield from self.cell.send_up(turn.mac_turn, client, self.payload_bits, cause_id)
                uploads.append(upload)
        turn.span_id = uploads[-1].span_id
        self._releases.follow(turn.base.group, turn.span_id)
        arrived = [upload.delivered for upload in uploads]
        turn.delivered = [client for client, there in zip(turn.clients, arrived, strict=True) if there]
        self._left_out(turn.base.group, set(turn.clients) - set(turn.delivered), "undelivered")
        return learnt[np.array(arrived)]

    # -- what the verbs are made of --------------------------------------------------------------------------------

    def _train_member(self, base: Base, client: int, give_up_s: float) -> Process:
        cause_id = base.arrivals[client]
        if self.one_by_one:
            delivery = self.simulation.start(
                self.cell.send_down([client], self.payload_bits, cause_id), f"downlink to device-{client}"
            )
            yield from self._until(delivery, give_up_s)
            if not delivery.triggered:  # it goes on, and is paid for, but comes too late for this round
                return Trained(client, "late", self.simulation.now_s, NO_CAUSE, None)
            deliveries: Deliveries = delivery.value or {}
            if client not in deliveries:
                return Trained(client, "lost", self.simulation.now_s, NO_CAUSE, None)
            cause_id, _ = deliveries[client]
        job = self.workload.next_job(client, base.version, base.vector)
        flop = self.workload.flop_of(job)
        earliest_s = self.simulation.now_s + flop / self.fleet.flop_per_s[client]
        handle = self.workload.jobs.submit(job, earliest_read_s=earliest_s)
        done = yield from self.fleet[client].compute(flop, cause_id, give_up_s)
        if done.outcome != "completed":
            handle.discard()
        peak_bytes = self.workload.peak_bytes
        self._record_training(
            done.span_id, client, job.index, base.version, done.start_s, done.end_s, done.flop, peak_bytes,
            done.energy_j, done.outcome,
        )  # fmt: skip
        return Trained(client, done.outcome, done.end_s, done.span_id, handle)

    def _until(self, event: simpy.Event, give_up_s: float) -> Process:
        """Wait for an event, but not beyond `give_up_s`."""
        if math.isinf(give_up_s):
            yield event
        else:
            yield event | self.simulation.env.timeout(max(0.0, give_up_s - self.simulation.now_s))

    def _wait_for_somebody(self, group: Group) -> Process:
        cause_id, start_s = self._releases.next_cause(group), self.simulation.now_s
        while not any(self._is_here(client) for client in group.members):
            now_s = self.simulation.now_s
            returns_s = min(self.absences.next_change_s(client, now_s) for client in group.members)
            yield self.simulation.env.timeout(returns_s - now_s)
        if self.simulation.now_s > start_s:
            cause_id = self.simulation.records.span("server", "wait", start_s, self.simulation.now_s, cause_id)
        return cause_id

    def _is_here(self, client: int) -> bool:
        return self.absences.is_available(client, self.simulation.now_s)

    def _left_out(self, group: Group, clients: Iterable[int], status: str, time_s: float | None = None) -> None:
        when_s = self.simulation.now_s if time_s is None else time_s
        for client in sorted(clients):
            self._record_participation(when_s, group.index, client, status, self.server.version)
