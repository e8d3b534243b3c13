"""Grouping: which clients transmit together, decided once before training.

Read `problem.py` first: what is known (`GroupingProblem`), what a partition is worth according to the
convergence bound (`foresee`) and the protocol `Grouping`. Then `greedy.py`, the paper's rule and its refined
form; `refinement.py` is the local search behind the latter, and `tally.py` the bookkeeping that lets both
judge hundreds of placements at once. The limits are `single.py` and `singleton.py`; `random_groups.py` is the
yardstick. By speed: `tier.py`, `tier_width.py`. By labels: `label_clusters.py`, `data_aware.py`. By both:
`label_balanced_tier.py`. By channels: `communication_aware.py`. Rules that are told the number of groups share
`fixed_number.py`.
"""

from algorithms.grouping.communication_aware import CommunicationAware
from algorithms.grouping.data_aware import DataAware
from algorithms.grouping.greedy import GreedyPaper, GreedyRefined
from algorithms.grouping.label_balanced_tier import LabelBalancedTier
from algorithms.grouping.label_clusters import AntiKmeans, KmeansLabel
from algorithms.grouping.problem import Grouping, GroupingProblem, Outlook, PlanningConstants, foresee
from algorithms.grouping.random_groups import RandomGroups
from algorithms.grouping.refinement import refine
from algorithms.grouping.single import SingleGroup
from algorithms.grouping.singleton import SingletonGroups
from algorithms.grouping.tier import TierGrouping
from algorithms.grouping.tier_width import TierWidth

__all__ = [
    "AntiKmeans",
    "CommunicationAware",
    "DataAware",
    "GreedyPaper",
    "GreedyRefined",
    "Grouping",
    "GroupingProblem",
    "KmeansLabel",
    "LabelBalancedTier",
    "Outlook",
    "PlanningConstants",
    "RandomGroups",
    "SingleGroup",
    "SingletonGroups",
    "TierGrouping",
    "TierWidth",
    "foresee",
    "refine",
]
