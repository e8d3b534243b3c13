"""The plan of an all-reduce: phases of strands of steps.

A *step* is a set of sends that begin together; it is a barrier: the next one begins when the last of them has
arrived. A *strand* is steps one after the other. The strands of a *phase* go side by side, and the next phase begins
when the last of them is done. Hence closed forms are exact where sends do not share links.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

__all__ = ["Collective", "HopTime", "Phase", "Plan", "Send", "Step", "Strand"]


class Send(NamedTuple):
    """Bits from one node to another."""

    source: str
    target: str
    bits: float


Step: TypeAlias = tuple[Send, ...]
Strand: TypeAlias = tuple[Step, ...]
Phase: TypeAlias = tuple[Strand, ...]
Plan: TypeAlias = tuple[Phase, ...]

# (source, target, bits) -> how long they take alone on the idle network [s]
HopTime: TypeAlias = Callable[[str, str, float], float]


class Collective(Protocol):
    """A way of adding up one vector of each member and giving everybody the sum."""

    def plan(self, members: Sequence[str], bits: float, hop_s: HopTime) -> Plan:
        """Return who sends what to whom.

        Parameters
        ----------
        members : at least two nodes, all different.
        bits : size of one member's vector.
        hop_s : how long a send takes alone; for choosing orders and hubs.

        Raises
        ------
        RequestError : members that this collective cannot serve.
        """
        ...

    def check(self, regions: Sequence[str], nodes: Sequence[str]) -> None:
        """Refuse settings that name nodes or regions that are not there: `RequestError`."""
        ...
