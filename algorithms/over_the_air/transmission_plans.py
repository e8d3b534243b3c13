"""The plans of a method's transmissions: made one at a time, or all at once for a run whose channels are known ahead.

At the first transmission the statistics of its signals are known, and the channels of all rounds can be asked for, so a
power control for whole runs plans them then. Each round carries the energies of its plan over to the signals it has.
Hence what a member radiates in a run of T rounds is at most `average_fraction` of T budgets, however norms change
(unless the uplink says `csi = "per-block"`: what devices invert anew is not planned). That the plan is the best one
holds for the norms of the first round.
"""

import math

from algorithms.over_the_air.foretelling import foretold_times_s
from algorithms.power_control.air_fedavg_horizon import fitted
from algorithms.power_control.plan import Plan, PowerControl, RunPowerControl, SignalStatistics
from algorithms.worlds.channel_state import channel_state
from algorithms.worlds.federation import Federation
from algorithms.worlds.round import RoundTurn
from testbed.layout import FloatArray

__all__ = ["TransmissionPlans"]

_TIME_TOLERANCE = 1e-9


class TransmissionPlans:
    """Hands out one plan a transmission.

    Parameters
    ----------
    power_control : the rule.
    foreseeable : whether the times of all transmissions can be foretold; else every rule plans round by round.
    """

    def __init__(self, fed: Federation, power_control: PowerControl, foreseeable: bool) -> None:
        self._fed = fed
        self._power_control = power_control
        self._run_control: RunPowerControl | None = None
        if foreseeable and isinstance(power_control, RunPowerControl):
            self._run_control = power_control
        self._num_transmissions = 0
        # Of the whole run, from the first transmission on:
        self.times_s: list[float] = []
        self.planned: tuple[Plan, ...] = ()
        self.first_statistics: SignalStatistics | None = None

    def plan(self, turn: RoundTurn, signals: FloatArray) -> Plan:
        """Return the plan for the turn's clients to send `signals : (num_clients, num_entries)`.

        Raises
        ------
        RuntimeError : the round transmits at another time than was foretold.
        """
        assert turn.mac_turn is not None and turn.channel_state is not None
        statistics, number = SignalStatistics.of(signals), self._num_transmissions
        self._num_transmissions += 1
        if self._run_control is not None and self.first_statistics is None:
            self.first_statistics, self.times_s = statistics, foretold_times_s(self._fed)
            channels = [channel_state(self._fed.cell, turn.clients, time_s) for time_s in self.times_s]
            self.planned = self._run_control.plan_run(channels, statistics, turn.weights)
        # What is under way when the run ends is in no plan of a run.
        if self.first_statistics is None or number >= len(self.planned):
            return self._power_control.plan(turn.channel_state, statistics, turn.weights)
        start_s, foretold_s = turn.mac_turn.start_s, self.times_s[number]
        if not math.isclose(start_s, foretold_s, rel_tol=_TIME_TOLERANCE):
            raise RuntimeError(f"round {number} transmits at t = {start_s!r} s; {foretold_s!r} s was foretold")
        return fitted(self.planned[number], self.first_statistics, turn.channel_state, statistics, turn.weights)
