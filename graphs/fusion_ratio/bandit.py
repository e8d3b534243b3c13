"""A bandit: the share whose recent rewards, with a bonus for rare plays, are largest. The fusion of FedGCF.

    index_a = mean_a + c_u sqrt(2 ln t / n_a)

UCB1 (Auer, Cesa-Bianchi and Fischer, Machine Learning 2002) over the last plays (sliding window: Garivier and Moulines,
ALT 2011), t the plays in the window and n_a those of arm a; an open arm without a play in the window goes first. One
bandit a cluster. That FedGCF uses a bandit is reported by third parties; the rest is our choice, see `arms.py`.

F3 of the specification is tested in `tests/graphs/fusion_ratio/test_bandit.py`.
"""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from graphs.fusion_ratio.arms import Arms, LearningRatio
from graphs.fusion_ratio.ratio import Shares
from testbed.layout import FloatArray

__all__ = ["Bandit", "ucb_indices"]


class Bandit(LearningRatio):
    """One upper-confidence bandit a cluster; draws nothing."""

    kind: str = "bandit"
    exploration: Annotated[float, Field(ge=0)] = 0.5  # c_u, the weight of the bonus for rare plays; 1 is UCB1

    def start(self, num_clusters: int, rng: np.random.Generator) -> Shares:
        """Return the shares at the start; see `FusionRatio.start`."""
        return _Bandits(self, self.fresh_arms(num_clusters))


class _Bandits:
    def __init__(self, settings: Bandit, arms: list[Arms]) -> None:
        self._settings = settings
        self.arms = arms

    def play(self, cluster: int) -> float:
        return self._settings.arms[self._choose(cluster)]

    def learn(self, cluster: int, accuracy: float, traffic_bytes: float) -> None:
        self.arms[cluster].learn(self._choose(cluster), accuracy, traffic_bytes)

    def _choose(self, cluster: int) -> int:
        arms = self.arms[cluster]
        fresh = arms.unplayed()
        if fresh is not None:
            return fresh
        indices = np.round(ucb_indices(arms.counts, arms.means, arms.num_counted, self._settings.exploration), 12)
        return max(arms.opened, key=lambda arm: (indices[arm], -arm))


def ucb_indices(counts: FloatArray, means: FloatArray, num_plays: int, exploration: float) -> FloatArray:
    """Return mean_a + c_u sqrt(2 ln t / n_a) of each arm: (num_arms,); infinite where it was not played.

    Parameters
    ----------
    counts, means : (num_arms,) n_a plays and their mean reward.
    num_plays : t >= 1.
    exploration : c_u >= 0.

    >>> ucb_indices(np.array([2, 1, 1]), np.array([0.5, 0.6, 0.4]), 4, 1.0).round(6).tolist()
    [1.67741, 2.265109, 2.065109]
    """
    bonus = exploration * np.sqrt(2 * math.log(num_plays) / np.maximum(counts, 1))
    return np.where(counts > 0, means + bonus, np.inf)
