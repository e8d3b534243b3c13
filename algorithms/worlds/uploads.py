"""The uplink verbs of a federation: a group's turn, and what is sent in it over the air or digitally.

A mix-in of `federation.py`, which holds the state.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import simpy

from algorithms.power_control.plan import Plan
from algorithms.worlds.channel_state import channel_state
from algorithms.worlds.group import Group
from algorithms.worlds.participation import Participation
from algorithms.worlds.round import Base, Results, RoundTurn, Trained
from channels.aircomp import aggregation_error
from channels.cell import Cell
from testbed.layout import FloatArray
from testbed.simulation import Process

__all__ = ["Uploads"]


class Uploads(Participation):
    """How what was learnt reaches the server."""

    cell: Cell
    payload_bits: float
    _record_aggregation: Callable[..., None]

    def take_turn(self, results: Results, alone: int | None = None) -> Process:
        """Wait for the uplink on behalf of those who are ready; return the `RoundTurn` (empty if nobody is there).

        `alone` : the only one who is ready; with a link of its own it waits for that link, not for the shared uplink.
        """
        base = results.base
        if not results.trained:
            self._releases.follow(base.group, results.cause_id)
            return RoundTurn(base, ())
        mac_turn = yield from self.cell.take_turn(f"group-{base.group.index}", results.cause_id, alone)
        now_s = self.simulation.now_s
        clients = set(self.those_here([member.client for member in results.trained]))
        here = tuple(member for member in results.trained if member.client in clients)
        for member in results.trained:
            if now_s > member.ready_s:
                entity = f"device-{member.client}"
                self.simulation.records.span(entity, "wait", member.ready_s, now_s, member.span_id)
        absent = {member.client for member in results.trained} - clients
        self._left_out(base.group, absent, "absent-at-transmission")
        if not here:
            mac_turn.close()
            self._releases.follow(base.group, mac_turn.cause_id)
            return RoundTurn(base, (), span_id=mac_turn.cause_id)
        turn = RoundTurn(base, here, mac_turn)
        turn.channel_state = channel_state(self.cell, turn.clients, now_s)
        return turn

    def over_the_air(self, turn: RoundTurn, signals: FloatArray, plan: Plan) -> Process:
        """Let the turn's clients transmit `signals : (num_clients, num_entries)` at once; return the estimate r y.

        Those whom the plan silences do not transmit; `turn.delivered` holds the others. If it silences everybody,
        nothing is sent and the estimate is zero.
        """
        assert turn.mac_turn is not None and turn.channel_state is not None
        active = np.flatnonzero(plan.active)
        group, everybody = turn.base.group, turn.clients
        clients = [everybody[i] for i in active]
        self._left_out(group, set(everybody) - set(clients), "silenced")
        if not clients:
            self._releases.follow(group, turn.mac_turn.catch_up())
            return np.zeros(signals.shape[1])
        sender = f"group-{group.index}"
        sent = signals if len(active) == len(signals) else signals[active]  # signals of many clients are large
        reception = yield from self.cell.superpose(
            turn.mac_turn,
            clients,
            sent,
            plan.gains[active],
            sender,
            group=everybody,
            noiseless=plan.noiseless,
        )
        turn.delivered, turn.span_id = clients, reception.span_id
        turn.energies_j = dict(zip(clients, reception.energies_j.tolist(), strict=True))
        turn.norms = dict(zip(clients, np.linalg.norm(sent, axis=1).tolist(), strict=True))
        self._releases.follow(group, turn.span_id)
        estimate = plan.receive_scale * reception.received
        weights = group.weights(clients)
        error = aggregation_error(reception.received, plan.receive_scale, weights, sent)
        wanted_energy = float(np.sum((weights @ sent) ** 2))
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

    def upload(self, turn: RoundTurn, access: Literal["tdma", "ofdma"], extra_bits: float = 0.0) -> Process:
        """Let the turn's clients upload their models digitally; return those that arrived, `(num_entries,)` each.

        `access` : one after another (tdma), or side by side in equal shares of the band (ofdma).
        `extra_bits` : what goes with each model [bit].
        `turn.delivered` says whose they are. They are what the clients hold, not copies of it, and read-only.
        """
        learnt = turn.models
        arrived = yield from self._send_digitally(turn, access, extra_bits)
        return [model for model, there in zip(learnt, arrived, strict=True) if there]

    def _send_digitally(
        self, turn: RoundTurn, access: Literal["tdma", "ofdma"], extra_bits: float = 0.0, bits: float | None = None
    ) -> Process:
        """Send, note what was delivered and return whether each upload arrived, a list of bool; reads no value.

        `bits` : what each sends; None: a model and `extra_bits` [bit].
        """
        assert turn.mac_turn is not None
        bits = self.payload_bits + extra_bits if bits is None else bits
        if access == "ofdma":
            cause_id = turn.mac_turn.cause_id
            uploads = yield from self.cell.send_up_ofdma(turn.mac_turn, turn.clients, bits, cause_id)
        else:
            uploads = []
            for client in turn.clients:
                cause_id = turn.mac_turn.cause_id
                upload = yield from self.cell.send_up(turn.mac_turn, client, bits, cause_id)
                uploads.append(upload)
        turn.span_id = uploads[-1].span_id
        turn.energies_j = {c: upload.energy_j for c, upload in zip(turn.clients, uploads, strict=True)}
        self._releases.follow(turn.base.group, turn.span_id)
        arrived = [upload.delivered for upload in uploads]
        turn.delivered = [client for client, there in zip(turn.clients, arrived, strict=True) if there]
        self._left_out(turn.base.group, set(turn.clients) - set(turn.delivered), "undelivered")
        return arrived

    def await_server(self, alone: Group, event: simpy.Event, cause_id: int) -> Process:
        """Let the one member of `alone` wait for something the server does, its upload `cause_id` being over."""
        start_s = self.simulation.now_s
        yield event
        if self.simulation.now_s > start_s:
            self.simulation.records.span(f"device-{alone.members[0]}", "wait", start_s, self.simulation.now_s, cause_id)

    def _upload_in_order(
        self, base: Base, members: Mapping[int, simpy.Process], order: Sequence[int], cause_id: int
    ) -> Process:
        """Let `order` upload one after another, each in a turn of its own; return the `RoundTurn` of what arrived.

        `members` : client -> the process that trains it; `cause_id` : the span that ended now and opened the uplink.
        """
        arrived: list[Trained] = []
        done = RoundTurn(base, ())
        for client in order:
            waited_s = self.simulation.now_s
            member: Trained = yield members[client]
            if self.simulation.now_s > waited_s:  # the channel was free and waited for this client
                cause_id = member.span_id
            if member.outcome != "completed":
                self._left_out(base.group, [client], member.outcome, member.ready_s)
                continue
            with (yield from self.take_turn(Results(base, (member,), cause_id))) as turn:
                if turn.clients:
                    yield from self._send_digitally(turn, "tdma")
                    arrived += turn.trained if turn.delivered else ()
                cause_id = done.span_id = turn.span_id
        self._releases.follow(base.group, cause_id)
        arrived.sort(key=lambda member: member.client)
        done.trained = tuple(arrived)
        done.delivered = [member.client for member in arrived]
        return done
