"""What a power control is told before a transmission, and what it decides.

The members i of a group hold real vectors x_i and aggregation weights a_i that sum to one; the server wants
sum_i a_i x_i. Member i sends g_i x_i through the amplitude |h_i|, the server hears y = sum_i g_i |h_i| x_i +
z with E||z||^2 = n0 and estimates r y. With c_i = g_i |h_i| the error is

    r y - sum_i a_i x_i = sum_i (r c_i - a_i) x_i + r z

Amplitudes are square roots of joules, so a transmission costs (g_i ||x_i||)^2.

Many rules are stated for signals of unit power. With u_i = x_i / ||x_i||, b_i = a_i ||x_i|| and G_i = g_i ||x_i||
the wanted sum is sum_i b_i u_i and the budget G_i^2 <= E_i: such a rule holds for signals of any norm once a_i is
read as b_i.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = [
    "ChannelState",
    "Plan",
    "PowerControl",
    "RunPowerControl",
    "SignalModel",
    "SignalStatistics",
    "amplitude_caps",
    "check_transmission",
    "everybody",
    "silent_plan",
]

_WEIGHT_SUM_TOLERANCE = 1e-9

# For which signals `Plan.predicted_squared_error` is the mean of the squared error:
#   any           whatever they are (the rule is unbiased)
#   bounded       signals that are all equal, of norm W; a bound for any others
#   uncorrelated  signals of the reported norms whose inner products have mean zero
#   shared-mean   entries m + v s with s of mean zero and variance one, uncorrelated between members
SignalModel: TypeAlias = Literal["any", "bounded", "uncorrelated", "shared-mean"]


@dataclass(frozen=True, eq=False)
class ChannelState:
    """The radio as the members of one group meet it.

    Attributes
    ----------
    amplitudes : (num_members,) |h_i| > 0, path loss included.
    energy_budgets_j : (num_members,) the most energy each may radiate in this transmission [J].
    noise_energy_j : n0 = E||z||^2, the noise energy on the whole decoded vector [J].
    mean_power_gains : (num_members,) E|h_i|^2 over the fading, or None where every mean is 1; only rules that
        plan for a distribution of channels read it.
    """

    amplitudes: FloatArray
    energy_budgets_j: FloatArray
    noise_energy_j: float
    mean_power_gains: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class SignalStatistics:
    """What the server knows about the signals before they are sent: reported with READY, a few numbers a member.

    Attributes
    ----------
    norms : (num_members,) ||x_i||.
    bound : W, the largest of them.
    entry_mean : m, the mean over all entries of all members.
    num_entries : q, the length of a signal.
    """

    norms: FloatArray
    bound: float
    entry_mean: float
    num_entries: int

    @property
    def mean_squared_norm(self) -> float:
        """The mean of ||x_i||^2 over the members, q (m^2 + v^2)."""
        return float(np.mean(self.norms**2))

    @property
    def entry_std(self) -> float:
        """The standard deviation v of all entries of all members around m."""
        return math.sqrt(max(0.0, self.mean_squared_norm / self.num_entries - self.entry_mean**2))

    @classmethod
    def of(cls, signals: FloatArray) -> Self:
        """Return the statistics of `signals : (num_members, num_entries)`.

        Our choice: W is the group's maximum, so that no member exceeds its budget.

        >>> statistics = SignalStatistics.of(np.array([[3.0, 4.0], [0.0, 1.0]]))
        >>> statistics.bound, statistics.entry_mean, round(statistics.entry_std, 3)
        (5.0, 2.0, 1.581)
        """
        wide = np.asarray(signals, dtype=np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        return cls(norms=norms, bound=float(norms.max()), entry_mean=float(wide.mean()), num_entries=wide.shape[1])


@dataclass(frozen=True, eq=False)
class Plan:
    """One transmission, decided.

    Attributes
    ----------
    gains : (num_members,) g_i >= 0, what member i multiplies its signal with.
    receive_scale : r, what the server multiplies the received vector with.
    active : (num_members,) who transmits; the weights of the others were given away.
    predicted_squared_error : what the rule expects of ||r y - sum_i a_i x_i||^2, see its `signal_model`.
    noiseless : whether the receiver is one without noise, for the ideal limit.
    """

    gains: FloatArray
    receive_scale: float
    active: npt.NDArray[np.bool_]
    predicted_squared_error: float
    noiseless: bool = False


class PowerControl(Protocol):
    """A rule that plans one over-the-air transmission."""

    requires_payload: ClassVar[str | None]  # the payload without which the rule makes no sense; None for any
    plans: ClassVar[Literal["round", "run"]]  # a transmission at a time, or all of a run over known channels
    signal_model: ClassVar[SignalModel]

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the plan for members with aggregation weights `weights : (num_members,)`, sum one."""
        ...


@runtime_checkable
class RunPowerControl(PowerControl, Protocol):
    """A rule that plans all transmissions of a run, over channels that are known ahead: `plans` is "run"."""

    def check(self, channels_known: bool, because: str = "") -> None:
        """Refuse a method that does not know the channels (`because` says why), if there is no other form."""
        ...

    def plan_run(
        self, channels: Sequence[ChannelState], statistics: SignalStatistics, weights: FloatArray
    ) -> tuple[Plan, ...]:
        """Return one plan a round, for the same members and signals as large in all rounds."""
        ...


def silent_plan(active: npt.NDArray[np.bool_]) -> Plan:
    """Return the plan for signals that are all zero: nothing is sent, and the estimate zero is exact."""
    return Plan(np.zeros(len(active)), 0.0, active, 0.0)


def everybody(channel: ChannelState) -> npt.NDArray[np.bool_]:
    """Return the mask of a transmission in which nobody is silenced, (num_members,)."""
    return np.ones(len(channel.amplitudes), dtype=np.bool_)


def amplitude_caps(channel: ChannelState, statistics: SignalStatistics) -> npt.NDArray[np.float64]:
    """Return the largest gains sqrt(E_i) / ||x_i||, (num_members,); infinite for a signal of zero.

    >>> amplitude_caps(ChannelState(np.ones(2), np.array([9.0, 9.0]), 0.0), SignalStatistics.of(np.array([[2.0], [0]])))
    array([1.5, inf])
    """
    caps = np.full(len(statistics.norms), np.inf)
    np.divide(np.sqrt(channel.energy_budgets_j), statistics.norms, out=caps, where=statistics.norms > 0)
    return caps


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
    if channel.mean_power_gains is not None:
        positive["mean_power_gains"] = channel.mean_power_gains
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
