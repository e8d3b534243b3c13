"""Statistics-aware power control: how much of the signals is common decides how loudly everybody speaks.

After Zhang and Tao, "Gradient Statistics Aware Power Control for Over-the-Air Federated Learning", IEEE TWC 2021. An
entry of a signal is m + v s with s of mean zero and variance one, uncorrelated between members; the error is then

    q (v^2 sum_i (r c_i - a_i)^2 + m^2 (sum_i (r c_i - a_i))^2) + r^2 n0     c_i <= C_i = |h_i| sqrt(E_i) / ||x_i||

If v dominates it is the threshold rule; if m dominates only the *sum* of the arriving weights counts, and everybody
shouts. In t_i = r c_i the problem is convex in (t, r). For a given r the best t is a water level,

    t_i = min(a_i + tau, r C_i)    tau = (m / v)^2 (1 - sum_i t_i)
                                       = max_K (sum_K a_i - r sum_K C_i) / ((v / m)^2 + N - |K|)

over the K of the members with the least r C_i - a_i; for given members K at their caps the best r is a quotient. In
turns they climb to the optimum from below, and stop when K stays.

Deviations. Our choice: m and v are those of this round's signals, pooled over members (the paper estimates them from
history); the exact solution above in place of coordinate descent, which the tests compare with it. The laws are
tested in `tests/algorithms/power_control/test_stat_aware.py`.
"""

from typing import ClassVar, NamedTuple

import numpy as np

from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    amplitude_caps,
    everybody,
    silent_plan,
)
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = ["Sharing", "StatAware", "arrivals", "optimal_receive_scale", "squared_error"]

# Below this share of the mean square v^2 is rounding; it keeps the water level finite when all entries are equal.
_LEAST_SHARE = 1e-14


class Sharing(NamedTuple):
    """How the mean square of an entry divides, m^2 + v^2 = 1, and the noise in its unit, n0 / (q (m^2 + v^2))."""

    common: float
    own: float
    noise: float

    @classmethod
    def of(cls, channel: ChannelState, statistics: SignalStatistics) -> "Sharing":
        """Return the sharing of signals that are not all zero."""
        own = statistics.entry_std**2 * statistics.num_entries / statistics.mean_squared_norm
        own = min(1.0, max(own, _LEAST_SHARE))
        return cls(1.0 - own, own, channel.noise_energy_j / statistics.mean_squared_norm)


def squared_error(sharing: Sharing, arriving: FloatArray, weights: FloatArray, receive_scale: float) -> float:
    """Return v^2 sum (t_i - a_i)^2 + m^2 (sum (t_i - a_i))^2 + r^2 n0, per unit of mean squared norm.

    >>> squared_error(Sharing(0.5, 0.5, 1.0), np.array([1.0, 0.0]), np.array([0.5, 0.5]), 0.5)
    0.5
    """
    miss = arriving - weights
    common = sharing.common * float(np.sum(miss)) ** 2
    return sharing.own * float(np.sum(miss**2)) + common + receive_scale**2 * sharing.noise


def arrivals(sharing: Sharing, weights: FloatArray, caps: FloatArray) -> FloatArray:
    """Return the best t_i <= `caps : (num_members,)` = r C_i, which is a_i + tau where that fits."""
    order = np.argsort(caps - weights, kind="stable")
    num_free = np.arange(len(weights))[::-1]
    missing = np.cumsum((weights - caps)[order])
    level = max(0.0, float(np.max(sharing.common * missing / (sharing.own + num_free * sharing.common))))
    return np.asarray(np.minimum(weights + level, caps))


def optimal_receive_scale(sharing: Sharing, weights: FloatArray, loudest: FloatArray) -> float:
    """Return the best r for members that can arrive with at most C_i = `loudest : (num_members,)`.

    Without noise it is the zero-forcing one, at which everybody can arrive with its weight.
    """
    finite = np.isfinite(loudest)
    capped, r = finite, float(np.max(weights[finite] / loudest[finite]))
    if sharing.noise == 0.0:
        return r
    while capped.any():
        a, c = weights[capped], loudest[capped]
        num_free = len(weights) - len(a)
        common = sharing.common * sharing.own / (sharing.own + num_free * sharing.common)
        curvature = sharing.noise + sharing.own * np.sum(c**2) + common * np.sum(c) ** 2
        r = float((sharing.own * np.sum(a * c) + common * np.sum(a) * np.sum(c)) / curvature)
        # Members leave their caps as r climbs, and never return.
        still = capped & (arrivals(sharing, weights, r * loudest) >= r * loudest)
        if np.array_equal(still, capped):
            break
        capped = still
    return r


class StatAware(RoundRule):
    """The optimum for entries with a common mean; `predicted_squared_error` is the mean under that model."""

    kind: str = "stat-aware"

    signal_model: ClassVar[SignalModel] = "shared-mean"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        if statistics.bound == 0.0:
            return silent_plan(everybody(channel))
        sharing = Sharing.of(channel, statistics)
        caps = amplitude_caps(channel, statistics)
        loudest = channel.amplitudes * caps
        r = optimal_receive_scale(sharing, weights, loudest)
        arriving = arrivals(sharing, weights, r * loudest)
        gains = np.minimum(arriving / (r * channel.amplitudes), caps)
        error = statistics.mean_squared_norm * squared_error(sharing, arriving, weights, r)
        return Plan(gains, r, everybody(channel), error)
