"""The regions: replicas of one model, each in a data centre, joined by a wide-area network - and the verbs of a method.

A method's processes say, in the paper's order: `train` so many inner steps, `offer` a pseudo-gradient, `wait_for` the
mean, go on. Each verb is a SimPy generator that waits the modelled time, keeps the records, and passes on which span
released which. What is sent is priced as the virtual model's where the scenario has one.

The version of a run is the inner step that every region has done. At steps of the evaluation grid the mean of the
replicas is published, after what arrived at that step has been applied; beside it the method's global model
(`anchor`) and the first region's replica.

Absence: a region that is away pauses while it computes, and the others wait for it; one that is gone for good is left
out of all that has not started, and the means are over those who remain.
"""

import math
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt
import simpy

from algorithms.schedules.calendar import Calendar
from algorithms.worlds.exchange import Exchange, Exchanges, Key, Mean
from algorithms.worlds.published_steps import PublishedSteps
from algorithms.worlds.regions_rows import PACE, REGION, SYNC
from algorithms.worlds.regions_settings import RegionsSettings
from algorithms.worlds.replica import ModelVector, Replica
from algorithms.worlds.rows import CONTRIBUTION
from channels.codecs.codec import Codec
from channels.wan.network import Network
from testbed.devices.availability import Absences
from testbed.devices.fleet import Fleet
from testbed.layout import FloatArray
from testbed.learning.jobs import GradientOutput, Handle
from testbed.learning.workload import Workload
from testbed.records import TRAINING
from testbed.simulation import Process, Simulation
from testbed.streams import Purpose

__all__ = ["Message", "Regions"]

FLOAT32_BITS: Final = 32


class Message(Protocol):
    """What a region hands to a server: `answered` happens with the answer."""

    @property
    def answered(self) -> simpy.Event: ...


class Regions:
    """The world of replicas and the network between them; a region's number is its device's."""

    Settings: ClassVar = RegionsSettings

    def __init__(self, simulation: Simulation, workload: Workload, settings: RegionsSettings) -> None:
        self.simulation = simulation
        self.workload = workload
        self.settings = settings
        count = settings.regions.count
        absences = Absences(settings.availability, settings.fault, count, simulation.stream, simulation.horizon_s)
        self.absences = absences
        self.fleet = Fleet(simulation, settings.regions, absences)
        self.network = Network(simulation, settings.network, count, workload.data_dir)
        workload.add_sources(self.network.sources)
        self.replicas = [Replica(region, workload.initial_state) for region in range(count)]
        self._step_flop = self.step_flop
        self.steps = PublishedSteps.of(workload, float(self.step_s.min()))
        self._exchanges = Exchanges(simulation, self.network, lambda: self.present)
        self._reports: dict[int, dict[int, ModelVector]] = {}
        self._reported: list[int] = [-1] * count
        self._anchor: Callable[[], ModelVector] | None = None
        self._free_running = False
        workload.evaluator.views = settings.algorithm.views
        self._record_training = simulation.records.open(TRAINING)
        self._record_contribution = simulation.records.open(CONTRIBUTION)
        self._record_sync = simulation.records.open(SYNC)
        self._record_pace = simulation.records.open(PACE)
        self._num_syncs, self._num_paces = 0, 0

    # -- set-up ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Publish the initial model and let the method start its processes."""
        record = self.simulation.records.open(REGION)
        for replica in self.replicas:
            region = replica.region
            record(
                region, self.network.names[region], int(self.workload.data_sizes[region]),
                float(self.workload.label_distances[region]), self.fleet.profile_name,
                float(self.fleet.flop_per_s[region]), float(self.step_s[region]), float(self.num_entries),
                self.charged_entries(self.num_entries),
            )  # fmt: skip
        self.settings.algorithm.start(self)

    def close(self) -> None:
        """Settle the accounts of machines and links when the run is over."""
        self.fleet.close(self.simulation.now_s)
        self.network.close(self.simulation.now_s)

    def run(self, replica: Replica, process: Process) -> None:
        """Start a region's process; what its replica is at the end is published too."""
        self.simulation.start(self._to_the_end(replica, process), replica.entity)

    def run_free(self) -> None:
        """Let every region go on at its own pace: a server publishes its model, and the regions share the steps.

        The run then has as many inner steps as one in lockstep, but who is fast makes more of them.
        """
        self._free_running = True

    def keep(self, anchor: Callable[[], ModelVector]) -> None:
        """Evaluate, beside the mean of the replicas, the global model that `anchor` returns, `(num_entries,)`."""
        self._anchor = anchor

    # -- facts -----------------------------------------------------------------------------------------------------

    @property
    def num_regions(self) -> int:
        """How many regions there are, M."""
        return len(self.replicas)

    @property
    def present(self) -> list[Replica]:
        """The replicas of the regions that have not left for good, in order."""
        return [replica for replica in self.replicas if not replica.is_gone]

    @property
    def num_entries(self) -> int:
        """Entries of the model that is trained."""
        return self.workload.num_entries

    @property
    def step_flop(self) -> npt.NDArray[np.float64]:
        """What an inner step costs each region as charged, `(num_regions,)` [FLOP]."""
        virtual = self.settings.virtual
        return self.workload.step_flop if virtual is None else np.full(self.num_regions, virtual.step_flop)

    @property
    def step_s(self) -> npt.NDArray[np.float64]:
        """The time of an inner step of each region without jitter, T_c, `(num_regions,)` [s]."""
        return self.fleet.training_time_s(self.step_flop)

    def charged_entries(self, num_entries: int) -> float:
        """Return how many entries the clock charges for so many of the model that is trained."""
        virtual = self.settings.virtual
        return float(num_entries) if virtual is None else virtual.parameters * num_entries / self.num_entries

    def price(self, codec: Codec, num_entries: int, num_tensors: int) -> float:
        """Return the encoded size of a payload as charged [bit]."""
        return float(codec.size_bits(self.charged_entries(num_entries), num_tensors))

    def price_plain(self, num_entries: int) -> float:
        """Return the size of so many entries as they are, in single precision, as charged [bit]."""
        return FLOAT32_BITS * self.charged_entries(num_entries)

    def goes_on(self, replica: Replica) -> bool:
        """Return whether the run goes on and this region has steps to make."""
        if self.simulation.finished:
            return False
        return self.mean_step < self.steps.last if self._free_running else replica.step < self.steps.last

    @property
    def mean_step(self) -> int:
        """Inner steps done by a region on average, rounded down."""
        return sum(replica.step for replica in self.replicas) // self.num_regions

    # -- verbs -----------------------------------------------------------------------------------------------------

    def train(self, replica: Replica, until_step: float) -> Process:
        """Let a region make inner steps up to `until_step` (or the last of the run), and publish what is due before."""
        if not self._free_running:
            until_step = min(until_step, self.steps.last)
        while replica.step < until_step:
            self._report(replica)
            stop = until_step if self._free_running else min(until_step, self.steps.next_after(replica.step))
            num_steps = int(stop - replica.step)
            job = self.workload.segments.next_segment(
                replica.region, replica.step, replica.parameters, replica.optimizer_state, replica.step, num_steps
            )
            handle = self.workload.jobs.submit(job)
            try:
                yield from self._compute(replica, self._segment_flop(replica, num_steps), job.index)
            except _RegionLeftError:
                handle.discard()
                raise
            replica.follow(handle, num_steps)

    def gradient(self, replica: Replica, share_of_step: float = 1.0) -> Process:
        """Let a region compute the gradient of its next minibatch at its parameters; return the handle.

        `share_of_step` : how much of the step's time is spent here; the rest is charged by `compute_rest`.
        """
        self._report(replica)
        job = self.workload.segments.next_gradient(replica.region, replica.step, replica.parameters, replica.step)
        handle: Handle[GradientOutput] = self.workload.jobs.submit(job)
        yield from self._compute(replica, share_of_step * self._segment_flop(replica, 1), job.index)
        return handle

    def compute_rest(self, replica: Replica, share_of_step: float) -> Process:
        """Let a region spend the rest of a step whose gradient it has asked for."""
        if share_of_step > 0:
            yield from self._compute(replica, share_of_step * self._segment_flop(replica, 1), replica.step)

    def end_step(self, replica: Replica, parameters: FloatArray) -> None:
        """Count an inner step whose update was made elsewhere, and take its outcome over, `(num_entries,)`."""
        replica.parameters = parameters
        replica.step += 1
        replica.steps_timed += 1

    def offer(self, replica: Replica, key: Key, vector: FloatArray, bits: float) -> Exchange:
        """Offer a vector of `bits` as encoded to the all-reduce `key`; the last region starts it. Takes no time."""
        return self._exchanges.offer(replica, key, vector, bits)

    def wait_for(self, replica: Replica, exchange: Exchange) -> Process:
        """Wait, if need be, until an exchange is done; return the mean of what was offered, `(num_entries,)`."""
        mean: Mean = yield from self._exchanges.wait_for(replica, exchange)
        return mean

    def send(self, replica: Replica, source: int, target: int, bits: float, what: str) -> Process:
        """Send `bits` from region to region on behalf of a replica, which waits for the arrival: a stall."""
        asked_s = self.simulation.now_s
        delivery = yield from self.network.transfer(source, target, bits, replica.cause_id, what)
        if self.simulation.now_s > asked_s:
            self.simulation.records.span(replica.entity, "stall", asked_s, self.simulation.now_s, replica.cause_id)
            replica.cause_id = delivery.span_id

    def wait_at_server(self, replica: Replica, inbox: simpy.Store, message: Message) -> Process:
        """Hand a message in and wait for its answer, which is returned; what takes time is a stall."""
        asked_s = self.simulation.now_s
        yield inbox.put(message)
        answer = yield message.answered
        if self.simulation.now_s > asked_s:
            span = self.simulation.records.span
            replica.cause_id = span(replica.entity, "stall", asked_s, self.simulation.now_s, replica.cause_id)
        return answer

    def note_arrival(self, replica: Replica, version: int, staleness: int, weight: float) -> None:
        """Record what a region contributed to a server's new version."""
        self._record_contribution(version, replica.region, version - 1 - staleness, staleness, weight, replica.cause_id)

    def note(self, exchange: Exchange, fragment: int, apply_step: int) -> None:
        """Record an exchange when its result is first used."""
        reduction = exchange.reduction
        assert reduction is not None
        self._record_sync(
            self._num_syncs, fragment, exchange.send_step, apply_step, reduction.asked_s, reduction.start_s,
            reduction.end_s, reduction.bits, float(np.linalg.norm(exchange.mean)),
        )  # fmt: skip
        self._num_syncs += 1

    def note_pace(self, calendar: Calendar) -> None:
        """Record what a calendar has newly settled on."""
        for step, slots in calendar.plans[self._num_paces :]:
            self._record_pace(step, self.simulation.now_s, *slots)
            self._num_paces += 1

    def publish(self, version: int, vector: FloatArray) -> None:
        """Publish a server's model, `(num_entries,)`, as the version after so many inner steps a region, if new.

        For methods whose regions are never at one step: the version is the last step of the evaluation grid that
        the regions have passed on average.
        """
        due = self.steps.last_up_to(version)
        if due > self._reported[0]:
            self._reported[0] = due
            self.workload.watch(due, self.simulation.now_s, np.asarray(vector, dtype=np.float32), {})

    # -- what the verbs are made of --------------------------------------------------------------------------------

    def _to_the_end(self, replica: Replica, process: Process) -> Process:
        try:
            yield from process
        except _RegionLeftError:
            return
        self._report(replica)

    def _segment_flop(self, replica: Replica, num_steps: int) -> float:
        sigma, step_flop = self.settings.step_jitter, float(self._step_flop[replica.region])
        if not sigma:
            return num_steps * step_flop
        factors = [
            self.simulation.stream(Purpose.SERVICE, replica.region, replica.step + k).lognormal(-(sigma**2) / 2, sigma)
            for k in range(num_steps)
        ]
        return math.fsum(factors) * step_flop

    def _compute(self, replica: Replica, flop: float, job_index: int) -> Process:
        """Spend `flop` on a region's machine; its process ends if it has left for good."""
        done = yield from self.fleet[replica.region].compute(flop, replica.cause_id)
        self._record_training(
            done.span_id, replica.region, job_index, replica.step, done.start_s, done.end_s, done.flop,
            self.workload.peak_bytes, done.energy_j, done.outcome,
        )  # fmt: skip
        if done.outcome != "completed":
            replica.is_gone = True
            self._exchanges.go_on_without_the_gone(done.span_id)
            self._publish_complete()
            raise _RegionLeftError
        replica.cause_id = done.span_id
        replica.computing_s += done.end_s - done.start_s

    def _report(self, replica: Replica) -> None:
        """Take a region's replica into the mean of its step if that step is published; once a step."""
        step = replica.step
        if self._free_running:
            return
        if self._reported[replica.region] < step and self.steps.is_due(step):
            self._reported[replica.region] = step
            self._reports.setdefault(step, {})[replica.region] = replica.parameters
            self._publish_complete()

    def _publish_complete(self) -> None:
        """Publish the steps that all who are present have reported."""
        present = {replica.region for replica in self.present}
        for step in sorted(self._reports):
            reports = self._reports[step]
            if not present or not present <= reports.keys():
                return
            del self._reports[step]
            stacked = np.stack([reports[region] for region in sorted(reports)])
            views = {}
            if "region_0" in self.workload.evaluator.views:
                views["region_0"] = reports[min(reports)]
            if self._anchor is not None:
                views["anchor"] = self._anchor()
            mean = stacked.mean(axis=0, dtype=np.float64).astype(np.float32)
            self.workload.watch(step, self.simulation.now_s, mean, views)


class _RegionLeftError(Exception):
    """A region has left for good: its process ends here, wherever in the method that is."""
