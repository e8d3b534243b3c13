"""The global model that all regions hold alike, and the outer optimiser that moves it.

Every region would keep its own copy and compute the same update from the same mean; here they share one copy, which the
first region to use a result moves (the others find it moved).
"""

from collections.abc import Sequence

import numpy as np

from algorithms.cross_region.fragments import Fragment
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from algorithms.worlds.exchange import Exchange
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import ModelVector
from testbed.layout import FloatArray

__all__ = ["Anchor"]


class Anchor:
    """The global fragments G_p and an outer optimiser each.

    `vector : (num_entries,)` float32, G; a fragment changes when a mean of it is received, and at no other time.
    """

    def __init__(self, world: Regions, fragments: Sequence[Fragment], outer: OuterOptimizer) -> None:
        self.vector: ModelVector = world.workload.initial_state.copy()
        self.fragments = tuple(fragments)
        self._world = world
        self._states = [outer.start(fragment.size, world.num_regions) for fragment in fragments]
        world.keep(lambda: self.vector)

    def part(self, fragment: Fragment) -> FloatArray:
        """Return G_p as it is now, (fragment.size,)."""
        return fragment.gather(self.vector)

    def receive(self, fragment: Fragment, exchange: Exchange, apply_step: int) -> bool:
        """Make the outer step G_p <- outer_p.step(G_p, mean) of an exchange that is done, once; was it now?"""
        if not exchange.claim():
            return False
        moved = self._states[fragment.index].step(self.part(fragment), exchange.mean)
        vector = self.vector.copy()  # whoever holds the old one, such as an evaluation, keeps it
        fragment.scatter(vector, np.asarray(moved, dtype=np.float32))
        self.vector = vector
        self._world.note(exchange, fragment.index, apply_step)
        return True
