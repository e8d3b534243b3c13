"""Everybody: full participation."""

from collections.abc import Sequence

import numpy as np

from algorithms.selection.context import SelectionContext
from algorithms.selection.memoryless import Memoryless

__all__ = ["Everybody"]


class Everybody(Memoryless):
    """Every client that can be asked is asked."""

    kind: str = "all"

    def select(self, candidates: Sequence[int], context: SelectionContext, rng: np.random.Generator) -> tuple[int, ...]:
        """Return all candidates; draws nothing from `rng`."""
        return tuple(sorted(candidates))
