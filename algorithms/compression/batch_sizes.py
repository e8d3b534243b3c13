"""Batch sizes with which the clients of a round finish together: the fastest has the largest, the others fit theirs in.

    M_i(b) = comm_i + tau b mu_i            T* = min_i M_i(b_max)
    b_i = floor((T* - comm_i) / (tau mu_i)), from b_min to b_max

Caesar (Yan et al., arXiv 2412.19989); the time model is our reconstruction. Who cannot be ready by T* even with b_min
is the straggler of the round. Our choice: a batch is no larger than the client's data, and M_i(b_max) is with that one.
"""

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["batch_sizes"]

_ROUNDING = 1e-9  # of a quotient that should be whole


def batch_sizes(
    transfers_s: FloatArray, step_s_per_sample: FloatArray, largest: npt.NDArray[np.int64], min_batch: int
) -> npt.NDArray[np.int64]:
    """Return b_i, `(num_clients,)`.

    Parameters
    ----------
    transfers_s : (num_clients,) comm_i, download and upload [s].
    step_s_per_sample : (num_clients,) tau mu_i: all local steps with a batch of one [s].
    largest : (num_clients,) b_max, or what the client has, if that is less.
    min_batch : b_min; of a client that has less, what it has.

    >>> batch_sizes(np.array([1.0, 1.0]), np.array([0.1, 0.2]), np.array([32, 32]), 4).tolist()
    [32, 16]
    """
    finish_s = transfers_s + step_s_per_sample * largest
    fitting = np.floor((finish_s.min() - transfers_s) / step_s_per_sample + _ROUNDING)
    return np.asarray(np.clip(fitting, np.minimum(min_batch, largest), largest), dtype=np.int64)
