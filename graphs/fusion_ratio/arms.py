"""What rules that learn a share have in common: the arms, the order in which they open, the reward, the window.

    arms beta in {0, .1, ..., 1};  first each coarse arm once;  then the neighbours of the best open, and are played
    reward = 0.5 + 0.5 clip((accuracy - ema) / 0.05, -1, 1) - kappa (bytes / bytes_ref - 1)

Accuracy rises anyway, so an arm played late would look good: the reward is the improvement over an exponential moving
average, and means are over the last plays only. All of it is our choice; FedGCF (arXiv 2412.18845) is said to choose
its ratio by a bandit from the state of the system and the progress of training. The first accuracy is its own average;
bytes_ref is the traffic of a cluster's first round.
"""

import math
from collections import deque
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Fraction, Part

__all__ = ["Arms", "LearningRatio", "check_outcome"]

_FULL_REWARD = 0.05  # an improvement of so much accuracy is worth all there is


def check_outcome(accuracy: float, traffic_bytes: float) -> None:
    """Refuse what cannot be the outcome of a round; see `Shares.learn`."""
    if not 0 <= accuracy <= 1:
        raise RequestError(f"accuracy = {accuracy}: a share learns from an accuracy in [0, 1]")
    if not (math.isfinite(traffic_bytes) and traffic_bytes >= 0):
        raise RequestError(f"traffic_bytes = {traffic_bytes}: must be at least 0 and finite")


class LearningRatio(Part):
    """Base of the rules that learn: their settings."""

    arms: tuple[Fraction, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares to choose from
    coarse: tuple[Fraction, ...] = (0.5, 0.0, 1.0, 0.2, 0.8)  # of these the first to be played, in this order
    window: PositiveInt = 20  # plays that count, the last ones; at least as many as arms
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.8  # of the moving average that accuracy is compared with
    traffic_penalty: Annotated[float, Field(ge=0)] = 0.0  # kappa, of the traffic above that of the first round

    @model_validator(mode="after")
    def _check_arms(self) -> Self:
        if not self.arms or list(self.arms) != sorted(set(self.arms)):
            raise ValueError(f"arms = {list(self.arms)}: must be different shares in ascending order, at least one")
        if not self.coarse or len(set(self.coarse)) < len(self.coarse) or not set(self.coarse) <= set(self.arms):
            raise ValueError(f"coarse = {list(self.coarse)}: must be different ones of arms, at least one")
        if self.window < len(self.arms):
            raise ValueError(f"window = {self.window}: must have room for a play of each of the {len(self.arms)} arms")
        return self

    def fresh_arms(self, num_clusters: int) -> list["Arms"]:
        """Return what each cluster knows of the arms before the first round: nothing.

        Raises
        ------
        RequestError : fewer than one cluster.
        """
        if num_clusters < 1:
            raise RequestError(f"num_clusters = {num_clusters}: a {self.kind} needs at least one cluster")
        return [Arms(self) for _ in range(num_clusters)]


class Arms:
    """What one cluster knows of its arms: which are open, and the last plays with their rewards.

    Attributes
    ----------
    opened : places of the open arms, in the order of opening.
    """

    def __init__(self, settings: LearningRatio) -> None:
        self.settings = settings
        self.opened = [settings.arms.index(share) for share in settings.coarse]
        self._plays: deque[tuple[int, float]] = deque(maxlen=settings.window)
        self._never = set(self.opened)
        self._average_accuracy: float | None = None
        self._first_bytes = 0.0

    @property
    def counts(self) -> FloatArray:
        """Plays of each arm within the window, (num_arms,)."""
        return np.bincount([arm for arm, _ in self._plays], minlength=len(self.settings.arms)).astype(np.float64)

    @property
    def means(self) -> FloatArray:
        """The mean reward of each arm within the window, (num_arms,); 0 where it was not played."""
        arms, rewards = [arm for arm, _ in self._plays], [reward for _, reward in self._plays]
        totals = np.bincount(arms, weights=rewards, minlength=len(self.settings.arms))
        return np.asarray(totals / np.maximum(self.counts, 1))

    @property
    def num_counted(self) -> int:
        """Plays within the window."""
        return len(self._plays)

    def unplayed(self) -> int | None:
        """Return the open arm that was never played and opened first; none if all were."""
        return next((arm for arm in self.opened if arm in self._never), None)

    def best(self) -> int:
        """Return the open arm of the largest mean reward among those in the window; of equals the smaller share."""
        counts, means = self.counts, np.round(self.means, 12)
        return max((arm for arm in self.opened if counts[arm] > 0), key=lambda arm: (means[arm], -arm))

    def learn(self, arm: int, accuracy: float, traffic_bytes: float) -> None:
        """Take in the outcome of a play, and open the neighbours of the best arm once all coarse ones were played."""
        check_outcome(accuracy, traffic_bytes)
        self._plays.append((arm, self._reward(accuracy, traffic_bytes)))
        self._never.discard(arm)
        if self._never:
            return
        best = self.best()
        for neighbour in (best - 1, best + 1):
            if 0 <= neighbour < len(self.settings.arms) and neighbour not in self.opened:
                self.opened.append(neighbour)
                self._never.add(neighbour)

    def _reward(self, accuracy: float, traffic_bytes: float) -> float:
        settings = self.settings
        if self._average_accuracy is None:
            self._average_accuracy, self._first_bytes = accuracy, traffic_bytes
        gain = max(-1.0, min((accuracy - self._average_accuracy) / _FULL_REWARD, 1.0))
        self._average_accuracy = settings.ema_decay * self._average_accuracy + (1 - settings.ema_decay) * accuracy
        excess = traffic_bytes / self._first_bytes - 1 if self._first_bytes > 0 else 0.0
        return 0.5 + 0.5 * gain - settings.traffic_penalty * excess
