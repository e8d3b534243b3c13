"""Random groups about to transmit over the air, for the tests of the power controls."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from algorithms.power_control.plan import ChannelState, Plan, SignalStatistics

__all__ = ["Transmitters", "draw_group", "error_of", "spent_j"]

BUDGET_J = 10.0


@dataclass(frozen=True)
class Transmitters:
    """A channel, signals `(num_members, num_entries)` and aggregation weights."""

    channel: ChannelState
    signals: np.ndarray
    weights: np.ndarray

    @property
    def statistics(self) -> SignalStatistics:
        return SignalStatistics.of(self.signals)

    @property
    def wanted(self) -> np.ndarray:
        """b_i = a_i ||x_i||."""
        return self.weights * self.statistics.norms

    @property
    def loudest(self) -> np.ndarray:
        """C_i = |h_i| sqrt(E_i)."""
        return np.asarray(self.channel.amplitudes * np.sqrt(self.channel.energy_budgets_j))

    def plan(self, rule: Any) -> Plan:
        plan: Plan = rule.plan(self.channel, self.statistics, self.weights)
        return plan

    def with_channel(self, **changes: Any) -> "Transmitters":
        return replace(self, channel=replace(self.channel, **changes))


def draw_group(seed: int, snr_db: float = 10.0, num_members: int | None = None, num_entries: int = 8) -> Transmitters:
    """Return a group in unit Rayleigh fading with unequal weights, norms and budgets; SNR = 10 J / n0."""
    rng = np.random.default_rng(seed)
    size = num_members or int(rng.integers(1, 9))
    budgets_j = BUDGET_J * rng.uniform(0.5, 2.0, size)
    channel = ChannelState(rng.rayleigh(np.sqrt(0.5), size) + 1e-3, budgets_j, BUDGET_J / 10 ** (snr_db / 10))
    signals = rng.normal(rng.normal(), 1.0, (size, num_entries)) * rng.uniform(0.2, 2.0, (size, 1))
    weights = rng.integers(1, 500, size).astype(np.float64)
    return Transmitters(channel, signals, weights / weights.sum())


def error_of(group: Transmitters, receive_scale: float, received: np.ndarray) -> float:
    """Return sum_i (r C_i - b_i)^2 + r^2 n0 for received amplitudes C_i of the unit signals."""
    miss = receive_scale * received - group.wanted
    return float(miss @ miss + receive_scale**2 * group.channel.noise_energy_j)


def spent_j(plan: Plan, signals: np.ndarray) -> np.ndarray:
    """Return the energy of each member, g_i^2 ||x_i||^2 [J]."""
    return np.asarray(plan.gains**2 * np.sum(signals**2, axis=1))
