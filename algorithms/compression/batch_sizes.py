"""Batch sizes with which the clients of a round finish together: the fastest has the largest, the others fit theirs in.

    M_i(b) = comm_i + tau b mu_i            T* = min_i M_i(b_max)
    b_i = floor((T* - comm_i) / (tau mu_i)), from b_min to b_max

Caesar (Yan et al., arXiv 2412.19989); the time model is our reconstruction. Who cannot be ready by T* even with b_min
is the straggler of the round. Our choice: a client whose data do not fill the batch trains on all of them.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from algorithms.worlds.federation import Federation
from algorithms.worlds.round import Base
from channels.codecs.codec import Codec
from testbed.layout import FloatArray

__all__ = ["batch_sizes", "fitting_batches"]

_ROUNDING = 1e-9  # of a quotient that should be whole


def batch_sizes(
    transfers_s: FloatArray,
    step_s_per_sample: FloatArray,
    max_batch: int,
    min_batch: int,
    num_samples: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Return b_i, `(num_clients,)`.

    Parameters
    ----------
    transfers_s : (num_clients,) comm_i, download and upload [s].
    step_s_per_sample : (num_clients,) tau mu_i: all local steps with a batch of one [s].
    max_batch, min_batch : b_max and b_min; a b_min above b_max counts as b_max.
    num_samples : (num_clients,) what each has, at least 1.

    >>> batch_sizes(np.array([1.0, 1.0]), np.array([0.1, 0.2]), 32, 4, np.array([50, 50])).tolist()
    [32, 16]
    """
    finish_s = transfers_s + step_s_per_sample * max_batch
    fitting = np.floor((finish_s.min() - transfers_s) / step_s_per_sample + _ROUNDING)
    fitting = np.clip(fitting, min(min_batch, max_batch), max_batch)
    return np.asarray(np.minimum(fitting, num_samples), dtype=np.int64)


def fitting_batches(fed: Federation, base: Base, codecs: Mapping[int, Codec], min_batch: int) -> dict[int, int]:
    """Return the batch of each client of `codecs`, by which it was sent `base` and answers, as everything stands now.

    The largest batch is the scenario's `training.batch_size`.
    """
    clients = sorted(codecs)
    down_bits = np.array([base.bits_for(client, fed.payload_bits) for client in clients])
    up_bits = np.array([fed.size_bits(codecs[client]) for client in clients])
    transfers_s, sample_s = fed.foresee_members(clients, down_bits, up_bits)
    counts = fed.workload.data_sizes[clients]
    steps = np.array([fed.workload.plan.num_steps(int(count)) for count in counts])
    found = batch_sizes(transfers_s, steps * sample_s, fed.workload.task.batch_width, min_batch, counts)
    return dict(zip(clients, found.tolist(), strict=True))
