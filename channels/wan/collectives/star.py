"""The star: everybody sends to a hub, and the hub sends the sum to everybody.

    T = max over members of (V / B_up + l_up) + max over members of (V / B_down + l_down)

where each member has a way of its own to the hub; where they share one, they share its capacity. With a member as the
hub 2 (M - 1) V are put on links, else 2 M V.
"""

from collections.abc import Sequence

from channels.wan.collectives.plan import HopTime, Plan, Send
from testbed.errors import unknown_name
from testbed.settings import Part

__all__ = ["StarCollective"]


class StarCollective(Part):
    """Everything through a hub: a node that is named, or the member with the fastest star.

    Our choice: without a hub, the fastest star is judged as if no ways were shared; of equal ones the first name
    counts.
    """

    kind: str = "star"
    hub: str | None = None  # a region or another node; none: the member with the fastest star

    def plan(self, members: Sequence[str], bits: float, hop_s: HopTime) -> Plan:
        """Return one phase of one strand of two steps: in and out."""

        def time_s(hub: str) -> float:
            others = [member for member in members if member != hub]
            return max(hop_s(o, hub, bits) for o in others) + max(hop_s(hub, o, bits) for o in others)

        hub = min(members, key=lambda member: (time_s(member), member)) if self.hub is None else self.hub
        others = [member for member in members if member != hub]
        into = tuple(Send(other, hub, bits) for other in others)
        out = tuple(Send(hub, other, bits) for other in others)
        strand = (into, out)
        return ((strand,),)

    def check(self, regions: Sequence[str], nodes: Sequence[str]) -> None:
        """Refuse a hub that is not there."""
        if self.hub is not None and self.hub not in nodes:
            raise unknown_name("node", self.hub, nodes)
