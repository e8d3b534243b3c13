"""Synchronous data parallelism over the network: one exchange of gradients a step.

    g = (1/M) sum_m g_m ;  one step of the inner optimiser

It equals one worker with an M-fold batch. Without overlap a step takes T_c + T_ring(model). `overlap_fraction` o hides
a part of the exchange behind the backward pass, as gradient buckets do: T_c + (1 - o) T_ring, as foreseen on the idle
network. Our choice: at most the backward pass can hide it, two thirds of a step.
"""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import Fragment, whole
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import ModelVector, Replica
from channels.codecs.codec import Codec
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["DDP"]

_BACKWARD_SHARE: Final = 2.0 / 3.0


class DDP(Part):
    """Data parallelism: the gradients of every inner step are averaged before it is made."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ()
    kind: str = "ddp"
    overlap_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0  # o: share of an exchange hidden by the backward pass
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the next payload
    reads_trained_values: ClassVar[bool] = False

    def start(self, world: Regions) -> None:
        """Let every region train in step with the others."""
        model = whole(world.workload.task.layout)
        contributions = Contributions(world, self.codec, self.error_feedback)
        hidden = self._hidden_share(world, contributions.bits(model))
        shared = _Shared(world)
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, model, shared, contributions, hidden))

    def train(
        self, world: Regions, replica: Replica, model: Fragment, shared: "_Shared", out: Contributions, hidden: float
    ) -> Process:
        """The life of one region."""
        while world.goes_on(replica):
            handle = yield from world.gradient(replica, 1.0 - hidden)
            exchange = out.offer(replica, model, handle.value().gradient)
            yield from world.compute_rest(replica, hidden)
            mean = yield from world.wait_for(replica, exchange)
            if exchange.claim():
                shared.update(mean, replica.step)
                world.note(exchange, -1, replica.step)
            world.end_step(replica, shared.parameters)

    def _hidden_share(self, world: Regions, bits: float) -> float:
        """Return the share of a step behind which the exchange runs."""
        everyone = [replica.region for replica in world.replicas]
        exchange_s = world.network.foresee_all_reduce_s(everyone, bits)
        return min(_BACKWARD_SHARE, self.overlap_fraction * exchange_s / float(world.step_s.min()))


class _Shared:
    """The model and the optimiser's state, alike in all regions: computed once."""

    def __init__(self, world: Regions) -> None:
        self._optimizer = world.workload.optimizer
        self.parameters: ModelVector = world.workload.initial_state
        self._state = self._optimizer.start()

    def update(self, gradient: "ModelVector", step: int) -> None:
        self.parameters, self._state = self._optimizer.step(self.parameters, gradient, self._state, step)
