"""Power control: how loudly each member of a group transmits, and how the server scales what it hears.

Read `plan.py` first: what is known before a transmission (`ChannelState`, `SignalStatistics`) and what is decided
(`Plan`). Then one rule a file, from the plainest: `zf_inversion.py`, `full_power.py`, `air_fedga.py`,
`threshold_optimal.py`, `truncated_inversion.py`, `cotaf.py`, `stat_aware.py`, `regularized_inversion.py`,
`air_fedavg_horizon.py`, and `ideal.py` for the limit. What rules share is `round_rule.py` and pure maths:
`inversion.py`, `uncorrelated.py`, `average_power.py`, `horizon.py`. `combination.py` refuses what does not go together.
`laws.py` checks a rule of your own. The radio cell spends the energy and the time.
"""

from algorithms.power_control.air_fedavg_horizon import AirFedavgHorizon
from algorithms.power_control.air_fedga import AirFedgaPowerControl
from algorithms.power_control.combination import check_combination
from algorithms.power_control.cotaf import Cotaf
from algorithms.power_control.full_power import FullPower
from algorithms.power_control.ideal import IdealPowerControl
from algorithms.power_control.laws import check_power_control
from algorithms.power_control.plan import ChannelState, Plan, PowerControl, SignalStatistics
from algorithms.power_control.regularized_inversion import RegularizedInversion
from algorithms.power_control.stat_aware import StatAware
from algorithms.power_control.threshold_optimal import ThresholdOptimal
from algorithms.power_control.truncated_inversion import TruncatedInversion
from algorithms.power_control.zf_inversion import ZeroForcingInversion

__all__ = [
    "AirFedavgHorizon",
    "AirFedgaPowerControl",
    "ChannelState",
    "Cotaf",
    "FullPower",
    "IdealPowerControl",
    "Plan",
    "PowerControl",
    "RegularizedInversion",
    "SignalStatistics",
    "StatAware",
    "ThresholdOptimal",
    "TruncatedInversion",
    "ZeroForcingInversion",
    "check_combination",
    "check_power_control",
]
