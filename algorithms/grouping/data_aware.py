"""Data-aware groups: equal in size, each as near the global label mix as a greedy pass brings it.

The data-aware half of the pair that FedUC compares (IEEE TMC 2024). The other half, communication-aware clustering,
joins every client to the nearest aggregator; it needs positions, which a `GroupingProblem` does not have, and is left
out.

Our choice of the rule: a greedy pass for groups that share out every class evenly, that is for least

    sum_j sum_k (D_jk - N_k / M)^2,     D_jk samples of class k in group j, N_k in all, M groups.

Clients are taken by data size, largest first (ties by id). Client i adds 2 sum_k D_jk d_ik plus what does not depend on
j, so it goes, among the groups with a place left, to the one that holds least of what it brings; ties go to the group
with fewer members, then to the first. Training times play no part. (A pass on the sum of D_j Lambda_j itself gains
little over random groups: it does not change until a group holds too much of a class.)
"""

import numpy as np
from pydantic import PositiveInt

from algorithms.grouping.problem import GroupingProblem, Partition, as_partition
from testbed.settings import Part

__all__ = ["DataAware"]


class DataAware(Part):
    """Near-IID groups, equal in size up to one client, whatever their speeds."""

    kind: str = "data-aware"
    num_groups: PositiveInt

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups; the rule draws nothing from `rng`.

        Raises
        ------
        RequestError : more groups than clients.
        """
        problem.require_clients_for(self.kind, self.num_groups)
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
        return as_partition(members)
