"""Round robin: the fragment that was sent longest ago, those never sent first; of several the lowest index.

Textbook. Where nothing is left out it is 0, 1, ..., K - 1, 0, 1, ...
"""

from collections.abc import Sequence
from typing import ClassVar

from algorithms.selectors.history import History
from testbed.settings import Part

__all__ = ["RoundRobin"]


class RoundRobin(Part):
    """The fragment that was sent longest ago."""

    kind: str = "round-robin"
    reads_trained_values: ClassVar[bool] = False

    def choose(self, step: int, candidates: Sequence[int], histories: Sequence[History]) -> int:
        """Return the fragment; see `Selector.choose`."""
        return min(candidates, key=lambda p: histories[p].last_send)
