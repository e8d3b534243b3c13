"""DiLoCo with a naive overlap: the exchange of round r-1 is used at the end of round r.

    every region: th^m <- G ; H inner steps ; send Delta^m(r) = G - th^m
    G <- outer.step(G, mean_j Delta^j(r-1)) ; the first round changes nothing

An exchange may take a whole round before anybody waits, but every step of the outer optimiser is a round late, and what
a round has learnt is thrown away when it ends. With the same H it is far behind DiLoCo (loss 3.01 against 2.67 with 500
million parameters, Kale et al., arXiv 2502.12996): a baseline that shows what an overlap must repair.
"""

from typing import Annotated

from algorithms.cross_region.anchor import Anchor
from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.rounds import Rounds
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from algorithms.worlds.exchange import Exchange
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import Replica
from testbed.settings import component
from testbed.simulation import Process

__all__ = ["OverlappedDiLoCo"]


class OverlappedDiLoCo(Rounds):
    """Naive overlap: rounds of `sync_every` inner steps, each outer step a round late."""

    kind: str = "overlapped-diloco"
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = "nesterov"  # type: ignore[assignment]  # how the global model moves

    def train(self, world: Regions, replica: Replica, anchor: Anchor, out: Contributions) -> Process:
        """The life of one region."""
        (model,) = anchor.fragments
        under_way: Exchange | None = None
        while world.goes_on(replica):
            base = replica.parameters  # G as this region has it: another may be further and have moved the shared one
            yield from world.train(replica, replica.step + self.sync_every)
            late, under_way = under_way, out.offer(replica, model, base - replica.parameters)
            if late is not None:
                yield from world.wait_for(replica, late)
                anchor.receive(model, late, replica.step)
            replica.parameters = anchor.vector
