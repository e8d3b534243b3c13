"""Full power: everybody spends the whole budget, the server scales as well as it can.

    g_i = sqrt(E_i) / ||x_i||    r = sum_i a_i c_i ||x_i||^2 / (sum_i c_i^2 ||x_i||^2 + n0)

The receive scale is the MMSE one for uncorrelated signals; with equal norms W it is sum a_i c_i / (sum c_i^2 + n0 /
W^2). Nothing aligns the amplitudes, so the estimate leans towards members with strong channels.

Our choice: each member's own norm stands in the receive scale. The textbook rule is the case of equal norms. The laws
are tested in `tests/algorithms/power_control/test_full_power.py`.
"""

from typing import ClassVar

import numpy as np

from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    everybody,
    silent_plan,
)
from algorithms.power_control.round_rule import RoundRule
from algorithms.power_control.uncorrelated import mmse_receive_scale, uncorrelated_squared_error
from testbed.layout import FloatArray

__all__ = ["FullPower"]


class FullPower(RoundRule):
    """Everybody at its cap; `predicted_squared_error` is the mean for uncorrelated signals."""

    kind: str = "full-power"

    signal_model: ClassVar[SignalModel] = "uncorrelated"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        speaks = statistics.norms > 0
        if not speaks.any():
            return silent_plan(everybody(channel))
        amplitudes = np.where(speaks, np.sqrt(channel.energy_budgets_j), 0.0)  # G_i = g_i ||x_i||
        r = mmse_receive_scale(weights * statistics.norms, amplitudes * channel.amplitudes, channel.noise_energy_j)
        gains = np.zeros(len(weights))
        np.divide(amplitudes, statistics.norms, out=gains, where=speaks)
        error = uncorrelated_squared_error(channel, statistics, weights, gains, r)
        return Plan(gains, r, everybody(channel), error)
