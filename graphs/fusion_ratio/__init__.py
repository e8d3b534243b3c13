"""Fusion ratios: what share the structural model has in the model that a client goes on with.

Read `ratio.py` first: the protocols `FusionRatio` (settings) and `Shares` (what one run remembers). Then `arms.py`,
what the learning rules share, `bandit.py` (the default), `epsilon_greedy.py` and `fixed.py`.
"""

from graphs.fusion_ratio.bandit import Bandit
from graphs.fusion_ratio.epsilon_greedy import EpsilonGreedy
from graphs.fusion_ratio.fixed import Fixed
from graphs.fusion_ratio.ratio import FusionRatio, Shares

__all__ = ["Bandit", "EpsilonGreedy", "Fixed", "FusionRatio", "Shares"]
