"""The verbs of a federation for payloads of unequal size: models written for each client, updates written by each.

A round of a method that compresses goes, in the paper's order,

    base = yield from fed.send_packets(group, choose, write)       # write: those asked -> a `Packet` each
    answers = yield from fed.train_and_answer(base, orders)        # orders: client -> `Order`

Everybody goes at its own pace: it trains as soon as its packet is there and uploads as soon as it has trained, over its
own link where devices have such, else in turns on the shared uplink. What is charged is what the codec foretells; what
arrives is what was encoded, and both sizes must agree. Rows of the table `packet`. A mix-in of `federation.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.worlds.group import Group
from algorithms.worlds.local_work import LocalWork
from algorithms.worlds.packet_rows import PACKET
from algorithms.worlds.participation import Choice
from algorithms.worlds.round import Base, Results, RoundTurn, Trained
from algorithms.worlds.server import ModelVector
from algorithms.worlds.uploads import Uploads
from channels.codecs.codec import Codec, Encoded
from channels.codecs.error_feedback import encode_with_feedback
from testbed.layout import FloatArray
from testbed.records import NO_CAUSE
from testbed.simulation import Process

__all__ = ["Answer", "Answers", "Order", "Packet", "Packets", "Writer"]


@dataclass(frozen=True)
class Packet:
    """The global model as it is written for a client, and what that client makes of it, `(num_entries,)`."""

    encoded: Encoded
    model: ModelVector


@dataclass(frozen=True)
class Order:
    """What a client does with the packet it was sent.

    Attributes
    ----------
    codec : how it writes its answer.
    what : whether that is the update, new minus received, or the new model.
    batch_size, local_steps : of its training; None: as the scenario says.
    residual : (num_entries,) what its last answers left out and this one makes up for, with error feedback.
    """

    codec: Codec
    what: Literal["update", "model"] = "update"
    batch_size: int | None = None
    local_steps: int | None = None
    residual: FloatArray | None = None


@dataclass(frozen=True)
class Answer:
    """What reached the server: `sent : (num_entries,)`, and what is still to be made up for."""

    sent: npt.NDArray[np.float32]
    residual: FloatArray


@dataclass
class Answers(RoundTurn):
    """A round's answers, by client, ascending; who is not in `answers` did not get through."""

    answers: dict[int, Answer] = field(default_factory=dict)

    def mean(self) -> npt.NDArray[np.float64]:
        """Return the plain mean of what arrived, `(num_entries,)`; every client counts alike."""
        return np.asarray(np.stack([answer.sent for answer in self.answers.values()]).mean(axis=0, dtype=np.float64))


Writer: TypeAlias = Callable[[tuple[int, ...]], Mapping[int, Packet]]


class Packets(Uploads, LocalWork):
    """How models and updates that are encoded client by client go round."""

    @property
    def tensors(self) -> tuple[slice, ...]:
        """Which entries of what travels are which tensor, in order."""
        runs, stop, tensors = self.workload.task.exchanged, 0, []
        for slot in self.workload.task.layout:
            if any(run.start <= slot.start and slot.stop <= run.stop for run in runs):
                tensors.append(slice(stop, stop + slot.stop - slot.start))
                stop = tensors[-1].stop
        return tuple(tensors)

    def size_bits(self, codec: Codec) -> float:
        """Return what a model or an update takes in this codec [bit]."""
        return float(codec.size_bits(self.workload.num_entries, len(self.tensors)))

    def send_packets(self, group: Group, choose: Choice | None, write: Writer) -> Process:
        """Send members who are there a packet each (waiting for the first); return the `Base`.

        `choose` : see `broadcast`. `write` : is given those asked and returns their packets. Where all are served at
        once, packets that are the same object are sent once.
        """
        cause_id, asked = yield from self._ask(group, choose)
        version, vector, packets = self.server.version, self.server.vector, write(asked)
        record, now_s = self.simulation.records.open(PACKET), self.simulation.now_s
        for client in asked:
            packet = packets[client]
            record(now_s, client, "down", version, float(packet.encoded.bits), _nmse(packet.model, vector))
        bits = {client: float(packets[client].encoded.bits) for client in asked}
        arrivals = dict.fromkeys(asked, cause_id)
        if not self.one_by_one:
            distinct = {id(packets[client].encoded): bits[client] for client in asked}
            deliveries = yield from self.cell.send_down(asked, sum(distinct.values()), cause_id)
            arrivals = {client: span_id for client, (span_id, _) in deliveries.items()}
        models = {client: packets[client].model for client in asked}
        return Base(group, version, vector, arrivals, cause_id, models, bits)

    def train_and_answer(self, base: Base, orders: Mapping[int, Order]) -> Process:
        """Let everybody who received `base` train and upload at its own pace; return the `Answers` of the round."""
        runs = {
            client: self.simulation.start(self._answer(base, client, orders[client]), f"device-{client}")
            for client in base.arrivals
        }
        done = Answers(base, ())
        trained: list[Trained] = []
        last_s, last_id = -1.0, NO_CAUSE
        for client in sorted(runs):
            member, turn, end_s, span_id = yield runs[client]
            if span_id != NO_CAUSE and end_s > last_s:
                last_s, last_id = end_s, span_id
            if turn is not None:
                done.energies_j |= turn.energies_j
            if turn is not None and turn.delivered:
                trained.append(member)
        done.trained, done.delivered = tuple(trained), [member.client for member in trained]
        if last_id == NO_CAUSE:  # nobody even got the packet
            last_id = base.cause_id
        done.span_id = self._releases.catch_up(base.group, last_id)
        self._releases.follow(base.group, done.span_id)
        done.answers = {member.client: self._read(base, member, orders[member.client]) for member in trained}
        return done

    def foresee_members(
        self, clients: list[int], down_bits: npt.NDArray[np.float64], up_bits: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return what both transfers of each take alone [s], and a sample of training [s/sample], `(num_clients,)`.

        As everything stands now; asking changes nothing. Downloads count where each has a delivery of its own.
        """
        downloads_s = self.cell.foresee_download_s(clients, 1.0) * down_bits
        transfers_s = downloads_s + self.cell.foresee_upload_now_s(clients, up_bits)
        return transfers_s, np.asarray(self.workload.cost.flop(1) / self.fleet.flop_per_s[clients])

    def _answer(self, base: Base, client: int, order: Order) -> Process:
        """Return the member, its turn (None without one), and when and with which span it ended."""
        work = self._train_member(base, client, batch_size=order.batch_size, local_steps=order.local_steps)
        member: Trained = yield from work
        if member.outcome != "completed":
            self._left_out(base.group, [client], member.outcome, member.ready_s)
            return member, None, member.ready_s, member.span_id
        with (yield from self.take_turn(Results(base, (member,), member.span_id), alone=client)) as turn:
            if turn.clients:
                yield from self._send_digitally(turn, "tdma", bits=self.size_bits(order.codec))
        return member, turn, self.simulation.now_s, turn.span_id

    def _read(self, base: Base, member: Trained, order: Order) -> Answer:
        """Return what the server reads out of an answer that arrived."""
        new = member.parameters.astype(np.float64)
        wanted = new - base.vector_of(member.client) if order.what == "update" else new
        feedback = encode_with_feedback(order.codec, wanted, self.tensors, order.residual)
        if feedback.encoded.bits != self.size_bits(order.codec):
            raise RuntimeError(
                f"client {member.client} was charged {self.size_bits(order.codec):g} bit, its answer has "
                f"{feedback.encoded.bits:g}"
            )
        nmse = _nmse(feedback.sent, feedback.sent + feedback.residual)
        record = self.simulation.records.open(PACKET)
        record(self.simulation.now_s, member.client, "up", base.version, float(feedback.encoded.bits), nmse)
        return Answer(feedback.sent, feedback.residual)


def _nmse(received: FloatArray, wanted: FloatArray) -> float:
    """Return ||received - wanted||^2 / ||wanted||^2; 0 where nothing was wanted and nothing came."""
    error = float(np.sum((received - wanted.astype(np.float64)) ** 2))
    return error / float(np.sum(wanted.astype(np.float64) ** 2)) if error > 0 else 0.0
