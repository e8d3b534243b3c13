"""A partition under construction, with the sums that make a change cheap to judge.

The bound needs only three sums over the groups and the longest period:

    R = sum_j 1/L_j      P = sum_j beta_j / L_j      Q = sum_j beta_j Lambda_j^2 / L_j
    S = P / R      delta = residual(Q / P)      Lcal = (1/R + L_max) ln A / ln B

(Lbar tauhat = L_max identically.) A placement changes the terms of one group, a move or a swap those of two,
so all candidates of a client are judged in one array operation. The groups' own figures are recomputed from
their members after every change: nothing drifts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from algorithms.grouping.problem import (
    MAX_GAP_FRACTION,
    GroupingProblem,
    Partition,
    PlanningConstants,
    as_partition,
)
from testbed.layout import FloatArray

__all__ = ["IntArray", "Rank", "Tally", "better"]

IntArray = npt.NDArray[np.intp]
Rank = tuple[bool, float]

# Sums taken in another order differ in the last bits; what gains less than this is a tie.
_LEAST_GAIN = 1e-9
_NOBODY = -1


def better(candidate: Rank, incumbent: Rank) -> bool:
    """Whether a rank beats another by more than rounding.

    >>> better((False, 9.0), (True, 0.1)), better((False, 1.0 - 1e-12), (False, 1.0))
    (True, False)
    """
    if candidate[0] != incumbent[0]:
        return incumbent[0]
    return candidate[1] + _LEAST_GAIN * abs(candidate[1]) < incumbent[1]


class Tally:
    """Who is in which group (a row), and each row's figures; rows may be empty and one always is.

    Attributes
    ----------
    group_of : (num_clients,) the row of every client, -1 before it is placed.
    sizes : (num_rows,) members.
    histograms : (num_rows, num_classes) samples of each class.
    slowest_s, fastest_s : (num_rows,) extreme training times [s]; minus and plus infinity in an empty row.
    terms : (num_rows, 3) the row's part of R, P and Q.
    slowest_without_s, fastest_without_s : (num_clients,) the extremes of a client's own row if it left [s].
    """

    def __init__(self, problem: GroupingProblem, constants: PlanningConstants) -> None:
        num_clients, num_classes = problem.label_histograms.shape
        self.problem, self.constants = problem, constants
        self.client_histograms = problem.label_histograms.astype(np.float64)
        self.group_of: IntArray = np.full(num_clients, _NOBODY, dtype=np.intp)
        self.sizes: IntArray = np.zeros(num_clients + 1, dtype=np.intp)
        self.histograms = np.zeros((num_clients + 1, num_classes))
        self.slowest_s = np.full(num_clients + 1, -np.inf)
        self.fastest_s = np.full(num_clients + 1, np.inf)
        self.terms = np.zeros((num_clients + 1, 3))
        self.slowest_without_s = np.full(num_clients, -np.inf)
        self.fastest_without_s = np.full(num_clients, np.inf)
        self._gap = constants.gap(num_classes)

    @classmethod
    def of(cls, problem: GroupingProblem, constants: PlanningConstants, groups: Sequence[Sequence[int]]) -> "Tally":
        """Return the tally of given disjoint groups."""
        tally = cls(problem, constants)
        for row, group in enumerate(groups):
            tally.group_of[list(group)] = row
            tally._recount(row)
        return tally

    def partition(self) -> Partition:
        """Return the groups as they stand."""
        return as_partition([np.flatnonzero(self.group_of == row).tolist() for row in np.flatnonzero(self.sizes)])

    def rank(self) -> Rank:
        """Return the rank of the groups as they stand."""
        infeasible, values = self.ranks(self.terms.sum(axis=0)[None], self.slowest_s.max())
        return bool(infeasible[0]), float(values[0])

    def open_rows(self) -> IntArray:
        """Return the rows a client may join: the occupied ones, then one empty row."""
        occupied = np.flatnonzero(self.sizes)
        return np.append(occupied, np.argmin(self.sizes))

    def place(self, client: int, row: int) -> None:
        """Put a client into a row, out of the one it was in."""
        before = self.group_of[client]
        self.group_of[client] = row
        self._recount(row)
        if before != _NOBODY:
            self._recount(before)

    def terms_of(self, histograms: FloatArray, slowest_s: FloatArray) -> FloatArray:
        """Return the parts (..., 3) of R, P and Q of groups with these figures; zero for an empty group."""
        samples = histograms.sum(axis=-1)
        mixes = histograms / np.maximum(samples, 1.0)[..., None]
        distances = np.abs(mixes - self.problem.label_mix).sum(axis=-1)
        rates = 1.0 / (slowest_s + self.problem.upload_time_s)
        weighted = rates * samples / self.problem.num_samples
        return np.stack([rates, weighted, weighted * distances**2], axis=-1)

    def ranks(self, totals: FloatArray, slowest_s: float) -> tuple[npt.NDArray[np.bool_], FloatArray]:
        """Return (no value, Lcal or delta), each (num_candidates,).

        Parameters
        ----------
        totals : (num_candidates, 3) the sums R, P and Q.
        slowest_s : the longest training time of all placed clients [s], the same for every candidate.
        """
        rate, weighted, distant = totals[:, 0], totals[:, 1], totals[:, 2]
        delta = np.asarray(self.constants.residual(distant / weighted))
        gap_fraction = np.minimum((self.constants.target_gap - delta) / self._gap, MAX_GAP_FRACTION)
        feasible = gap_fraction > 0
        rounds = np.log(np.where(feasible, gap_fraction, 1.0)) / np.log1p(-self.constants.contraction * weighted / rate)
        longest_s = slowest_s + self.problem.upload_time_s
        return ~feasible, np.where(feasible, (1.0 / rate + longest_s) * rounds, delta)

    def best(self, totals: FloatArray, slowest_s: float) -> tuple[Rank, int]:
        """Return the best rank among candidates and its position, of equals (up to rounding) the first.

        Exact ties are common: while all groups hold one class each, delta does not depend on who joins which.
        """
        infeasible, values = self.ranks(totals, slowest_s)
        contenders = infeasible == infeasible.min()
        least = values[contenders].min()
        position = int(np.argmax(contenders & (values <= least + _LEAST_GAIN * abs(least))))
        return (bool(infeasible[position]), float(values[position])), position

    def _recount(self, row: int) -> None:
        members = np.flatnonzero(self.group_of == row)
        times = self.problem.training_times_s[members]
        ordered = np.concatenate([[-np.inf], np.sort(times), [np.inf]])
        self.sizes[row] = len(members)
        self.histograms[row] = self.client_histograms[members].sum(axis=0)
        if len(members) == 0:
            self.slowest_s[row], self.fastest_s[row], self.terms[row] = -np.inf, np.inf, 0.0
            return
        self.fastest_s[row], self.slowest_s[row] = ordered[1], ordered[-2]
        self.terms[row] = self.terms_of(self.histograms[row], self.slowest_s[row])
        # A lone member leaves nobody behind; of two equally slow ones the other keeps the extreme.
        self.slowest_without_s[members] = np.where(times < ordered[-2], ordered[-2], ordered[-3])
        self.fastest_without_s[members] = np.where(times > ordered[1], ordered[1], ordered[2])
