"""How long a cluster of split learning takes: Eqs. 8 to 17 of ParallelSFL, pure functions of planned times.

    t_i  = mu_b,i + beta_i + mu_p                      an iteration of bottom i            (9)
    t_o  = max_i t_i                                   one of the cluster
    W    = (1 / N_c) sum_i (t_o - t_i)                 waiting inside it                  (11)
    t_c  = tau_c t_o + beta_c                          its round                          (15)

They leave out that bottoms queue at the top; the clock does not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Cluster", "FloatArray", "PlannedTimes", "local_frequencies"]

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cluster:
    """Who hosts the top, and the clients that hold a bottom, ascending."""

    host: int
    bottoms: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedTimes:
    """What the server knows of the clients, each column `(num_clients,)`.

    Attributes
    ----------
    bottom_s : mu_b, one iteration of the bottom, forward and backward [s].
    top_s : mu_p, one client's minibatch through the top, if this client hosts it [s].
    exchange_s : beta, one minibatch's activations to the host and their gradient back [s].
    model_s : beta_c, the whole model from the server and back, if this client hosts the top [s].
    capacity : floor(B_c / b), how many bottoms it can serve as a host; at least 1.
    """

    bottom_s: FloatArray
    top_s: FloatArray
    exchange_s: FloatArray
    model_s: FloatArray
    capacity: npt.NDArray[np.int64]

    def alone_s(self, clients: Sequence[int]) -> FloatArray:
        """Return mu_b + beta of each of some clients [s]."""
        chosen = list(clients)
        return self.bottom_s[chosen] + self.exchange_s[chosen]

    def iteration_s(self, cluster: Cluster) -> float:
        """Return t_o of a cluster [s]."""
        return float(self.alone_s(cluster.bottoms).max() + self.top_s[cluster.host])

    def waiting_s(self, cluster: Cluster) -> float:
        """Return W_c, Eq. 11 [s]."""
        alone_s = self.alone_s(cluster.bottoms)
        return float((alone_s.max() - alone_s).mean())

    def admits(self, cluster: Cluster) -> bool:
        """Return whether the host can serve so many (8), and is not what an iteration takes longest for (10).

        With one bottom the second cannot fail: nobody stands in its line.
        """
        num_bottoms = len(cluster.bottoms)
        fast_enough = num_bottoms * self.top_s[cluster.host] <= self.alone_s(cluster.bottoms).max()
        return bool(num_bottoms <= self.capacity[cluster.host] and (num_bottoms < 2 or fast_enough))


def local_frequencies(iteration_s: Sequence[float], model_s: Sequence[float], most: int) -> tuple[int, ...]:
    """Return tau_c of every cluster, so that all rounds end with that of the fastest, which makes `most` (Eq. 17).

        tau_c = floor((most t_l + beta_l - beta_c) / t_c)          at least 1, and at most `most`

    `iteration_s` : t_o, `model_s` : beta_c, of each cluster [s].

    >>> local_frequencies([1.0, 2.0, 30.0], [0.5, 0.5, 0.5], 20)
    (20, 10, 1)
    """
    fastest = min(range(len(iteration_s)), key=lambda c: (iteration_s[c], c))
    budget_s = most * iteration_s[fastest] + model_s[fastest]
    times = zip(iteration_s, model_s, strict=True)
    # A billionth more: equal clusters must not lose an iteration to rounding.
    found = [math.floor((budget_s - beta_s) / one_s * (1 + 1e-9)) for one_s, beta_s in times]
    found[fastest] = most
    return tuple(min(most, max(1, tau)) for tau in found)
