"""Epsilon-greedy: the share of the largest mean reward, and now and then any open one. Textbook (Sutton and Barto).

Our choice, as an alternative to `bandit` with the same arms and rewards: whether the next play is a trial, and of
which arm, is drawn when the last one is learnt from, so asking twice changes nothing.
"""

import numpy as np

from graphs.fusion_ratio.arms import Arms, LearningRatio
from graphs.fusion_ratio.ratio import Shares
from testbed.settings import Fraction

__all__ = ["EpsilonGreedy"]


class EpsilonGreedy(LearningRatio):
    """The best share so far, with a chance of a trial."""

    kind: str = "epsilon-greedy"
    trial_probability: Fraction = 0.1  # epsilon, of playing an open arm at random

    def start(self, num_clusters: int, rng: np.random.Generator) -> Shares:
        """Return the shares at the start; see `FusionRatio.start`."""
        return _Greedy(self, self.fresh_arms(num_clusters), rng)


class _Greedy:
    def __init__(self, settings: EpsilonGreedy, arms: list[Arms], rng: np.random.Generator) -> None:
        self._settings = settings
        self._rng = rng
        self.arms = arms
        self._next = [cluster.opened[0] for cluster in arms]

    def play(self, cluster: int) -> float:
        return self._settings.arms[self._next[cluster]]

    def learn(self, cluster: int, accuracy: float, traffic_bytes: float) -> None:
        arms = self.arms[cluster]
        arms.learn(self._next[cluster], accuracy, traffic_bytes)
        luck, pick = self._rng.random(2)  # two numbers a play, whichever way it goes
        fresh = arms.unplayed()
        if fresh is not None:
            self._next[cluster] = fresh
        elif luck < self._settings.trial_probability:
            self._next[cluster] = arms.opened[int(pick * len(arms.opened))]
        else:
            self._next[cluster] = arms.best()
