"""Selection: which clients are asked to train in a round.

Read `context.py` first: what is known when a round begins (`SelectionContext`), what a rule remembers between rounds
(`EnergyQueues`, held by the caller) and the protocol `Selection`. Then one rule a file: `everybody.py`,
`random_subset.py`, `fastest.py`, and `energy_aware.py` with the Lyapunov rule of the baseline Dynamic. `tier_odds.py`
chooses a tier instead of clients, for TiFL.
"""

from algorithms.selection.context import EnergyQueues, Selection, SelectionContext
from algorithms.selection.energy_aware import EnergyAware
from algorithms.selection.everybody import Everybody
from algorithms.selection.fastest import Fastest
from algorithms.selection.random_subset import RandomSubset

__all__ = [
    "EnergyAware",
    "EnergyQueues",
    "Everybody",
    "Fastest",
    "RandomSubset",
    "Selection",
    "SelectionContext",
]
