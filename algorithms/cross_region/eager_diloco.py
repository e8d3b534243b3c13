"""Eager updates (Kale et al., arXiv 2502.12996): the others' contribution a round late, one's own at once.

At the end of round r region m makes an outer step along

    E^m = mean_j Delta^j(r-d) + (Delta^m(r) - Delta^m(r-d)) / M

with its own G^m and its own outer optimiser: the regions' global models differ by O(1/M). d = `overlap_rounds` = 1 is
the paper's; the exchange then has a whole round to arrive. Our choice: while r <= d there is no exchange to use, and
E^m = Delta^m(r).
"""

from collections import deque
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import whole
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from algorithms.worlds.exchange import Exchange
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import Replica
from channels.codecs.codec import Codec
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["EagerDiLoCo"]


class EagerDiLoCo(Part):
    """Eager updates: rounds of `sync_every` steps, with the others' pseudo-gradients of the round before."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ("region_0",)
    kind: str = "eager"
    sync_every: Annotated[int, Field(ge=1)] = 100  # H: inner steps of a round
    overlap_rounds: Annotated[int, Field(ge=1)] = 1  # d: rounds that an exchange may take before anybody waits
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = "nesterov"  # type: ignore[assignment]  # how the global model moves
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the next payload
    reads_trained_values: ClassVar[bool] = False

    def start(self, world: Regions) -> None:
        """Let every region train on a global model of its own."""
        contributions = Contributions(world, self.codec, self.error_feedback)
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, contributions))

    def train(self, world: Regions, replica: Replica, out: Contributions) -> Process:
        """The life of one region."""
        model = whole(world.workload.task.layout)
        own, optimizer = replica.parameters, self.outer_optimizer.start(model.size, world.num_regions)  # G^m
        under_way: deque[tuple[Exchange, FloatArray]] = deque()
        while world.goes_on(replica):
            yield from world.train(replica, replica.step + self.sync_every)
            fresh = own - replica.parameters
            estimate: FloatArray = fresh
            if len(under_way) == self.overlap_rounds:
                late, stale = under_way.popleft()
                mean = yield from world.wait_for(replica, late)
                estimate = mean + (fresh - stale) / world.num_regions
                if late.claim():
                    world.note(late, -1, replica.step)
            under_way.append((out.offer(replica, model, fresh), fresh))
            own = np.asarray(optimizer.step(own, estimate), dtype=np.float32)
            replica.parameters = own
