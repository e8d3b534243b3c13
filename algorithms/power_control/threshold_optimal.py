"""The threshold rule: weak members at full power, strong ones inverted; optimal for one transmission.

After Cao, Zhu, Xu and Huang, "Optimized Power Control for Over-the-Air Computation in Fading Channels", IEEE TWC 2020.
It minimises sum_i (r c_i - a_i)^2 ||x_i||^2 + r^2 n0 over gains inside the budgets and r = 1 / sqrt(eta). With
b_i = a_i ||x_i|| and the members sorted by quality, sqrt(q_i) = |h_i| sqrt(E_i) / b_i ascending,

    sqrt(eta_k) = (n0 + sum_{i<=k} E_i |h_i|^2) / sum_{i<=k} b_i sqrt(E_i) |h_i|    eta = min_k eta_k
    g_i ||x_i|| = min(sqrt(E_i), b_i sqrt(eta) / |h_i|)

The k weakest stand at their caps and bend the estimate, which is worth it while the noise is louder than the bend.

Our choice: the weighted form, and each member's own norm in place of unit variance. Members whose signal is zero take
no part in the minimum. The laws are tested in `tests/algorithms/power_control/test_threshold_optimal.py`.
"""

from typing import ClassVar

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
from algorithms.power_control.uncorrelated import uncorrelated_squared_error
from testbed.layout import FloatArray

__all__ = ["ThresholdOptimal", "optimal_sqrt_eta", "threshold_plan"]


def optimal_sqrt_eta(wanted: FloatArray, loudest: FloatArray, noise_energy_j: float) -> float:
    """Return sqrt(eta) = min_k (n0 + sum_{i<=k} C_i^2) / sum_{i<=k} b_i C_i, members sorted by C_i / b_i.

    Parameters
    ----------
    wanted : (num_members,) b_i > 0.
    loudest : (num_members,) C_i = |h_i| sqrt(E_i) > 0, what member i can let arrive [sqrt(J)].
    noise_energy_j : n0 >= 0 [J].

    One member alone transmits at full power, whatever the noise:

    >>> optimal_sqrt_eta(np.array([0.5]), np.array([2.0]), 1.0)
    5.0
    """
    order = np.argsort(loudest / wanted, kind="stable")
    powers, products = (loudest**2)[order], (wanted * loudest)[order]
    return float(np.min((noise_energy_j + np.cumsum(powers)) / np.cumsum(products)))


def threshold_plan(channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
    """Return the plan of least mean squared error for uncorrelated signals inside the budgets."""
    speaks = statistics.norms > 0
    if not speaks.any():
        return silent_plan(everybody(channel))
    wanted = (weights * statistics.norms)[speaks]
    loudest = (channel.amplitudes * np.sqrt(channel.energy_budgets_j))[speaks]
    sqrt_eta = optimal_sqrt_eta(wanted, loudest, channel.noise_energy_j)
    gains = np.minimum(amplitude_caps(channel, statistics), weights * sqrt_eta / channel.amplitudes)
    r = 1.0 / sqrt_eta
    return Plan(gains, r, everybody(channel), uncorrelated_squared_error(channel, statistics, weights, gains, r))


class ThresholdOptimal(RoundRule):
    """The optimum of one transmission; `predicted_squared_error` is the mean for uncorrelated signals."""

    kind: str = "threshold-optimal"

    signal_model: ClassVar[SignalModel] = "uncorrelated"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        return threshold_plan(channel, statistics, weights)
