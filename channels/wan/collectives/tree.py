"""The binomial tree: sums move up in pairs, and the total comes down the same way.

    T = 2 ceil(log2 M) (V / B + l)  on equal links        put on links: 2 (M - 1) V

In step k = 0, 1, ... of the way up member i + 2^k sends its sum to member i, for every i that is a multiple of
2^(k + 1). Members are in the order of the regions; the first one is the root.
"""

from collections.abc import Sequence

from channels.wan.collectives.plan import HopTime, Plan, Send, Step
from testbed.settings import Part

__all__ = ["TreeCollective"]


class TreeCollective(Part):
    """Up and down a binomial tree whose root is the first member."""

    kind: str = "tree"

    def plan(self, members: Sequence[str], bits: float, hop_s: HopTime) -> Plan:
        """Return one phase of one strand: up, then down."""
        up: list[Step] = []
        reach = 1
        while reach < len(members):
            parents = range(0, len(members) - reach, 2 * reach)
            up.append(tuple(Send(members[parent + reach], members[parent], bits) for parent in parents))
            reach *= 2
        down = [tuple(Send(send.target, send.source, bits) for send in step) for step in reversed(up)]
        strand = (*up, *down)
        return ((strand,),)

    def check(self, regions: Sequence[str], nodes: Sequence[str]) -> None:
        """Refuse nothing: a tree names nobody."""
