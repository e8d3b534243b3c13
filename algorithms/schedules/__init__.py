"""Schedules: in which order clients use a channel that only one of them can use at a time.

Read `magic_mirror.py`: one half-duplex channel, all downloads before all uploads (FedGA). Pure functions of
durations; whoever holds the channel decides when they are called.
"""

from algorithms.schedules.magic_mirror import Orders, RoundTimes, best_of_starts, magic_mirror, makespan_s

__all__ = ["Orders", "RoundTimes", "best_of_starts", "magic_mirror", "makespan_s"]
