"""TiFL: one latency tier a round, chosen more often the worse the model serves it; synchronous inside the round.

Chai et al., "TiFL: A Tier-based Federated Learning System", HPDC 2020, Alg. 2 (adaptive tier selection):

1. Clients are profiled and cut into tiers by latency, once.
2. Each round a tier with credits left is drawn by the tiers' probabilities and pays a credit.
3. C clients of it, at random, train; the weighted mean of their models is the new model.
4. Every I rounds the probabilities are computed anew from the tiers' test accuracies, lower accuracy, higher odds
   (`selection/tier_odds.py`).

A tier's accuracy is what the test set says of its members' pooled mix of labels; evaluating costs no simulated time.
Since it decides who trains, the timeline depends on trained values.

Deviations, our choice: odds are by default proportional to 1 - accuracy; `rank` is the paper's. They are recomputed
every I rounds whether or not the last tier's accuracy rose (the paper: only if not). All tiers have equally many
credits; when every tier that has clients left is out of credits, all get them anew, so that a run ends at its horizon.
Profiling is exact and free. Who is away is not drawn; a tier of fewer than C trains whole.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import PositiveInt

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.grouping.problem import Grouping
from algorithms.grouping.tier import TierGrouping
from algorithms.selection.tier_odds import Odds, TierOdds, tier_probabilities
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part, component
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["TiflSync"]


class TiflSync(Part):
    """Synchronous rounds of one tier each, chosen adaptively."""

    kind: str = "tifl-sync"
    reads_trained_values: ClassVar[bool] = True

    grouping: Annotated[Grouping, component("grouping")] = TierGrouping(num_groups=5)  # five tiers [paper]
    num_clients: PositiveInt = 5  # C [paper: 5 of a tier of 10]
    credits: PositiveInt = 20  # of every tier; our choice
    interval_rounds: PositiveInt = 10  # I; our choice
    odds: Odds = "accuracy"  # of a tier: by 1 minus its accuracy, or by its rank
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side

    def start(self, fed: Federation) -> None:
        """Form the tiers, once, and start the rounds."""
        fed.simulation.start(self.serve(fed, fed.form_groups(self.grouping)), "tiers")

    def serve(self, fed: Federation, tiers: list[Group]) -> Process:
        """One round after another."""
        odds, num_rounds = TierOdds.even(len(tiers), self.credits), 0
        while alive := tuple(tier.index for tier in tiers if fed.serves(tier)):
            if num_rounds and num_rounds % self.interval_rounds == 0:
                probabilities = tier_probabilities(fed.evaluate(tiers), self.odds)
                odds = TierOdds(probabilities, odds.credits)
            if not odds.choosable(alive):
                odds = TierOdds(odds.probabilities, (self.credits,) * len(tiers))
            rng = fed.simulation.stream(Purpose.SELECTION, num_rounds)
            tier = tiers[odds.draw(odds.choosable(alive), rng)]
            odds, num_rounds = odds.spend(tier.index), num_rounds + 1
            base = yield from fed.broadcast(tier, self._sample(rng))
            results = yield from fed.train(base)
            turn = yield from fed.take_turn(results)
            with turn:
                if not turn.clients:
                    continue
                models = yield from fed.upload(turn, self.access)
                if turn.delivered:
                    fed.server.mix(turn, weighted_mean(models, tier.weights(turn.delivered)), weight=1.0)

    def _sample(self, rng: np.random.Generator) -> Callable[[Sequence[int]], Sequence[int]]:
        """Return the choice of C of those who are there, ascending, each subset equally likely."""

        def choose(present: Sequence[int]) -> Sequence[int]:
            return sorted(rng.choice(present, min(self.num_clients, len(present)), replace=False).tolist())

        return choose
