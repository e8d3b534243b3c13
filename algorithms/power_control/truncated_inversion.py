"""Truncated channel inversion: silence members in a deep fade, invert the channels of the rest.

After Zhu, Wang and Huang, "Broadband Analog Aggregation for Low-Latency Federated Edge Learning", IEEE TWC 2020:

    active: |h_i|^2 >= g_th    g_i = a_i s / |h_i|    s = min_active |h_i| sqrt(E_i) / (a_i ||x_i||)    r = 1 / s

with the weights renormalised over the active members. Silencing the weakest makes the others louder, and the estimate
the mean of those who remain: the error is unbiased for them, not for the group.

For unit Rayleigh fading a member is active with probability exp(-g_th); under an *average* power cap P0 and with
symbols of unit variance the power at which everybody can arrive is rho_0 = P0 / E1(g_th), E1 the exponential
integral. The cell's budget is a cap on each transmission, so the rule itself uses s above.

Deviations. Our choice: if nobody passes, the strongest member transmits alone. The laws are tested in
`tests/algorithms/power_control/test_truncated_inversion.py`.
"""

import math
from typing import Annotated, ClassVar

from pydantic import Field
from scipy.special import exp1

from algorithms.power_control.inversion import above_threshold, active_weights, loudest_inversion_plan
from algorithms.power_control.plan import ChannelState, Plan, SignalModel, SignalStatistics
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = ["TruncatedInversion", "active_probability", "common_received_power"]


def active_probability(power_gain_threshold: float) -> float:
    """Return P[|h|^2 >= g_th] = exp(-g_th) under unit Rayleigh fading.

    >>> active_probability(0.0)
    1.0
    """
    return math.exp(-power_gain_threshold)


def common_received_power(average_power: float, power_gain_threshold: float) -> float:
    """Return rho_0 = P0 / E1(g_th), at which truncated inversion of unit Rayleigh fading spends P0 on average.

    A member that is active spends rho_0 / |h|^2, and E[1 / |h|^2 ; |h|^2 >= g_th] = E1(g_th). Without truncation
    that is infinite, and nothing arrives: rho_0 = 0.

    Parameters
    ----------
    average_power : P0 > 0, in any unit; the result has the same.
    power_gain_threshold : g_th >= 0.

    >>> common_received_power(1.0, 0.0)
    0.0
    """
    return average_power / float(exp1(power_gain_threshold))


class TruncatedInversion(RoundRule):
    """Channel inversion above a threshold; `predicted_squared_error` is the exact mean n0 / s^2."""

    kind: str = "truncated-inversion"
    power_gain_threshold: Annotated[float, Field(ge=0)]  # g_th, what |h_i|^2 must reach; path loss is part of it

    signal_model: ClassVar[SignalModel] = "any"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        active = above_threshold(channel.amplitudes, math.sqrt(self.power_gain_threshold))
        kept = active_weights(weights, active)
        return loudest_inversion_plan(channel, statistics, kept, active)
