"""What a power control is told before a transmission, and what it decides.

The members i of a group hold real vectors x_i and aggregation weights a_i that sum to one; the server wants
sum_i a_i x_i. Member i sends g_i x_i through the amplitude |h_i|, the server hears y = sum_i g_i |h_i| x_i +
z with E||z||^2 = n0 and estimates r y. With c_i = g_i |h_i| the error is

    r y - sum_i a_i x_i = sum_i (r c_i - a_i) x_i + r z

Amplitudes are square roots of joules, so a transmission costs (g_i ||x_i||)^2.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["ChannelState", "Plan", "PowerControl", "SignalStatistics", "check_transmission", "silent_plan"]

_WEIGHT_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class ChannelState:
    """The radio as the members of one group meet it.

    Attributes
    ----------
    amplitudes : (num_members,) |h_i| > 0, path loss included.
    energy_budgets_j : (num_members,) the most energy each may radiate in this transmission [J].
    noise_energy_j : n0 = E||z||^2, the noise energy on the whole decoded vector [J].
    """

    amplitudes: FloatArray
    energy_budgets_j: FloatArray
    noise_energy_j: float


@dataclass(frozen=True, eq=False)
class SignalStatistics:
    """What the server knows about the signals before they are sent: their norms, reported with READY.

    Attributes
    ----------
    norms : (num_members,) ||x_i||.
    bound : W, the largest of them.
    """

    norms: FloatArray
    bound: float

    @classmethod
    def of(cls, signals: FloatArray) -> Self:
        """Return the statistics of `signals : (num_members, num_entries)`.

        Our choice: W is the group's maximum, so that no member exceeds its budget.

        >>> SignalStatistics.of(np.array([[3.0, 4.0], [0.0, 1.0]])).bound
        5.0
        """
        wide = np.asarray(signals, dtype=np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        return cls(norms=norms, bound=float(norms.max()))


@dataclass(frozen=True, eq=False)
class Plan:
    """One transmission, decided.

    Attributes
    ----------
    gains : (num_members,) g_i >= 0, what member i multiplies its signal with.
    receive_scale : r, what the server multiplies the received vector with.
    active : (num_members,) who transmits; the weights of the others were given away.
    predicted_squared_error : what the rule expects of ||r y - sum_i a_i x_i||^2: a bound or the mean.
    """

    gains: FloatArray
    receive_scale: float
    active: npt.NDArray[np.bool_]
    predicted_squared_error: float


class PowerControl(Protocol):
    """A rule that plans one over-the-air transmission."""

    requires_payload: ClassVar[str | None]  # the payload without which the rule makes no sense; None for any

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the plan for members with aggregation weights `weights : (num_members,)`, sum one."""
        ...


def silent_plan(num_members: int) -> Plan:
    """Return the plan for signals that are all zero: nothing is sent, and the estimate zero is exact."""
    return Plan(np.zeros(num_members), 0.0, np.ones(num_members, dtype=np.bool_), 0.0)


def check_transmission(channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> None:
    """Refuse arguments for which no plan exists.

    Raises
    ------
    ValueError : shapes that differ, nobody to transmit, a channel, budget or weight that is not positive and
        finite, norms or noise that are negative or not finite, weights that do not sum to one.
    """
    shape = np.shape(weights)
    positive = {
        "amplitudes": channel.amplitudes,
        "energy_budgets_j": channel.energy_budgets_j,
        "weights": weights,
    }
    for name, values in {**positive, "norms": statistics.norms}.items():
        if np.shape(values) != shape or len(shape) != 1 or shape[0] == 0:
            raise ValueError(f"{name} has shape {np.shape(values)}; expected (num_members,) = {shape}, at least one")
    for name, values in positive.items():
        if not np.all(np.isfinite(values) & (values > 0)):
            raise ValueError(f"{name} must be positive and finite, got {values}")
    if not np.all(np.isfinite(statistics.norms)):
        raise ValueError(f"signal norms must be finite, got {statistics.norms}")
    if not (math.isfinite(channel.noise_energy_j) and channel.noise_energy_j >= 0):
        raise ValueError(f"noise_energy_j must be at least 0 and finite, got {channel.noise_energy_j}")
    if abs(float(np.sum(weights)) - 1.0) > _WEIGHT_SUM_TOLERANCE:
        raise ValueError(f"aggregation weights must sum to 1, got {float(np.sum(weights))!r}")
