"""Latency tiers: clients sorted by training time and cut into equal parts, as in TiFL.

Chai et al., "TiFL: A Tier-based Federated Learning System", HPDC 2020; in the comparison of Air-FedGA (Ma et al.,
IPDPS 2025, Table III) seven such tiers have a mean label distance of 0.69.
"""

import numpy as np
from pydantic import PositiveInt

from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from testbed.settings import Part

__all__ = ["TierGrouping"]


class TierGrouping(Part):
    """Groups of similar speed and, up to one member, equal size; labels play no part."""

    kind: str = "tier"
    num_groups: PositiveInt

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the tiers; the rule draws nothing from `rng`.

        Raises
        ------
        RequestError : more groups than clients.
        """
        problem.require_clients_for(self.kind, self.num_groups)
        by_speed = np.argsort(problem.training_times_s, kind="stable")
        return as_partition([tier.tolist() for tier in np.array_split(by_speed, self.num_groups)])
