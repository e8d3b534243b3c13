"""Whom PyramidFL asks, as Oort does: by utility, and some at random who were never asked.

Li et al., MobiCom 2022, and its public code; see `algorithms/federated/pyramidfl.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["ClientMemory", "exploration_fraction", "utilities"]

_CLIP_PERCENTILE = 95
_UNCERTAINTY = 0.1


def exploration_fraction(round_number: int) -> float:
    """Return the share of a round's candidates that were never asked: 0.9, 2 % less each round, at least 0.2.

    >>> exploration_fraction(1), exploration_fraction(1000)
    (0.9, 0.2)
    """
    return float(max(0.9 * 0.98 ** (round_number - 1), 0.2))


def utilities(
    rewards: FloatArray, last_round: FloatArray, round_number: int, times_s: FloatArray, alpha: float
) -> npt.NDArray[np.float64]:
    """Return U_i, `(num_clients,)`; -infinity for clients of whom nothing is known.

    Parameters
    ----------
    rewards : (num_clients,) NaN where nothing is known.
    last_round : (num_clients,) in which each was heard last, from 1; 0 for never.
    round_number : t, from 1.
    times_s : (num_clients,) what a round with each takes [s].
    alpha : the exponent of the penalty for times above the median.
    """
    known = last_round > 0
    values = np.full(len(rewards), -np.inf)
    if not known.any():
        return values
    clipped = np.minimum(rewards[known], np.percentile(rewards[known], _CLIP_PERCENTILE))
    spread = clipped.max() - clipped.min()
    scaled = (clipped - clipped.min()) / spread if spread > 0 else np.ones_like(clipped)
    values[known] = scaled + np.sqrt(_UNCERTAINTY * np.log(round_number) / last_round[known])
    preferred_s = np.median(times_s)
    slow = times_s > preferred_s
    values[slow & known] *= (preferred_s / times_s[slow & known]) ** alpha
    return values


@dataclass
class ClientMemory:
    """What the server knows of every client; NaN and 0 where it never answered."""

    rewards: FloatArray  # (num_clients,) n_i times its last loss
    norms: FloatArray  # (num_clients,) of its last update
    last_round: FloatArray  # (num_clients,) from 1
    round_number: int = 1  # t

    @classmethod
    def empty(cls, num_clients: int) -> Self:
        """Return the memory before the first round."""
        return cls(np.full(num_clients, np.nan), np.full(num_clients, np.nan), np.zeros(num_clients))

    def note(self, client: int, reward: float, norm: float) -> None:
        """Remember what a client answered in this round."""
        self.rewards[client], self.norms[client], self.last_round[client] = reward, norm, self.round_number

    def cohort(
        self,
        present: Sequence[int],
        times_s: FloatArray,
        num_clients: int,
        over_commit: float,
        alpha: float,
        rng: np.random.Generator,
    ) -> tuple[int, ...]:
        """Return whom to ask in this round, ascending.

        Parameters
        ----------
        present : who can be asked.
        times_s : of everybody, what a round with it takes [s].
        num_clients : K, how many are asked: the soonest of the candidates.
        over_commit : candidates over K.
        alpha : the exponent of the penalty for times above the median.
        """
        values = utilities(self.rewards, self.last_round, self.round_number, times_s, alpha)
        known = [client for client in present if self.last_round[client] > 0]
        unknown = [client for client in present if self.last_round[client] == 0]
        num_candidates = min(math.ceil(over_commit * num_clients), len(present))
        num_new = min(round(exploration_fraction(self.round_number) * num_candidates), len(unknown))
        num_new = max(num_new, num_candidates - len(known))
        best = sorted(known, key=lambda client: -values[client])[: num_candidates - num_new]
        candidates = best + rng.permutation(unknown).astype(int)[:num_new].tolist()
        return tuple(sorted(sorted(candidates, key=lambda client: times_s[client])[:num_clients]))
