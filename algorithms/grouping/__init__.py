"""Grouping: which clients transmit together, decided once before training.

Read `problem.py` first: what is known (`GroupingProblem`), what a partition is worth according to the
convergence bound (`foresee`) and the protocol `Grouping`. Then `greedy.py`, the paper's rule and its refined
form; `refinement.py` is the local search behind the latter, and `tally.py` the bookkeeping that lets both
judge hundreds of placements at once. `single.py` puts everybody into one group.
"""

from algorithms.grouping.greedy import GreedyPaper, GreedyRefined
from algorithms.grouping.problem import Grouping, GroupingProblem, Outlook, PlanningConstants, foresee
from algorithms.grouping.refinement import refine
from algorithms.grouping.single import SingleGroup

__all__ = [
    "GreedyPaper",
    "GreedyRefined",
    "Grouping",
    "GroupingProblem",
    "Outlook",
    "PlanningConstants",
    "SingleGroup",
    "foresee",
    "refine",
]
