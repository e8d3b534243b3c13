"""The fastest: a round as short as its number of clients allows, blind to everything else.

Our choice, the limit case of selection by speed (as in Nishio and Yonetani, "Client selection for federated learning
with heterogeneous resources in mobile edge", ICC 2019, which has a deadline instead): the same clients every round, so
data of slow devices is never learnt from.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import PositiveInt

from algorithms.selection.context import SelectionContext
from algorithms.selection.memoryless import Memoryless, require_clients

__all__ = ["Fastest"]


class Fastest(Memoryless):
    """So many clients of the shortest training time; ties go to the lower id."""

    kind: str = "fastest"
    num_clients: PositiveInt  # asked in a round

    def select(self, candidates: Sequence[int], context: SelectionContext, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the fastest candidates; draws nothing from `rng`. See `Selection.select`."""
        require_clients(self.kind, self.num_clients, context)
        clients = np.sort(np.asarray(candidates, dtype=np.intp))
        by_speed = clients[np.argsort(context.training_times_s[clients], kind="stable")]
        return tuple(sorted(by_speed[: self.num_clients].tolist()))
