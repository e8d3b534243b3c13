"""Local search over partitions: move one client, or swap two, while the rank falls.

Our choice (the paper has only the greedy pass). In every pass each client in id order takes its best change,
if that beats the partition as it stands and keeps both groups within the allowed spread of training times;
the search ends with a pass without a change. The rank (`problem.py`) therefore never rises.
"""

from collections.abc import Sequence

import numpy as np

from algorithms.grouping.problem import GroupingProblem, Partition, PlanningConstants
from algorithms.grouping.tally import Rank, Tally, better

__all__ = ["best_move", "best_swap", "refine"]

_NO_CHANGE: tuple[Rank, int] = ((True, np.inf), -1)


def refine(
    problem: GroupingProblem,
    constants: PlanningConstants,
    groups: Sequence[Sequence[int]],
    xi: float,
    max_passes: int,
) -> Partition:
    """Return a partition that ranks no worse than `groups`, complete and within the spread of `xi`."""
    tally = Tally.of(problem, constants, groups)
    allowed_s = problem.allowed_spread_s(xi)
    rank = tally.rank()
    for _ in range(max_passes):
        changed = False
        for client in range(problem.num_clients):
            move, row = best_move(tally, client, allowed_s)
            swap, partner = best_swap(tally, client, allowed_s)
            if not (better(move, rank) or better(swap, rank)):
                continue
            if better(swap, move):
                own_row, row = int(tally.group_of[client]), int(tally.group_of[partner])
                tally.place(partner, own_row)
            tally.place(client, row)
            rank, changed = tally.rank(), True
        if not changed:
            break
    return tally.partition()


def best_move(tally: Tally, client: int, allowed_s: float) -> tuple[Rank, int]:
    """Return the best rank that moving `client` can reach, and the row it moves to."""
    own = tally.group_of[client]
    time_s, histogram = tally.problem.training_times_s[client], tally.client_histograms[client]
    rows = tally.open_rows()
    rows = rows[(rows != own) & ((tally.sizes[rows] > 0) | (tally.sizes[own] > 1))]
    slowest_s = np.maximum(tally.slowest_s[rows], time_s)
    fits = slowest_s - np.minimum(tally.fastest_s[rows], time_s) <= allowed_s
    rows, slowest_s = rows[fits], slowest_s[fits]
    if len(rows) == 0:
        return _NO_CHANGE
    left = tally.terms_of(tally.histograms[own] - histogram, tally.slowest_without_s[client])
    joined = tally.terms_of(tally.histograms[rows] + histogram, slowest_s)
    totals = tally.terms.sum(axis=0) - tally.terms[own] - tally.terms[rows] + left + joined
    # Nobody leaves or joins, so the slowest client of all stays who it is.
    rank, position = tally.best(totals, tally.slowest_s.max())
    return rank, int(rows[position])


def best_swap(tally: Tally, client: int, allowed_s: float) -> tuple[Rank, int]:
    """Return the best rank that exchanging `client` with one of another group can reach, and that partner."""
    own, times = tally.group_of[client], tally.problem.training_times_s
    histograms = tally.client_histograms
    # What the client's own group becomes with each partner in its place, and each partner's with the client.
    own_slowest_s = np.maximum(tally.slowest_without_s[client], times)
    own_fastest_s = np.minimum(tally.fastest_without_s[client], times)
    other_slowest_s = np.maximum(tally.slowest_without_s, times[client])
    other_fastest_s = np.minimum(tally.fastest_without_s, times[client])
    fits = (own_slowest_s - own_fastest_s <= allowed_s) & (other_slowest_s - other_fastest_s <= allowed_s)
    fits &= tally.group_of != own
    partners = np.flatnonzero(fits)
    if len(partners) == 0:
        return _NO_CHANGE
    rows, exchanged = tally.group_of[partners], histograms[partners] - histograms[client]
    totals = tally.terms.sum(axis=0) - tally.terms[own] - tally.terms[rows]
    totals += tally.terms_of(tally.histograms[own] + exchanged, own_slowest_s[partners])
    totals += tally.terms_of(tally.histograms[rows] - exchanged, other_slowest_s[partners])
    rank, position = tally.best(totals, tally.slowest_s.max())
    return rank, int(partners[position])
