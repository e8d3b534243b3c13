"""Zero-forcing channel inversion: unbiased, with the noise set by the weakest member.

The textbook rule. Every member's weighted signal arrives with the same amplitude, as large as the weakest
member's budget allows, and the server undoes exactly that amplitude:

    g_i = a_i s / |h_i|    s = min_i |h_i| sqrt(E_i) / (a_i ||x_i||)    r = 1 / s    E||error||^2 = n0 / s^2

The only difference to Air-FedGA's rule is the receiver (no shrinkage) and that each member's own norm caps
it. The laws are tested in `tests/algorithms/power_control/test_zf_inversion.py`.
"""

from typing import ClassVar

from algorithms.power_control.inversion import loudest_inversion_plan
from algorithms.power_control.plan import ChannelState, Plan, SignalModel, SignalStatistics, everybody
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = ["ZeroForcingInversion"]


class ZeroForcingInversion(RoundRule):
    """Channel inversion with an unbiased receiver; `predicted_squared_error` is the exact mean n0 / s^2."""

    kind: str = "zf-inversion"

    signal_model: ClassVar[SignalModel] = "any"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        return loudest_inversion_plan(channel, statistics, weights, everybody(channel))
