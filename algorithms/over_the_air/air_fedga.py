"""Air-FedGA: groups aggregate synchronously over the air, the server mixes them in asynchronously.

Paper: Ma et al., "Air-FedGA: A Grouping Asynchronous Federated Learning Mechanism Exploiting Over-The-Air
Computation", IPDPS 2025. Implemented: Alg. 1 (protocol), Alg. 2 (power control, in `power_control/air_fedga.py`),
Alg. 3 (grouping, in `grouping/greedy.py`) and the asynchronous update

    w_t = (1 - beta_j) w_(t-1) + beta_j * wtilde_t ,        beta_j = D_j / D ,

with wtilde_t the group model as the channel delivered it and w_(t-1) the global model when the transmission ends. There
is no staleness discount.

Deviations. Our choice: the uplink is one contended resource, first come first served (the paper's L_j has no queue);
READY and EXECUTE cost nothing; a member that is away at the transmission is left out, the group's weights are
renormalised, and the mixing weight is the data share of those who transmitted. Payload "delta" is ours: members send
what they learnt instead of the model, so that noise and shrinkage act on the update alone.

Expected results: `tests/algorithms/test_air_fedga.py` (limits and invariants), `docs/scenarios.md` (comparisons).
"""

from typing import Annotated, ClassVar

from algorithms.grouping.problem import Grouping
from algorithms.payload import Payload
from algorithms.power_control.combination import check_combination
from algorithms.power_control.plan import PowerControl, SignalStatistics
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["AirFedga"]


class AirFedga(Part):
    """Grouping asynchronous federated learning over the air."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "air-fedga"
    power_control: Annotated[PowerControl, component("power-control")] = "air-fedga"  # type: ignore[assignment]  # gains of senders and receiver
    grouping: Annotated[Grouping, component("grouping")] = "greedy-refined"  # type: ignore[assignment]  # who transmits with whom
    payload: Annotated[Payload, component("payload")] = "model"  # type: ignore[assignment]  # what is on the air: models or updates

    def start(self, fed: Federation) -> None:
        """Form the groups, once, and serve each in a process of its own."""
        check_combination(self.power_control, self.payload)
        for group in fed.form_groups(self.grouping):
            fed.simulation.start(self.serve(fed, group), f"group {group.index}")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One group's life: receive, train, transmit together, be mixed in, again."""
        while fed.serves(group):
            base = yield from fed.broadcast(group)
            results = yield from fed.train(base)
            turn = yield from fed.take_turn(results)
            with turn:
                if not turn.clients:
                    continue
                signals = self.payload.encode(turn.models, base.vector)
                plan = self.power_control.plan(turn.channel_state, SignalStatistics.of(signals), turn.weights)
                estimate = yield from fed.over_the_air(turn, signals, plan)
                group_model = self.payload.decode(estimate, base.vector)
                if turn.delivered:
                    fed.server.mix(turn, group_model, weight=group.share_of(turn.delivered))
