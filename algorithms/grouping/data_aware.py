"""Data-aware groups: equal in size, each as near the global label mix as a greedy pass brings it.

The data-aware half of the pair that FedUC compares (IEEE TMC 2024); the other half is `communication-aware`.

Our choice of the rule: a greedy pass for groups that share out every class evenly, that is for least

    sum_j sum_k (D_jk - N_k / M)^2,     D_jk samples of class k in group j, N_k in all, M groups.

Clients are taken by data size, largest first (ties by id). Client i adds 2 sum_k D_jk d_ik plus what does not depend on
j, so it goes, among the groups with a place left, to the one that holds least of what it brings; ties go to the group
with fewer members, then to the first. Training times play no part. (A pass on the sum of D_j Lambda_j itself gains
little over random groups: it does not change until a group holds too much of a class.)
"""

import numpy as np

from algorithms.grouping.fixed_number import FixedNumber
from algorithms.grouping.problem import GroupingProblem

__all__ = ["DataAware"]


class DataAware(FixedNumber):
    """Near-IID groups, equal in size up to one client, whatever their speeds."""

    kind: str = "data-aware"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[list[int]]:
        """Return the groups; the rule draws nothing from `rng`."""
        histograms = np.asarray(problem.label_histograms, dtype=np.float64)
        quotient, remainder = divmod(problem.num_clients, self.num_groups)
        places = np.full(self.num_groups, quotient) + (np.arange(self.num_groups) < remainder)
        group_histograms = np.zeros((self.num_groups, histograms.shape[1]))
        members: list[list[int]] = [[] for _ in range(self.num_groups)]
        for client in np.argsort(-np.asarray(problem.data_sizes), kind="stable").tolist():
            sizes = np.array([len(group) for group in members])
            # Sums of products of whole numbers: exact, so ties are ties whatever the classes are called.
            overlaps = np.where(sizes < places, group_histograms @ histograms[client], np.inf)
            chosen = int(np.lexsort([sizes, overlaps])[0])
            group_histograms[chosen] += histograms[client]
            members[chosen].append(client)
        return members
