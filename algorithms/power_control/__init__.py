"""Power control: how loudly each member of a group transmits, and how the server scales what it hears.

Read `plan.py` first: what is known before a transmission (`ChannelState`, `SignalStatistics`) and what is
decided (`Plan`). Then one rule a file: `air_fedga.py` (common alignment with a shrinking receiver) and
`zf_inversion.py` (unbiased channel inversion). A rule is pure maths; the radio cell spends the energy and the
time.
"""

from algorithms.power_control.air_fedga import AirFedgaPowerControl
from algorithms.power_control.plan import ChannelState, Plan, PowerControl, SignalStatistics
from algorithms.power_control.zf_inversion import ZeroForcingInversion

__all__ = [
    "AirFedgaPowerControl",
    "ChannelState",
    "Plan",
    "PowerControl",
    "SignalStatistics",
    "ZeroForcingInversion",
]
