"""Label-balanced tiers: windows of similar training time, inside which each class is dealt round-robin over groups.

The windows are those of `tier-width`, so every group keeps the similarity constraint of Air-FedGA (Ma et al., IPDPS
2025, P4). A window's clients, ordered by their most frequent class, are dealt one by one over its groups, so any two
groups of a window differ by at most one client of each class and by at most one in size.

Our choice: the number of groups in a window is a setting (the fewer, the richer each in labels; one gives `tier-width`
itself); a window of fewer clients has a group for each; ties between classes as in `label_mix.py`.
"""

import numpy as np
from pydantic import PositiveInt

from algorithms.grouping.label_mix import dominant_class
from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from algorithms.grouping.tier_width import latency_windows
from testbed.settings import Fraction, Part

__all__ = ["LabelBalancedTier"]


class LabelBalancedTier(Part):
    """Groups of similar speed that share out the classes of their window."""

    kind: str = "label-balanced-tier"
    xi: Fraction = 0.3  # [paper], swept there from 0 to 1
    groups_per_window: PositiveInt  # among which clients of similar speed are dealt by class

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups; the rule draws nothing from `rng`."""
        class_of, groups = dominant_class(problem), []
        for window in latency_windows(problem, self.xi):
            deal = window[np.argsort(class_of[window], kind="stable")]
            groups += [deal[first :: self.groups_per_window].tolist() for first in range(self.groups_per_window)]
        return as_partition(groups)
