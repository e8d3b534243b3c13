"""TiFL as Air-FedGA's comparison uses it: latency tiers, synchronous inside a tier, asynchronous between tiers.

Tiers: Chai et al., "TiFL: A Tier-based Federated Learning System", HPDC 2020. Asynchronous tiers with orthogonal
uploads and the tier's data share as mixing weight: Ma et al., IPDPS 2025, section V. (The original TiFL picks one tier
a round, synchronously; asynchronous tiers are also known as FedAT.)

    w_t = (1 - beta_j) w_(t-1) + beta_j sum_i (d_i / D_j) w^i

The tiers are a grouping like any other, so the same method with `greedy-refined` is Air-FedGA without the air. Our
choice: five tiers, as in the TiFL paper.
"""

from typing import Annotated, ClassVar, Literal

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.grouping.problem import Grouping
from algorithms.grouping.tier import TierGrouping
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Tifl"]


class Tifl(Part):
    """Asynchronous tiers with orthogonal uploads."""

    kind: str = "tifl"
    reads_trained_values: ClassVar[bool] = False

    grouping: Annotated[Grouping, component("grouping")] = TierGrouping(num_groups=5)  # the tiers
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side

    def start(self, fed: Federation) -> None:
        """Form the tiers, once, and serve each in a process of its own."""
        for group in fed.form_groups(self.grouping):
            fed.simulation.start(self.serve(fed, group), f"tier {group.index}")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One tier's life: receive, train, upload, be mixed in, again."""
        while fed.serves(group):
            base = yield from fed.broadcast(group)
            results = yield from fed.train(base)
            turn = yield from fed.take_turn(results)
            with turn:
                if not turn.clients:
                    continue
                models = yield from fed.upload(turn, self.access)
                if turn.delivered:
                    tier_model = weighted_mean(models, group.weights(turn.delivered))
                    fed.server.mix(turn, tier_model, weight=group.share_of(turn.delivered))
