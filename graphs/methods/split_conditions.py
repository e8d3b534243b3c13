"""When a cluster is split: the settings and the conditions that GCFL and GCFL+ have in common."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from graphs.cluster_split import should_split
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["SplitConditions"]


class SplitConditions(Part):
    """The conditions of a split, see `graphs/cluster_split.py`; a method adds how it cuts.

    Published pairs of eps1, eps2: .03, .06 PROTEINS with 10 clients; .025, .045 IMDB-BINARY with 10; .04, .08 NCI1 with
    30; .07, .28 molecules; .07, .35 biochem; .08, .4 mix.
    """

    eps1: NonNegativeFloat = 0.05  # a cluster may be split when the norm of its mean update is below
    eps2: NonNegativeFloat = 0.1  # and the largest norm of a member's update is above
    first_round: NonNegativeInt = 20  # rounds in which no cluster is split
    min_clients: Annotated[int, Field(ge=2)] = 2  # clusters of at most that many clients are not split

    def hold(self, updates: FloatArray, round_number: int) -> bool:
        """Return whether a cluster with these updates of its members, (num_members, num_entries), may be split.

        `round_number` : counted from 1.
        """
        return should_split(updates, self.eps1, self.eps2, round_number, self.first_round, self.min_clients)
