"""Channel inversion of those who transmit: the maths that several rules share.

Every active member's weighted signal arrives with the same amplitude s, and the server undoes exactly that:

    g_i = a_i s / |h_i|    s <= min_i |h_i| g_i^max / a_i    r = 1 / s    E||error||^2 = n0 / s^2

with a_i the weights, renormalised over the active members, and g_i^max = sqrt(E_i) / ||x_i||.
"""

import math

import numpy as np
import numpy.typing as npt

from algorithms.power_control.plan import ChannelState, Plan, SignalStatistics, amplitude_caps, silent_plan
from testbed.layout import FloatArray

__all__ = ["above_threshold", "active_weights", "inversion_plan", "largest_alignment", "loudest_inversion_plan"]

Mask = npt.NDArray[np.bool_]


def above_threshold(amplitudes: FloatArray, threshold: float) -> Mask:
    """Return who has a channel amplitude of at least `threshold`, (num_members,); never nobody.

    Our choice: if nobody reaches it, the strongest member transmits alone, so that no round is lost.

    >>> above_threshold(np.array([0.2, 0.5, 0.4]), 0.4).tolist()
    [False, True, True]
    >>> above_threshold(np.array([0.2, 0.5, 0.4]), 9.0).tolist()
    [False, True, False]
    """
    active: Mask = np.asarray(amplitudes >= threshold)
    if not active.any():
        active = np.arange(len(amplitudes)) == np.argmax(amplitudes)
    return active


def active_weights(weights: FloatArray, active: Mask) -> FloatArray:
    """Return the weights of the active members, renormalised to one, and zero for the others.

    >>> active_weights(np.array([0.5, 0.25, 0.25]), np.array([False, True, True])).tolist()
    [0.0, 0.5, 0.5]
    """
    if active.all():
        return weights
    kept = np.where(active, weights, 0.0)
    return np.asarray(kept / kept.sum())


def largest_alignment(channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> float:
    """Return s = min_i |h_i| sqrt(E_i) / (a_i ||x_i||) over the members with a_i ||x_i|| > 0; infinite without any.

    A zero signal costs nothing, and so limits nobody.
    """
    speaks = (statistics.norms > 0) & (weights > 0)
    caps = amplitude_caps(channel, statistics)[speaks]
    return float(np.min(channel.amplitudes[speaks] * caps / weights[speaks], initial=math.inf))


def inversion_plan(
    channel: ChannelState, statistics: SignalStatistics, weights: FloatArray, active: Mask, alignment: float
) -> Plan:
    """Return the plan in which the active members arrive with `alignment` times their renormalised `weights`."""
    if math.isinf(alignment):
        return silent_plan(active)
    return Plan(
        gains=weights * alignment / channel.amplitudes,
        receive_scale=1.0 / alignment,
        active=active,
        predicted_squared_error=channel.noise_energy_j / alignment**2,
    )


def loudest_inversion_plan(
    channel: ChannelState, statistics: SignalStatistics, weights: FloatArray, active: Mask
) -> Plan:
    """Return the inversion at the largest alignment that the budgets allow; `weights` are zero for the silenced."""
    return inversion_plan(channel, statistics, weights, active, largest_alignment(channel, statistics, weights))
