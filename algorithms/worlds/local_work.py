"""The verbs of a federation for what its devices compute: preparing and training.

A mix-in of `federation.py`, which holds the state.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import simpy

from algorithms.worlds.group import Group
from algorithms.worlds.participation import Participation
from algorithms.worlds.round import Base, Results, Trained
from algorithms.worlds.rows import PREPARATION
from algorithms.worlds.server import ModelVector
from channels.cell import Cell
from channels.downlink import Deliveries
from testbed.devices.device import ComputeOutcome
from testbed.devices.fleet import Fleet
from testbed.layout import FloatArray
from testbed.learning.jobs import EvaluationOutput, Handle
from testbed.learning.workload import Workload
from testbed.records import NO_CAUSE
from testbed.simulation import Process

__all__ = ["LocalWork"]


class LocalWork(Participation):
    """What the devices of a federation do by themselves."""

    workload: Workload
    fleet: Fleet
    cell: Cell
    payload_bits: float
    one_by_one: bool
    _record_training: Callable[..., None]

    def train(
        self,
        base: Base,
        deadline_s: float | None = None,
        *,
        proximal_weight: float = 0.0,
        partial_work: bool = False,
        validates: bool = False,
        candidates: Sequence[ModelVector] = (),
        gradient_norms: bool = False,
    ) -> Process:
        """Train `base` on everyone who received it; return the `Results` once the slowest is ready.

        `deadline_s` : those not ready that long after the start are given up for this round [s]; None waits.
        `partial_work` : they stop then, and what counts is the whole steps they have done; without one they are late.
        `proximal_weight` : mu of the local objective, F_i(w) + mu / 2 ||w - base||^2.
        `validates` : before they train they find out how good the model is that they received, on samples of their own.
        `candidates` : models of which each trains the one with the least loss on its own training samples, the first of
        equals, instead of `base`; `Trained.choice` says which. They are what it was sent, each (num_entries,).
        `gradient_norms` : whether `Trained.gradient_norm` will be asked for.
        """
        give_up_s = math.inf if deadline_s is None else self.simulation.now_s + deadline_s
        members = []
        self.workload.draw_ahead(list(base.arrivals))
        for client in base.arrivals:
            work = self._train_member(
                base,
                client,
                give_up_s,
                proximal_weight,
                partial_work,
                validates=validates,
                candidates=candidates,
                gradient_norm=gradient_norms,
            )
            members.append(self.simulation.start(work, f"device-{client}"))
        trained: list[Trained] = []
        last_s, cause_id = -math.inf, NO_CAUSE
        for member in members:
            result: Trained = yield member
            if result.ready_s > last_s:
                last_s, cause_id = result.ready_s, result.span_id
            if result.outcome in ("completed", "partial"):
                trained.append(result)
            else:
                self._left_out(base.group, [result.client], result.outcome, result.ready_s)
        if cause_id == NO_CAUSE:  # the last, or everybody, did not even get the model in time
            cause_id = self._releases.catch_up(base.group, base.cause_id)
        return Results(base, tuple(trained), cause_id)

    def prepare(self, group: Group, flop: FloatArray, bits: float, access: Literal["tdma", "ofdma"]) -> Process:
        """Let every member compute `flop[client]` and send `bits` of what came of it; return who got through.

        For what is done once, before the first round. The group goes on when the last member has finished; one that is
        lost, or whose upload does not arrive, is left out of the answer. Rows of `preparation`.
        """
        record = self.simulation.records.open(PREPARATION)
        cause_id = self._releases.next_cause(group)
        works = {c: self.fleet[c].compute(float(flop[c]), cause_id) for c in group.members}
        members = {c: self.simulation.start(work, f"device-{c}") for c, work in works.items()}
        done: dict[int, ComputeOutcome] = {}
        for client, member in members.items():
            done[client] = yield member
        last = max(done.values(), key=lambda outcome: outcome.end_s)
        ready = [client for client, outcome in done.items() if outcome.outcome == "completed"]
        arrived = yield from self._send_prepared(group, ready, bits, access, last.span_id)
        for client, (outcome, span_id, start_s, end_s, spent, energy_j, _) in done.items():
            through = "completed" if client in arrived else "undelivered" if client in ready else outcome
            sent = bits if client in arrived else 0.0
            record(client, span_id, start_s, end_s, spent, energy_j, sent, through)
        return tuple(sorted(arrived))

    def _send_prepared(
        self, group: Group, clients: list[int], bits: float, access: Literal["tdma", "ofdma"], cause_id: int
    ) -> Process:
        """Let clients send something that is no model; return those whose upload arrived."""
        if not clients or not bits:
            self._releases.follow(group, cause_id)
            return set(clients)
        with (yield from self.cell.take_turn(f"group-{group.index}", cause_id)) as turn:
            if access == "ofdma":
                uploads = yield from self.cell.send_up_ofdma(turn, clients, bits, turn.cause_id)
            else:
                uploads = []
                for client in clients:
                    uploads.append((yield from self.cell.send_up(turn, client, bits, turn.cause_id)))
            self._releases.follow(group, uploads[-1].span_id)
        return {client for client, upload in zip(clients, uploads, strict=True) if upload.delivered}

    def compute_at_server(self, group: Group, flop: float, flop_per_s: float, cause_id: int) -> Process:
        """Let the server compute after the span `cause_id`, which ended now; return the span that ends then.

        `flop_per_s` : its speed; infinity: computing takes no time.
        """
        start_s, duration_s = self.simulation.now_s, flop / flop_per_s
        if duration_s <= 0.0:
            return cause_id
        yield self.simulation.env.timeout(duration_s)
        span_id = self.simulation.records.span("server", "compute", start_s, self.simulation.now_s, cause_id)
        self._releases.follow(group, span_id)
        return span_id

    def _train_member(
        self,
        base: Base,
        client: int,
        give_up_s: float = math.inf,
        mu: float = 0.0,
        partial_work: bool = False,
        received: simpy.Event | None = None,
        validates: bool = False,
        candidates: Sequence[ModelVector] = (),
        gradient_norm: bool = False,
        batch_size: int | None = None,
        local_steps: int | None = None,
    ) -> Process:
        cause_id = base.arrivals[client]
        bits = base.bits_for(client, self.payload_bits)
        if self.one_by_one and bits:
            delivery = self.simulation.start(
                self.cell.send_down([client], bits, cause_id), f"downlink to device-{client}"
            )
            yield from self._until(delivery, give_up_s)
            if not delivery.triggered:  # it goes on, and is paid for, but comes too late for this round
                return Trained(client, "late", self.simulation.now_s, NO_CAUSE, None)
            deliveries: Deliveries = delivery.value or {}
            if client not in deliveries:
                if received is not None:
                    received.succeed((self.simulation.now_s, NO_CAUSE))
                return Trained(client, "lost", self.simulation.now_s, NO_CAUSE, None)
            cause_id, _ = deliveries[client]
        if received is not None:
            received.succeed((self.simulation.now_s, cause_id))
        choice, start, checking_flop = None, base.vector_of(client), 0.0
        if candidates:
            choice, checking_flop = self._choose(base, client, candidates)
            start = candidates[choice]
        job = self.workload.next_job(
            client,
            base.version,
            start,
            mu,
            gradient_norm=gradient_norm,
            batch_size=batch_size,
            local_steps=local_steps,
        )
        validation = self._validate(base, client) if validates else None
        checking_flop += self.workload.trials.validation_flop(client) if validates else 0.0
        flop = self.workload.flop_of(job) + checking_flop
        earliest_s = self.simulation.now_s + flop / self.fleet.flop_per_s[client]
        handle = self.workload.jobs.submit(job, earliest_read_s=earliest_s)
        done = yield from self.fleet[client].compute(flop, cause_id, give_up_s)
        outcome: str = done.outcome
        if outcome != "completed":
            handle.discard()
        part = (
            self.workload.part_done(job, done.kept_flop - checking_flop) if partial_work and outcome == "late" else None
        )
        if part is not None:
            outcome, handle = "partial", self.workload.jobs.submit(part, self.simulation.now_s)
        if outcome in ("completed", "partial"):
            self.workload.keep(client, handle)
        peak_bytes = self.workload.peak_bytes
        self._record_training(
            done.span_id, client, job.index, base.version, done.start_s, done.end_s, done.flop, peak_bytes,
            done.energy_j, outcome,
        )  # fmt: skip
        exchanged = self.workload.task.exchanged_part
        return Trained(client, outcome, done.end_s, done.span_id, handle, exchanged, validation, choice)

    def _choose(self, base: Base, client: int, candidates: Sequence[ModelVector]) -> tuple[int, float]:
        """Return which model has the least loss on what the client trains on, and what finding out costs it [FLOP]."""
        if len(candidates) == 1:
            return 0, 0.0
        losses = self.workload.trials.losses(client, base.version, candidates)
        return int(losses.argmin()), self.workload.trials.losses_flop(client, len(candidates))

    def _validate(self, base: Base, client: int) -> Handle[EvaluationOutput | None]:
        return self.workload.trials.validate(client, base.version, base.vector_of(client))

    def _until(self, event: simpy.Event, give_up_s: float) -> Process:
        """Wait for an event, but not beyond `give_up_s`."""
        if math.isinf(give_up_s):
            yield event
        else:
            yield event | self.simulation.env.timeout(max(0.0, give_up_s - self.simulation.now_s))
