"""The ideal: every member arrives with exactly its weight, and the receiver has no noise.

    r c_i = a_i    n0 = 0    error 0

What the method would do without the radio's imperfections: the upper limit of every comparison.

Our choice: the members send as under zero-forcing inversion, so that energies and budgets stay comparable. The laws
are tested in `tests/algorithms/power_control/test_ideal.py`.
"""

from dataclasses import replace
from typing import ClassVar

from algorithms.power_control.inversion import loudest_inversion_plan
from algorithms.power_control.plan import ChannelState, Plan, SignalModel, SignalStatistics, everybody
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = ["IdealPowerControl"]


class IdealPowerControl(RoundRule):
    """The exact weighted mean: aligned signals and a receiver without noise."""

    kind: str = "ideal"

    signal_model: ClassVar[SignalModel] = "any"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        plan = loudest_inversion_plan(channel, statistics, weights, everybody(channel))
        return replace(plan, predicted_squared_error=0.0, noiseless=True)
