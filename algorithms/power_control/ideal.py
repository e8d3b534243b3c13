"""The ideal: every member arrives with exactly its weight, and the receiver has no noise.

    r c_i = a_i    n0 = 0    error 0

What the method would do without the radio's imperfections: the upper limit of every comparison.

Our choice: the members send as under zero-forcing inversion, so that energies and budgets stay comparable. The laws
are tested in `tests/algorithms/power_control/test_ideal.py`.
"""

from dataclasses import replace
from typing import ClassVar, Literal

from algorithms.power_control.inversion import inversion_plan, largest_alignment
from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    check_transmission,
    everybody,
)
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["IdealPowerControl"]


class IdealPowerControl(Part):
    """The exact weighted mean: aligned signals and a receiver without noise."""

    kind: str = "ideal"

    requires_payload: ClassVar[str | None] = None
    plans: ClassVar[Literal["round", "run"]] = "round"
    signal_model: ClassVar[SignalModel] = "any"

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the plan for members with aggregation weights `weights : (num_members,)`, which sum to one.

        Raises
        ------
        ValueError : see `check_transmission`.
        """
        check_transmission(channel, statistics, weights)
        alignment = largest_alignment(channel, statistics, weights)
        plan = inversion_plan(channel, statistics, weights, everybody(channel), alignment)
        return replace(plan, predicted_squared_error=0.0, noiseless=True)
