"""What rules share that plan one transmission at a time: they go with any payload, and check what they are told."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from algorithms.power_control.plan import ChannelState, Plan, SignalModel, SignalStatistics, check_transmission
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["RoundRule"]


class RoundRule(Part, ABC):
    """A power control that plans round by round; a rule adds its `signal_model`, its settings and `_plan`."""

    requires_payload: ClassVar[str | None] = None
    plans: ClassVar[Literal["round", "run"]] = "round"
    signal_model: ClassVar[SignalModel]

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the plan for members with aggregation weights `weights : (num_members,)`, which sum to one.

        Raises
        ------
        ValueError : see `check_transmission`.
        """
        check_transmission(channel, statistics, weights)
        return self._plan(channel, statistics, weights)

    @abstractmethod
    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the plan for arguments that were checked."""
