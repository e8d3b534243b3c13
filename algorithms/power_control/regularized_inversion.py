"""Regularised channel inversion: the best fixed receiver over a distribution of channels, under average power caps.

After Cao, Zhu, Xu and Huang, "Optimized Power Control for Over-the-Air Computation in Fading Channels", IEEE TWC 2020,
time-varying channels. One denoising factor eta serves all fades; with r = 1 / sqrt(eta) and b_i = a_i ||x_i||

    minimise   sum_i E[(r |h_i| G_i - b_i)^2] + r^2 n0        over G_i(h) = g_i ||x_i|| and r
    subject to E[G_i^2] <= P_i,  G_i^2 <= E_i
    optimum    G_i = min(b_i sqrt(eta) |h_i| / (|h_i|^2 + lambda_i eta), sqrt(E_i))

with lambda_i so that E[G_i^2] = P_i, zero if slack: in a deep fade a member whispers where inversion would shout. In
t = r |h| G the problem is convex in (t, r), so r is the one root of its derivative.

Deviations. Our choice: the cell's budget E_i caps every transmission (the paper has average caps alone), and P_i =
`average_fraction` E_i, so that with fraction one the cap on the average binds nobody; the expectation runs over fixed
samples of |h|^2 / E|h|^2, and over the fading alone: the norms are this round's. `predicted_squared_error` is the error
in the fade at hand. The laws are tested in `tests/algorithms/power_control/test_regularized_inversion.py`.
"""

import math
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field
from scipy.optimize import brentq

from algorithms.power_control.average_power import amplitudes, multipliers
from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    everybody,
    silent_plan,
)
from algorithms.power_control.round_rule import RoundRule
from algorithms.power_control.uncorrelated import uncorrelated_squared_error
from testbed.layout import FloatArray

__all__ = ["FadingLaw", "RegularizedInversion", "optimal_receive_scale", "rayleigh_power_gains", "regularizers"]

PowerGains: TypeAlias = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]

_EPSILON = float(np.finfo(np.float64).eps)


def rayleigh_power_gains(num_samples: int) -> tuple[float, ...]:
    """Return the quantiles -ln(1 - (k + 1/2) / K) of |h|^2 under unit Rayleigh fading, ascending.

    >>> [round(gain, 3) for gain in rayleigh_power_gains(2)]
    [0.288, 1.386]
    """
    return tuple(-math.log1p(-(k + 0.5) / num_samples) for k in range(num_samples))


class FadingLaw(NamedTuple):
    """Equally likely samples u : (num_samples,) of |h|^2 / E|h|^2 > 0; the average cap over the peak's."""

    power_gains: FloatArray
    average_fraction: float


def regularizers(law: FadingLaw, reach: FloatArray) -> FloatArray:
    """Return lambda eta / E|h|^2 of each member, (num_members,), for its `reach` = r sqrt(E_i E|h_i|^2) / b_i."""
    states = (len(reach), len(law.power_gains))
    numerators, gains = (np.broadcast_to(row, states) for row in (np.sqrt(law.power_gains), law.power_gains))
    caps = np.broadcast_to(reach[:, None], states)
    return multipliers(numerators, gains, caps, states[1] * law.average_fraction * reach**2)


def optimal_receive_scale(law: FadingLaw, wanted: FloatArray, loudest: FloatArray, noise_energy_j: float) -> float:
    """Return the best r = 1 / sqrt(eta); without noise the least at which no sample bends the estimate.

    Parameters
    ----------
    wanted : (num_members,) b_i > 0.
    loudest : (num_members,) sqrt(E_i E|h_i|^2) > 0, what member i can let arrive in a mean fade [sqrt(J)].
    noise_energy_j : n0 >= 0 [J].
    """
    root_gains = np.sqrt(law.power_gains)
    peak, average = 1.0 / root_gains.min(), math.sqrt(float(np.mean(1.0 / law.power_gains)) / law.average_fraction)
    aligned = max(float(peak), average)
    high = aligned * float(np.max(wanted / loudest))
    if noise_energy_j == 0.0:
        return high

    def slope(r: float) -> float:
        """Half the derivative of the mean squared error in r, from the prices of the caps."""
        reach = r * loudest / wanted
        regularizer = regularizers(law, reach)
        bend = 1.0 - reach[:, None] * (root_gains + regularizer[:, None] / root_gains)
        price = reach * regularizer * law.average_fraction + np.mean(root_gains * np.maximum(bend, 0.0), axis=1)
        return float(r * noise_energy_j - np.sum(wanted * loudest * price))

    # The price of a member is at most sqrt(E[u] fraction), so beyond this r the slope is positive.
    steepest = math.sqrt(float(np.mean(law.power_gains)) * law.average_fraction) * float(np.sum(wanted * loudest))
    high = min(high, steepest / noise_energy_j)
    low = high
    while slope(low) > 0.0:
        low /= 2.0
    return high if low == high else float(brentq(slope, low, 2.0 * low, xtol=_EPSILON * low, rtol=4 * _EPSILON))


class RegularizedInversion(RoundRule):
    """Regularised inversion with one receive scale for all fades, planned over a distribution of channels."""

    kind: str = "regularized-inversion"
    # Our choice: the paper's caps are averages alone; half leaves room for the peaks that its rule makes.
    average_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5  # of the budget that a device may spend on average
    # Our choice: 64 quantiles of unit Rayleigh fading.
    power_gains: PowerGains = rayleigh_power_gains(64)  # equally likely samples of |h|^2 / E|h|^2

    signal_model: ClassVar[SignalModel] = "uncorrelated"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        speaks = statistics.norms > 0
        if not speaks.any():
            return silent_plan(everybody(channel))
        h, norms, caps = (x[speaks] for x in (channel.amplitudes, statistics.norms, np.sqrt(channel.energy_budgets_j)))
        means = np.ones(len(h)) if channel.mean_power_gains is None else channel.mean_power_gains[speaks]
        wanted, loudest = weights[speaks] * norms, caps * np.sqrt(means)
        law = FadingLaw(np.array(self.power_gains), self.average_fraction)
        r = optimal_receive_scale(law, wanted, loudest, channel.noise_energy_j)
        regularizer = means * regularizers(law, r * loudest / wanted)
        gains = np.zeros(len(weights))
        gains[speaks] = amplitudes((wanted * h)[:, None] / r, (h**2)[:, None], caps[:, None], regularizer)[:, 0] / norms
        error = uncorrelated_squared_error(channel, statistics, weights, gains, r)
        return Plan(gains, r, everybody(channel), error)
