"""The ring all-reduce: every member passes a share on to the next one, 2 (M - 1) times.

    T = 2 (M - 1) max over hops of ( V / (M B) + l )        put on links: 2 (M - 1) V

V is the size of a member's vector, B and l the capacity and delay of a hop. In the first M - 1 steps shares are added
up, in the others the sums go round.
"""

from collections.abc import Sequence
from typing import Literal

from channels.wan.collectives.plan import HopTime, Phase, Plan, Send, Strand
from channels.wan.collectives.ring_order import best_ring
from testbed.settings import Part

__all__ = ["RingCollective", "ring_strand"]


class RingCollective(Part):
    """A ring in the best order (`ring_order`), or in that of the regions."""

    kind: str = "ring"
    order: Literal["best", "given"] = "best"  # whose slowest hop is fastest; or that in which regions are numbered

    def plan(self, members: Sequence[str], bits: float, hop_s: HopTime) -> Plan:
        """Return one phase of one strand of 2 (M - 1) equal steps."""
        if self.order == "best":
            members = best_ring(members, bits / len(members), hop_s)
        phase: Phase = (ring_strand(members, bits),)
        return (phase,)

    def check(self, regions: Sequence[str], nodes: Sequence[str]) -> None:
        """Refuse nothing: a ring names nobody."""


def ring_strand(order: Sequence[str], bits: float) -> Strand:
    """Return the steps of a ring in this order; none for a single member."""
    share = bits / len(order)
    hops = zip(order, (*order[1:], order[0]), strict=True)
    step = tuple(Send(one, other, share) for one, other in hops)
    return (step,) * (2 * (len(order) - 1))
