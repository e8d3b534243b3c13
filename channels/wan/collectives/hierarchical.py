"""The hierarchical all-reduce: rings inside groups, a ring of their leaders, and back.

    T = max over groups of T_ring(group) + T_ring(leaders) + max over followers of (V / B + l)

Groups are meant for regions that are near each other: far links then carry a leader's ring alone. The leader of a group
is its first member that takes part.
"""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from channels.wan.collectives.plan import HopTime, Plan, Send
from channels.wan.collectives.ring import ring_strand
from channels.wan.collectives.ring_order import best_ring
from testbed.errors import RequestError, unknown_name
from testbed.settings import Part

__all__ = ["HierarchicalCollective"]


class HierarchicalCollective(Part):
    """A ring in each group at once, then one of the leaders, then each leader sends the sum to its group."""

    kind: str = "hierarchical"
    groups: Annotated[
        tuple[tuple[str, ...], ...], Field(min_length=1)
    ]  # of names of regions, each in one; leader first

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        named = [region for group in self.groups for region in group]
        twice = sorted({region for region in named if named.count(region) > 1})
        if twice or not all(self.groups):
            raise ValueError(f"each region is in one group: {twice[0]!r} is in two" if twice else "a group is empty")
        return self

    def plan(self, members: Sequence[str], bits: float, hop_s: HopTime) -> Plan:
        """Return three phases: rings side by side, the ring of leaders, and the broadcasts in one step."""
        present = [[region for region in group if region in members] for group in self.groups]
        groups = [group for group in present if group]
        leaders = [group[0] for group in groups]
        broadcasts = tuple(Send(group[0], follower, bits) for group in groups for follower in group[1:])
        inside = tuple(_ring(group, bits, hop_s) for group in groups if len(group) > 1)
        between = (_ring(leaders, bits, hop_s),) if len(leaders) > 1 else ()
        back = ((broadcasts,),) if broadcasts and between else ()
        return tuple(phase for phase in (inside, between, back) if phase)

    def check(self, regions: Sequence[str], nodes: Sequence[str]) -> None:
        """Refuse groups that name an unknown region or leave one out."""
        named = [region for group in self.groups for region in group]
        for region in named:
            if region not in regions:
                raise unknown_name("region", region, regions)
        missing = [region for region in regions if region not in named]
        if missing:
            raise RequestError(f"the region {missing[0]!r} is in no group")


def _ring(members: Sequence[str], bits: float, hop_s: HopTime) -> tuple[tuple[Send, ...], ...]:
    return ring_strand(best_ring(members, bits / len(members), hop_s), bits)
