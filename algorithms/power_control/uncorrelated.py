"""Uncorrelated signals: the mean squared error of a plan and its best receiver, which several rules share.

If the inner products of different members' signals have mean zero, the error of r y has the mean

    sum_i (r c_i - a_i)^2 ||x_i||^2 + r^2 n0 = sum_i (r C_i - b_i)^2 + r^2 n0

with b_i = a_i ||x_i|| what is wanted of member i and C_i = c_i ||x_i|| what arrives of it [square root of J].
"""

import numpy as np

from algorithms.power_control.plan import ChannelState, SignalStatistics
from testbed.layout import FloatArray

__all__ = ["mmse_receive_scale", "uncorrelated_squared_error"]


def uncorrelated_squared_error(
    channel: ChannelState, statistics: SignalStatistics, weights: FloatArray, gains: FloatArray, receive_scale: float
) -> float:
    """Return sum_i (r c_i - a_i)^2 ||x_i||^2 + r^2 n0, the mean squared error for uncorrelated signals.

    >>> one = ChannelState(np.ones(1), np.ones(1), noise_energy_j=4.0)
    >>> statistics = SignalStatistics.of(np.array([[3.0]]))
    >>> uncorrelated_squared_error(one, statistics, np.ones(1), np.array([2.0]), 0.5)
    1.0
    """
    misalignment = receive_scale * gains * channel.amplitudes - weights
    return float(np.sum((misalignment * statistics.norms) ** 2)) + receive_scale**2 * channel.noise_energy_j


def mmse_receive_scale(wanted: FloatArray, received: FloatArray, noise_energy_j: float) -> float:
    """Return r = sum b_i C_i / (sum C_i^2 + n0), the minimiser of sum (r C_i - b_i)^2 + r^2 n0.

    `wanted : (num_members,)` holds the b_i, `received : (num_members,)` the C_i. If nothing is received it is zero.

    >>> mmse_receive_scale(np.array([1.0]), np.array([2.0]), 4.0)
    0.25
    """
    power = float(np.sum(received**2)) + noise_energy_j
    return float(np.sum(wanted * received)) / power if power > 0 else 0.0
