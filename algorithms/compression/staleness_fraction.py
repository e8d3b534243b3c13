"""The share of a model that is compressed on its way down, by how old the receiver's own copy is.

    theta_i = (1 - delta_i / t) theta_max ,       delta_i = t - r_i

with t = 1, 2, ... the round and r_i the last one in which client i took part, 0 if in none: who was never there gets
everything, who was there a moment ago gets nearly theta_max compressed. Caesar (Yan et al., arXiv 2412.19989).

Our choices, off by default: `window` puts min(t, window) in place of t, since late in a long run delta / t is small for
everybody; `num_levels` rounds down to so many levels, so that one encoding serves several clients.
"""

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["staleness_fractions"]


def staleness_fractions(
    staleness: npt.NDArray[np.int64],
    round_number: int,
    max_fraction: float,
    window: int | None = None,
    num_levels: int | None = None,
) -> FloatArray:
    """Return theta_i for each client, `(num_clients,)`, in [0, max_fraction).

    Parameters
    ----------
    staleness : (num_clients,) delta_i, from 1 to `round_number`.
    round_number : t, from 1.
    max_fraction : theta_max.
    window : rounds after which a copy counts as useless; None: t.
    num_levels : of the result; None: any value.

    Raises
    ------
    ValueError : a staleness or a round that cannot be.

    >>> staleness_fractions(np.array([1, 2, 4]), 4, 0.6).tolist()
    [0.44999999999999996, 0.3, 0.0]
    """
    if round_number < 1 or not np.all((staleness >= 1) & (staleness <= round_number)):
        raise ValueError(f"staleness must be from 1 to the round, from 1; got {staleness} in round {round_number}")
    reach = round_number if window is None else min(round_number, window)
    freshness = np.maximum(1.0 - staleness / reach, 0.0)
    if num_levels is not None:
        freshness = np.floor(freshness * num_levels) / num_levels
    return np.asarray(freshness * max_fraction)
