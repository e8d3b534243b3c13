"""Latency tiers: clients sorted by training time and cut into equal parts, as in TiFL.

Chai et al., "TiFL: A Tier-based Federated Learning System", HPDC 2020; in the comparison of Air-FedGA (Ma et al.,
IPDPS 2025, Table III) seven such tiers have a mean label distance of 0.69.
"""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.fixed_number import FixedNumber
from algorithms.grouping.problem import GroupingProblem

__all__ = ["TierGrouping"]


class TierGrouping(FixedNumber):
    """Groups of similar speed and, up to one member, equal size; labels play no part."""

    kind: str = "tier"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
        """Return the tiers, fastest first; the rule draws nothing from `rng`."""
        return np.array_split(np.argsort(problem.training_times_s, kind="stable"), self.num_groups)
