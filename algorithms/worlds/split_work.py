"""How a cluster of split learning spends its round: the mix-in of `split.py` that moves messages and computes halves.

An iteration of a bottom: forward, activations to the host, a place in the line at the host, the top's work, the
gradient back, backward; then it waits for the slowest of its cluster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import simpy

from algorithms.split.cluster_times import FloatArray
from algorithms.split.label_mix import mix_divergence
from algorithms.worlds.server import Server
from algorithms.worlds.split_jobs import SplitJobs
from algorithms.worlds.split_messages import SplitMessages
from algorithms.worlds.split_settings import SplitSettings
from algorithms.worlds.split_task import Task, Work
from channels.wan.network import Delivery, Network
from testbed.devices.fleet import Fleet
from testbed.learning.split_model import split_cost
from testbed.learning.workload import Workload
from testbed.simulation import Process, Simulation

__all__ = ["SplitWork"]

NOBODY = -1


@dataclass
class _Spent:
    """What one device spent on its part of a task."""

    start_s: float = -1.0
    end_s: float = 0.0
    span_id: int = -1
    flop: float = 0.0
    energy_j: float = 0.0


@dataclass
class _Ongoing:
    """A task under way."""

    number: int
    task: Task
    version: int
    messages: SplitMessages
    start_s: float
    spent: dict[int, _Spent] = field(default_factory=dict)
    waiting_s: float = 0.0
    computing_s: float = 0.0  # of all iterations


@dataclass
class _Gathering:
    """One iteration's line-up at a host that merges: `complete` happens when everybody's activations are there."""

    missing: int
    complete: simpy.Event
    last_id: int = -1


class SplitWork(SplitJobs):
    """What clusters do."""

    simulation: Simulation
    workload: Workload
    settings: SplitSettings
    shares: FloatArray
    fleet: Fleet
    network: Network
    server: Server
    _messages: dict[int, SplitMessages]  # by cut
    _server_queue: simpy.Resource
    _server_last: int
    _record_training: Callable[..., None]
    _record_cluster: Callable[..., None]
    _num_jobs: list[int]

    @property
    def server_id(self) -> int:
        """The number of the server in the network."""
        return len(self.fleet)

    def messages_at(self, cut: int | None) -> SplitMessages:
        """Return what halves of a model that is cut there cost and send; None: at the scenario's cut."""
        cut = self.settings.cut if cut is None else cut
        if cut not in self._messages:
            self._messages[cut] = SplitMessages(cut, split_cost(self.workload.task, cut), self.settings.codec)
        return self._messages[cut]

    def divergence(self, clients: Sequence[int]) -> float:
        """Return KL(Phi_c || Phi_0) of the plain mean of some clients' label shares from that of all [nat]."""
        return mix_divergence(self.shares[list(clients)].mean(axis=0), self.shares.mean(axis=0))

    def _carry_out(self, number: int, task: Task, cause_id: int) -> Process:
        messages = self.messages_at(task.cut)
        ongoing = _Ongoing(number, task, self.server.version, messages, self.simulation.now_s)
        handle = self.workload.jobs.submit(self._job(task), self.simulation.now_s)
        work = self._whole(ongoing, cause_id) if task.whole else self._split(ongoing, cause_id)
        span_id = yield from work
        self._record(ongoing, span_id)
        return Work(task, handle, span_id, ongoing.start_s, self.simulation.now_s)

    # -- the two ways to spend a round -----------------------------------------------------------------------------

    def _whole(self, ongoing: _Ongoing, cause_id: int) -> Process:
        """Send a client the model, let it train alone and send it back; return the last span."""
        (client,), (batch,), bits = ongoing.task.clients, ongoing.task.batch_sizes, ongoing.messages.model_bits
        cause_id = yield from self._send(self.server_id, client, bits, cause_id, "model down")
        flop = self.workload.cost.flop(batch) * ongoing.task.num_iterations
        began_s = self.simulation.now_s
        cause_id = yield from self._compute(ongoing, client, flop, cause_id)
        ongoing.computing_s = self.simulation.now_s - began_s
        return (yield from self._send(client, self.server_id, bits, cause_id, "model up"))

    def _split(self, ongoing: _Ongoing, cause_id: int) -> Process:
        """Send the halves out, iterate and gather them; return the last span."""
        task, messages = ongoing.task, ongoing.messages
        host, bits = self.server_id if task.host is None else task.host, messages.bottom_bits
        if task.host is not None:
            cause_id = yield from self._send(self.server_id, host, messages.model_bits, cause_id, "model down")
        down = [partial(self._send, host, client, bits, cause_id, "bottom down") for client in task.clients]
        cause_id, _ = yield from self._all(task.clients, down)
        began_s = self.simulation.now_s
        for _ in range(task.num_iterations):
            gathering = self._gather(task)
            steps = [
                partial(self._iterate, ongoing, host, client, batch, gathering, cause_id)
                for client, batch in zip(task.clients, task.batch_sizes, strict=True)
            ]
            cause_id, waiting_s = yield from self._all(task.clients, steps)
            ongoing.waiting_s += waiting_s / (len(task.clients) * task.num_iterations)
        ongoing.computing_s = self.simulation.now_s - began_s
        up = [partial(self._send, client, host, bits, cause_id, "bottom up") for client in task.clients]
        cause_id, _ = yield from self._all(task.clients, up)
        if task.host is None:
            return cause_id
        return (yield from self._send(host, self.server_id, messages.model_bits, cause_id, "model up"))

    def _gather(self, task: Task) -> _Gathering | None:
        if not task.merges:
            return None
        return _Gathering(len(task.clients), self.simulation.event("activations of the whole cluster"))

    def _iterate(
        self, ongoing: _Ongoing, host: int, client: int, batch: int, gathering: _Gathering | None, cause_id: int
    ) -> Process:
        """Make one iteration of one bottom; return its last span."""
        messages, task = ongoing.messages, ongoing.task
        bits, bottom = messages.at_cut_bits(batch), messages.halves.bottom
        heads = self._heads_flop(messages) * batch if any(task.local_weights) else 0.0
        forward = bottom.forward_flop_per_sample * batch
        cause_id = yield from self._compute(ongoing, client, forward, cause_id)
        cause_id = yield from self._send(client, host, bits, cause_id, "activations")
        if gathering is not None:
            cause_id = yield from self._wait_for_all(client, gathering, cause_id)
        passes = 2 if task.mixing_concentration else 1  # unmixed, and mixed with another's
        cause_id = yield from self._train_top(ongoing, host, passes * messages.halves.top.flop(batch), cause_id)
        cause_id = yield from self._send(host, client, bits, cause_id, "gradient")
        return (yield from self._compute(ongoing, client, bottom.flop(batch) - forward + heads, cause_id))

    def _wait_for_all(self, client: int, gathering: _Gathering, cause_id: int) -> Process:
        arrived_s, gathering.missing = self.simulation.now_s, gathering.missing - 1
        if gathering.missing == 0:
            gathering.last_id = cause_id
            gathering.complete.succeed()
            return cause_id
        yield gathering.complete
        if self.simulation.now_s > arrived_s:
            self.simulation.records.span(f"device-{client}", "wait", arrived_s, self.simulation.now_s, cause_id)
        return gathering.last_id

    def _all(self, clients: Sequence[int], works: Sequence[Callable[[], Process]]) -> Process:
        """Let everybody work and wait for the slowest; return its last span, and the sum of all waits [s]."""
        running = [
            self.simulation.start(self._timed(work), f"device-{client}")
            for client, work in zip(clients, works, strict=True)
        ]
        ended: list[tuple[float, int]] = []
        for process in running:
            ended.append((yield process))
        now_s, waiting_s = self.simulation.now_s, 0.0
        for client, (end_s, span_id) in zip(clients, ended, strict=True):
            if end_s < now_s:
                self.simulation.records.span(f"device-{client}", "wait", end_s, now_s, span_id)
                waiting_s += now_s - end_s
        return max(ended)[1], waiting_s

    def _timed(self, work: Callable[[], Process]) -> Process:
        span_id: int = yield from work()
        return self.simulation.now_s, span_id

    # -- ground verbs ----------------------------------------------------------------------------------------------

    def _heads_flop(self, messages: SplitMessages) -> float:
        """Return what the heads of a client's own loss cost, forward and backward, of a sample [FLOP]."""
        num_inputs = int(np.prod(self.workload.task.train_inputs.shape[1:]))
        return 6.0 * messages.halves.num_smashed * (num_inputs + self.workload.task.num_classes)

    def _send(self, source: int, target: int, bits: float, cause_id: int, what: str) -> Process:
        delivery: Delivery = yield from self.network.transfer(source, target, bits, cause_id, what)
        return delivery.span_id

    def _compute(self, ongoing: _Ongoing, client: int, flop: float, cause_id: int) -> Process:
        done = yield from self.fleet[client].compute(flop, cause_id)
        spent = ongoing.spent.setdefault(client, _Spent(start_s=done.start_s))
        spent.end_s, spent.span_id = done.end_s, done.span_id
        spent.flop += done.flop
        spent.energy_j += done.energy_j
        return done.span_id

    def _train_top(self, ongoing: _Ongoing, host: int, flop: float, cause_id: int) -> Process:
        """Let the host work on one minibatch, first come first served; return the span."""
        if host != self.server_id:
            return (yield from self._compute(ongoing, host, flop, cause_id))
        duration_s = flop / self.settings.server_flop_per_s
        records, asked_s = self.simulation.records, self.simulation.now_s
        with self._server_queue.request() as turn:
            yield turn
            start_s = self.simulation.now_s
            if start_s > asked_s:
                records.span("server", "queue", asked_s, start_s, cause_id)
                cause_id = self._server_last
            yield self.simulation.env.timeout(duration_s)
            self._server_last = records.span("server", "compute", start_s, self.simulation.now_s, cause_id)
            return self._server_last

    # -- what is noted --------------------------------------------------------------------------------------------

    def _record(self, ongoing: _Ongoing, span_id: int) -> None:
        task, messages = ongoing.task, ongoing.messages
        for client, spent in sorted(ongoing.spent.items()):
            self._record_training(
                spent.span_id, client, self._job_index(task, client), ongoing.version, spent.start_s, spent.end_s,
                spent.flop, self._peak_bytes(ongoing, client), spent.energy_j, "completed",
            )  # fmt: skip
        bits = 0.0 if task.whole else 2.0 * task.num_iterations * sum(map(messages.at_cut_bits, task.batch_sizes))
        planned_s = max(
            self._planned_iteration_s(ongoing, *each) for each in zip(task.clients, task.batch_sizes, strict=True)
        )
        self._record_cluster(
            ongoing.version, ongoing.number, NOBODY if task.host is None else task.host, len(task.clients),
            0 if task.whole else messages.cut, task.num_iterations, ongoing.computing_s / task.num_iterations,
            planned_s, ongoing.waiting_s, self.divergence(task.clients), bits, ongoing.start_s,
            self.simulation.now_s, span_id,
        )  # fmt: skip

    def _job_index(self, task: Task, client: int) -> int:
        return self._num_jobs[client] - 1 if client in task.clients else NOBODY

    def _planned_iteration_s(self, ongoing: _Ongoing, client: int, batch: int) -> float:
        """Return t_i of Eq. 9 with the links as they are when nobody shares them [s]."""
        task, messages, speed = ongoing.task, ongoing.messages, float(self.fleet.flop_per_s[client])
        if task.whole:
            return self.workload.cost.flop(batch) / speed
        host = self.server_id if task.host is None else task.host
        host_speed = self.settings.server_flop_per_s if task.host is None else float(self.fleet.flop_per_s[host])
        exchange_s = 2 * self.network.foresee_transfer_s(client, host, messages.at_cut_bits(batch))
        halves = messages.halves
        return halves.bottom.flop(batch) / speed + exchange_s + halves.top.flop(batch) / host_speed

    def _peak_bytes(self, ongoing: _Ongoing, client: int) -> float:
        """Return what a device holds at most in its role [byte]."""
        task, halves = ongoing.task, ongoing.messages.halves
        if client == task.host:
            return halves.bottom.parameter_bytes + halves.top.peak_bytes(sum(task.batch_sizes))
        batch = dict(zip(task.clients, task.batch_sizes, strict=True))[client]
        return self.workload.cost.peak_bytes(batch) if task.whole else halves.bottom.peak_bytes(batch)
