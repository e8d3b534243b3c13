"""Greedy grouping: Air-FedGA's Alg. 3, literally and refined by local search.

Paper: Ma et al., "Air-FedGA", IPDPS 2025 (arXiv 2507.05704), Alg. 3. Clients are taken by data size,
largest first; each goes where the partial partition ranks best (see `problem.py`) among the groups whose
training times stay within xi of the whole spread, or into a group of its own.

Our choice: ties in data size by client id, ties in rank to the older group. The bound always prefers few
groups; what opens new ones is xi, and what the objective does inside that is balance labels and sizes.
`greedy-refined` exists because the literal pass, on single-class clients, leaves a mean label distance of
more than twice the paper's 0.21.

The laws and Table III are tested in `tests/algorithms/grouping/test_greedy.py`.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from algorithms.grouping.problem import GroupingProblem, Partition, PlanningConstants
from algorithms.grouping.refinement import refine
from algorithms.grouping.tally import Tally
from testbed.settings import Fraction, Part

__all__ = ["GreedyPaper", "GreedyRefined", "place_greedily"]


def place_greedily(problem: GroupingProblem, constants: PlanningConstants, xi: float) -> Partition:
    """Return the partition of Alg. 3.

    Parameters
    ----------
    xi : in [0, 1]; inside a group max l_i - min l_i <= xi (max l - min l over all clients).
    """
    tally = Tally(problem, constants)
    allowed_s = problem.allowed_spread_s(xi)
    for client in np.argsort(-np.asarray(problem.data_sizes), kind="stable").tolist():
        time_s = problem.training_times_s[client]
        rows = tally.open_rows()
        slowest_s = np.maximum(tally.slowest_s[rows], time_s)
        fits = slowest_s - np.minimum(tally.fastest_s[rows], time_s) <= allowed_s
        rows, slowest_s = rows[fits], slowest_s[fits]
        joined = tally.terms_of(tally.histograms[rows] + tally.client_histograms[client], slowest_s)
        totals = tally.terms.sum(axis=0) - tally.terms[rows] + joined
        _, position = tally.best(totals, max(time_s, tally.slowest_s.max()))
        tally.place(client, int(rows[position]))
    return tally.partition()


class GreedyPaper(Part):
    """Air-FedGA's greedy pass, as published (Alg. 3)."""

    kind: str = "greedy-paper"
    xi: Fraction = 0.3  # [paper], swept there from 0 to 1
    planning: PlanningConstants = PlanningConstants()  # of the convergence bound that ranks groupings

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups; the rule draws nothing from `rng`."""
        return place_greedily(problem, self.planning, self.xi)


class GreedyRefined(Part):
    """Air-FedGA's greedy pass, then moves and swaps while they rank better (our choice)."""

    kind: str = "greedy-refined"
    xi: Fraction = 0.3  # [paper], swept there from 0 to 1
    max_passes: Annotated[int, Field(ge=1)] = 10  # Our choice: two to four passes usually leave nothing to gain
    planning: PlanningConstants = PlanningConstants()  # of the convergence bound that ranks groupings

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups; the rule draws nothing from `rng`."""
        placed = place_greedily(problem, self.planning, self.xi)
        return refine(problem, self.planning, placed, self.xi, self.max_passes)
