"""Synchronous rounds over the air: what Air-FedAvg and Dynamic share, which differ in whom a round asks.

The server asks those whom `selection` chooses, waits for the slowest of them, and lets them transmit at once; what it
decodes replaces the model:

    w_t = wtilde_t ,        wtilde_t ~ sum_(i in S) (d_i / D_S) w_t^i        over those S who transmit

Deviations, our choice: with `deadline_s` a round goes on without those who are not ready by then; who is away at the
transmission is left out and the weights are renormalised.
"""

from typing import Annotated

from algorithms.grouping.single import SingleGroup
from algorithms.over_the_air.foretelling import why_unforeseeable
from algorithms.over_the_air.transmission_plans import TransmissionPlans
from algorithms.payload import Payload
from algorithms.power_control.combination import check_combination
from algorithms.power_control.plan import PowerControl
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.scheduler import Scheduler
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["SynchronousRounds"]


class SynchronousRounds(Part):
    """The base of the methods in which everybody who is asked transmits at once."""

    power_control: Annotated[PowerControl, component("power-control")] = "air-fedga"  # type: ignore[assignment]  # gains of senders and receiver
    payload: Annotated[Payload, component("payload")] = "model"  # type: ignore[assignment]  # what is on the air: models or updates
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    @property
    def reads_trained_values(self) -> bool:
        """Whether whom a round asks depends on what was learnt: over the air, energies follow from norms."""
        return self.selection.reads_norms

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        obstacle = why_unforeseeable(fed, self.selection, self.deadline_s)
        check_combination(self.power_control, self.payload, channels_known=obstacle is None, because=obstacle or "")
        plans = TransmissionPlans(fed, self.power_control, foreseeable=obstacle is None)
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group, plans), "all clients")

    def serve(self, fed: Federation, group: Group, plans: TransmissionPlans) -> Process:
        """One round after another."""
        scheduler = Scheduler(fed, self.selection)
        while fed.serves(group):
            base = yield from fed.broadcast(group, scheduler.choose)
            results = yield from fed.train(base, self.deadline_s)
            turn = yield from fed.take_turn(results)
            with turn:
                if turn.clients:
                    signals = self.payload.encode(turn.models, base.vector)
                    estimate = yield from fed.over_the_air(turn, signals, plans.plan(turn, signals))
                    if turn.delivered:
                        fed.server.mix(turn, self.payload.decode(estimate, base.vector), weight=1.0)
            scheduler.end_round(turn)
