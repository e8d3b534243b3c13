"""Schedules: in which order those who share a channel use it, and when.

`magic_mirror.py` orders clients on one half-duplex channel, all downloads before all uploads (FedGA): pure functions of
durations. The rest says after which inner step of a training across regions which fragment of the model is sent. Read
`calendar.py` first, with the protocols `Schedule` and `Calendar`. Calendars that repeat themselves (`periodic.py`):
`apply_anchored.py` and `send_anchored.py`. Calendars of slots in which a selector chooses (`slots.py`, `pace.py`):
`fixed_slots.py` and `adaptive_transmission.py`.
"""

from algorithms.schedules.adaptive_transmission import AdaptiveTransmission
from algorithms.schedules.apply_anchored import ApplyAnchored
from algorithms.schedules.calendar import Calendar, Schedule
from algorithms.schedules.fixed_slots import FixedSlots
from algorithms.schedules.magic_mirror import Orders, RoundTimes, best_of_starts, magic_mirror, makespan_s
from algorithms.schedules.pace import Slots, slots_for
from algorithms.schedules.send_anchored import SendAnchored

__all__ = [
    "AdaptiveTransmission",
    "ApplyAnchored",
    "Calendar",
    "FixedSlots",
    "Orders",
    "RoundTimes",
    "Schedule",
    "SendAnchored",
    "Slots",
    "best_of_starts",
    "magic_mirror",
    "makespan_s",
    "slots_for",
]
