"""Selectors: which fragment goes next.

Read `history.py` first: what all regions know of each fragment, and the protocol `Selector`. Then one rule a file:
`round_robin.py` and `change_rate.py`.
"""

from algorithms.selectors.change_rate import ChangeRate
from algorithms.selectors.history import Change, History, Selector
from algorithms.selectors.round_robin import RoundRobin

__all__ = ["Change", "ChangeRate", "History", "RoundRobin", "Selector"]
