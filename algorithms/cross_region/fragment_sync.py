"""Fragment by fragment, while training goes on: what Streaming DiLoCo and CoCoDC share.

    every inner step t of region m:
        for a fragment p whose transfer is due at t (t = t_p + tau):
            wait until it has arrived                                              (a stall, if it has not)
            G_p <- outer_p.step(G_p, mean_m Delta^m_p)
            th^m_p <- compensation(th^m_p, s^m_p, G_p)
        for a fragment p that the schedule sends at t:
            s^m_p <- th^m_p ,  start the all-reduce of Delta^m_p = G_p - s^m_p

G_p is the state after its last outer step, never the blended local value; s^m_p is a copy, dropped once it is applied.
Fragments that are not sent train on locally and never block.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from algorithms.compensation.flight import Compensation, Flight
from algorithms.cross_region.anchor import Anchor
from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import Fragment, Pattern, fragment
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from algorithms.schedules.calendar import Calendar, Schedule
from algorithms.worlds.exchange import Exchange
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import Replica
from channels.codecs.codec import Codec
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["FragmentSync"]

STREAMING_STEPS: Final = 100


@dataclass(frozen=True, eq=False)
class _Transfer:
    """A fragment on its way, as one region sees it: what it sent, and when the result is due."""

    fragment: Fragment
    sent: FloatArray
    exchange: Exchange
    apply_step: int
    interval_steps: int


class FragmentSync(Part):
    """The base of the methods that exchange fragments in turn and overlap the exchange with training."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ("anchor", "region_0")
    sync_every: Annotated[int, Field(ge=1)] = STREAMING_STEPS  # H: inner steps in which every fragment has its turn
    num_fragments: Annotated[int, Field(ge=1)] = 4  # K
    fragment_sync_delay: Annotated[int, Field(ge=0)] | None = 5  # tau: inner steps a transfer may take; None: as needed
    fragment_pattern: Pattern = "strided"  # which layers make a fragment
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")]  # how the global model moves
    schedule: Annotated[Schedule, component("schedule")]  # when which fragment is sent
    compensation: Annotated[Compensation, component("compensation")]  # what becomes of the local fragment
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the fragment's next payload

    @property
    def reads_trained_values(self) -> bool:
        """Whether which fragment goes next depends on what was learnt."""
        return self.schedule.reads_trained_values

    def start(self, world: Regions) -> None:
        """Cut the model into fragments and let every region train."""
        fragments = fragment(world.workload.task.layout, self.num_fragments, self.fragment_pattern)
        contributions = Contributions(world, self.codec, self.error_feedback)
        delay = self.fragment_sync_delay
        if delay is None:
            delay = _steps_needed(world, contributions, fragments)
        calendar = self.schedule.start(self.num_fragments, self.sync_every, delay)
        anchor = Anchor(world, fragments, self.outer_optimizer)
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, anchor, calendar, contributions, delay))

    def train(
        self, world: Regions, replica: Replica, anchor: Anchor, calendar: Calendar, out: Contributions, delay: int
    ) -> Process:
        """The life of one region."""
        flights: deque[_Transfer] = deque()
        sent_at = [0] * self.num_fragments
        while world.goes_on(replica):
            due = flights[0].apply_step if flights else math.inf
            yield from world.train(replica, min(due, calendar.next_send_after(replica.step)))
            step = replica.step
            while flights and flights[0].apply_step == step:
                yield from self.apply(world, replica, anchor, calendar, flights.popleft())
            for index in calendar.sends(step):
                world.note_pace(calendar)
                part = anchor.fragments[index]
                sent = part.gather(replica.parameters)
                exchange = out.offer(replica, part, anchor.part(part) - sent)
                flights.append(_Transfer(part, sent, exchange, step + delay, step - sent_at[index]))
                sent_at[index] = step
                if delay == 0:
                    yield from self.apply(world, replica, anchor, calendar, flights.popleft())

    def apply(self, world: Regions, replica: Replica, anchor: Anchor, calendar: Calendar, flight: _Transfer) -> Process:
        """Receive a fragment: move the global one, if this region is the first, and the local one towards it."""
        fragment, exchange = flight.fragment, flight.exchange
        mean = yield from world.wait_for(replica, exchange)
        if anchor.receive(fragment, exchange, flight.apply_step):
            calendar.received(flight.apply_step, fragment.index, mean, exchange.transfer_s, exchange.step_s)
        local = replica.parameters.copy()
        moved = self.compensation.apply(
            fragment.gather(local),
            flight.sent,
            anchor.part(fragment),
            Flight(
                delay_steps=flight.apply_step - exchange.send_step,
                interval_steps=flight.interval_steps,
                sync_every=self.sync_every,
                tensors=fragment.tensors,
            ),
        )
        fragment.scatter(local, np.asarray(moved, dtype=np.float32))
        replica.parameters = local


def _steps_needed(world: Regions, out: Contributions, fragments: tuple[Fragment, ...]) -> int:
    """Return the smallest delay with which nobody stalls on the idle network: ceil(T_s / T_c), at least 1."""
    members = [replica.region for replica in world.replicas]
    slowest_s = max(world.network.foresee_all_reduce_s(members, out.bits(part)) for part in fragments)
    return max(1, math.ceil(slowest_s / float(world.step_s.min()) - 1e-9))
