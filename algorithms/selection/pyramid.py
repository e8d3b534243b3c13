"""The utility by which PyramidFL asks clients, as Oort does, and how much it explores. Pure maths.

Li et al., MobiCom 2022, and its public code; see `algorithms/federated/pyramidfl.py`.
"""

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["exploration_fraction", "utilities"]

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
