"""Rounds of local steps with one exchange of the whole model at their end: what DiLoCo and local SGD share.

    every region: th^m <- G ; H inner steps on its own shard
    Delta = (1/M) sum_m (G - th^m)
    G <- outer.step(G, Delta) ; th^m <- G

The inner optimiser's state stays in its region: it is neither reset nor sent. Everybody waits for the exchange.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from algorithms.cross_region.anchor import Anchor
from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import whole
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import Replica
from channels.codecs.codec import Codec
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Rounds"]


class Rounds(Part):
    """The base of the methods that exchange the whole model after `sync_every` inner steps."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ("anchor", "region_0")
    sync_every: Annotated[int, Field(ge=1)] = 100  # H: inner steps of a round
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")]  # how the global model moves
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the next payload
    reads_trained_values: ClassVar[bool] = False

    def start(self, world: Regions) -> None:
        """Let every region train."""
        model = whole(world.workload.task.layout)
        anchor = Anchor(world, [model], self.outer_optimizer)
        contributions = Contributions(world, self.codec, self.error_feedback)
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, anchor, contributions))

    def train(self, world: Regions, replica: Replica, anchor: Anchor, out: Contributions) -> Process:
        """The life of one region."""
        (model,) = anchor.fragments
        while world.goes_on(replica):
            yield from world.train(replica, replica.step + self.sync_every)
            exchange = out.offer(replica, model, anchor.vector - replica.parameters)
            yield from world.wait_for(replica, exchange)
            anchor.receive(model, exchange, replica.step)
            replica.parameters = anchor.vector
