"""Communication-aware groups: clients of alike channels together, so that a weak one holds back only other weak ones.

The communication-aware half of the pair that FedUC compares (IEEE TMC 2024; the other is `data-aware`). There every
client joins the nearest of several aggregators. With one server there is no nearest, but the reason is the same: whose
channel is weak costs everybody it transmits with, because over the air all members of a group align to the weakest,

    s <= min_i |h_i| sqrt(E_i) / (a_i W).

Our choice of the rule: clients in order of mean power gain E|h_i|^2 (path loss and shadowing; the fading averages out)
are cut into equal parts, those of the weakest larger by one client if they must differ. Parts rather than clusters,
because in a square few clients are near and their gains far apart: k-means of the gains in dB leaves one of them alone
in many a draw, and alone nothing adds up over the air; and because with the sizes of `data-aware` the criterion is the
only difference between the two. Ties go by id; budgets, data and training times play no part.

Of all partitions into groups of these sizes it has the strongest weakest members: k groups have at least n_1 + ... +
n_k members, n the sizes ascending, so the k-th largest of the weakest gains is at most the (n_1 + ... + n_k)-th largest
of all, and here it is. If M divides the number of clients, no such partition has a smaller sum of spreads in dB either.

Where all gains are equal (path loss `unit` without shadowing) there is nothing to tell clients apart by, and a cut by
id would be a choice that nobody made: it is refused.

The laws are tested in `tests/algorithms/grouping/test_communication_aware.py`.
"""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.fixed_number import FixedNumber
from algorithms.grouping.problem import GroupingProblem
from testbed.errors import RequestError

__all__ = ["CommunicationAware"]


class CommunicationAware(FixedNumber):
    """Groups of alike mean channel gain and, up to one member, equal size; data and speeds play no part."""

    kind: str = "communication-aware"

    def _groups(self, problem: GroupingProblem, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
        """Return the parts, weakest first; the rule draws nothing from `rng`.

        Raises
        ------
        RequestError : several groups of clients whose mean power gains are all equal.
        """
        gains = problem.mean_power_gains
        if self.num_groups == 1:
            return [np.arange(problem.num_clients)]
        if gains is None or np.all(gains == gains[0]):
            raise RequestError(
                f"grouping {self.kind}: all clients have the same mean power gain, so there is nothing to group by; "
                "give channel.uplink.path_loss a distance (power-law, log-distance) or shadowing"
            )
        return np.array_split(np.argsort(gains, kind="stable"), self.num_groups)
