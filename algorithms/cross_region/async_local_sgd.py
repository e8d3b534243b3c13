"""Asynchronous local SGD (Liu et al., arXiv 2401.09135): no barrier; a server takes each pseudo-gradient as it arrives.

    region m: th^m <- G ; H_m inner steps ; send Delta^m = G_read - th^m ; wait for the new G
    server:   G <- outer.step(G, w Delta^m) ,    w = (1 / sqrt(M)) (1 + staleness)^(-a)

`outer_optimizer = "delayed-nesterov"` holds the momentum back for M arrivals, `dynamic_local_steps` (DyLU) gives region
m H_m = floor(H v_m / max v) steps, v its speed. Arrivals within `grace_s` of each other are answered together. Our
choices: the server stands in one of the regions, whose own way to it is free; every region keeps its shard; within a
grace window arrivals are applied one after another, in the order of the regions, and all get the last model.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import simpy
from pydantic import Field

from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import Fragment, whole
from algorithms.outer_optimizer import Nesterov, OuterOptimizer
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import ModelVector, Replica
from channels.codecs.codec import Codec
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Part, Seconds, component
from testbed.simulation import Process

__all__ = ["AsyncLocalSGD"]


@dataclass(frozen=True, eq=False)
class _Arrival:
    replica: Replica
    delta: FloatArray
    base_version: int
    answered: simpy.Event


class AsyncLocalSGD(Part):
    """Asynchronous local SGD: each region's pseudo-gradient moves the server's model when it arrives."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ()
    kind: str = "async-local-sgd"
    sync_every: Annotated[int, Field(ge=1)] = 100  # H: inner steps of a task, of the fastest region where dynamic
    dynamic_local_steps: bool = False  # DyLU: slower regions make fewer steps, so that all take about as long
    staleness_exponent: Annotated[float, Field(ge=0)] = 0.0  # a: an update that missed s versions counts (1 + s)^-a
    grace_s: Seconds = 0.0  # how long the server waits for others after the first arrival [s]
    server_region: Annotated[int, Field(ge=0)] = 0  # region in which the server stands
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = Nesterov(learning_rate=0.07)  # moves G
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the next payload
    reads_trained_values: ClassVar[bool] = False

    def start(self, world: Regions) -> None:
        """Start the server and let every region train at its own pace."""
        if self.server_region >= world.num_regions:
            raise RequestError(f"server_region = {self.server_region}: there are {world.num_regions} regions, from 0")
        world.run_free()
        model = whole(world.workload.task.layout)
        contributions = Contributions(world, self.codec, self.error_feedback)
        server = _Server(world, self, model)
        world.simulation.start(server.serve(), "server")
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, model, server, contributions))

    def local_steps(self, world: Regions, region: int) -> int:
        """Return how many inner steps a task of this region has, H_m."""
        if not self.dynamic_local_steps:
            return self.sync_every
        slowdown = float(world.step_s[region] / world.step_s.min())
        return max(1, math.floor(self.sync_every / slowdown + 1e-9))

    def train(
        self, world: Regions, replica: Replica, model: Fragment, server: "_Server", out: Contributions
    ) -> Process:
        """The life of one region."""
        down_bits = world.price_plain(model.size)
        while world.goes_on(replica):
            base, base_version = replica.parameters, server.version_of(replica.region)
            yield from world.train(replica, replica.step + self.local_steps(world, replica.region))
            delta = out.through(replica, model, base - replica.parameters)
            yield from world.send(replica, replica.region, self.server_region, out.bits(model), "update")
            arrival = _Arrival(replica, delta, base_version, world.simulation.event("the server's answer"))
            vector: ModelVector = yield from world.wait_at_server(replica, server.inbox, arrival)
            yield from world.send(replica, self.server_region, replica.region, down_bits, "model")
            replica.parameters = vector


class _Server:
    """Holds G, moves it at every arrival and answers with the newest."""

    def __init__(self, world: Regions, settings: AsyncLocalSGD, model: Fragment) -> None:
        self.vector: ModelVector = world.workload.initial_state
        self.version = 0
        self._world = world
        self._settings = settings
        self._optimizer = settings.outer_optimizer.start(model.size, world.num_regions)
        self.inbox = simpy.Store(world.simulation.env)
        self._held = [0] * world.num_regions  # the version each region trains on

    def version_of(self, region: int) -> int:
        """Return the version that a region trains on."""
        return self._held[region]

    def serve(self) -> Process:
        """Take what arrives, in batches of a grace window."""
        world = self._world
        world.publish(0, self.vector)
        while not world.simulation.finished:
            batch: list[_Arrival] = [(yield self.inbox.get())]
            if self._settings.grace_s > 0:
                yield world.simulation.env.timeout(self._settings.grace_s)
            while self.inbox.items:
                batch.append((yield self.inbox.get()))
            for arrival in sorted(batch, key=lambda one: one.replica.region):
                self._apply(arrival)
            world.publish(world.mean_step, self.vector)
            for arrival in batch:
                self._held[arrival.replica.region] = self.version
                arrival.answered.succeed(self.vector)

    def _apply(self, arrival: _Arrival) -> None:
        staleness = self.version - arrival.base_version
        weight = (1 + staleness) ** -self._settings.staleness_exponent / math.sqrt(self._world.num_regions)
        moved = self._optimizer.step(self.vector, weight * arrival.delta)
        self.vector = np.asarray(moved, dtype=np.float32)
        self.version += 1
        self._world.note_arrival(arrival.replica, self.version, staleness, weight)
