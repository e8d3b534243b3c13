"""Air-FedAvg: everybody trains, waits for the slowest, and transmits at once; the result replaces the model.

The synchronous baseline of Air-FedGA (Ma et al., IPDPS 2025, section V): one group holds all workers, a round takes
max_i l_i + L^u, and the power control is the same closed form. Deviation, our choice: with `deadline_s` a round goes on
without those who are not ready by then.
"""

from typing import Annotated, ClassVar

from algorithms.grouping.single import SingleGroup
from algorithms.payload import Payload
from algorithms.power_control.combination import check_combination
from algorithms.power_control.plan import PowerControl, SignalStatistics
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["AirFedavg"]


class AirFedavg(Part):
    """Synchronous federated averaging over the air."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "air-fedavg"
    power_control: Annotated[PowerControl, component("power-control")] = "air-fedga"  # type: ignore[assignment]
    payload: Annotated[Payload, component("payload")] = "model"  # type: ignore[assignment]
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        check_combination(self.power_control, self.payload)
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        while fed.serves(group):
            base = yield from fed.broadcast(group)
            results = yield from fed.train(base, self.deadline_s)
            turn = yield from fed.take_turn(results)
            with turn:
                if not turn.clients:
                    continue
                signals = self.payload.encode(turn.models, base.vector)
                plan = self.power_control.plan(turn.channel_state, SignalStatistics.of(signals), turn.weights)
                estimate = yield from fed.over_the_air(turn, signals, plan)
                if turn.delivered:
                    fed.server.mix(turn, self.payload.decode(estimate, base.vector), weight=1.0)
