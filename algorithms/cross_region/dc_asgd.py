"""DC-ASGD (Zheng et al., ICML 2017, arXiv 1609.08326): asynchronous gradients, compensated for their delay.

    region m: read w ; g = gradient of one minibatch at w_read ; send g
    server:   g~ = g + lam g (.) g (.) (w_now - w_read) ;  one step of the inner optimiser along g~

lam is constant, or adaptive: lam = lam0 / sqrt(ms + 1e-7) with ms <- 0.95 ms + 0.05 g (.) g, entry by entry. Defaults
are those of public code: 0.04, and lam0 = 2. lam = 0 is plain asynchronous SGD. Our choices: the server stands in one
of the regions; its optimiser is the scenario's inner one, with the learning rate of the mean step of the regions.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import simpy
from pydantic import Field

from algorithms.cross_region.contributions import Contributions
from algorithms.cross_region.fragments import Fragment, whole
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import ModelVector, Replica
from channels.codecs.codec import Codec
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["DCASGD", "compensated"]

_MEMORY: Final = 0.95  # of the mean square of the gradients
_SMALL: Final = 1e-7
_DEFAULT_STRENGTH: Final = {"constant": 0.04, "adaptive": 2.0}


def compensated(gradient: FloatArray, now: FloatArray, read: FloatArray, strength: float | FloatArray) -> FloatArray:
    """Return g + lam g (.) g (.) (w_now - w_read), each (num_entries,); `strength` : lam, one or one an entry.

    >>> compensated(np.array([2.0]), np.array([1.5]), np.array([1.0]), 0.5)
    array([3.])
    """
    return gradient + strength * gradient * gradient * (now - read)


@dataclass(frozen=True, eq=False)
class _Arrival:
    replica: Replica
    gradient: FloatArray
    read: ModelVector
    base_version: int
    answered: simpy.Event


class DCASGD(Part):
    """Asynchronous SGD with delay compensation: one gradient a message."""

    world: ClassVar[str] = "regions"
    views: ClassVar[tuple[str, ...]] = ()
    kind: str = "dc-asgd"
    strength: Annotated[float, Field(ge=0)] | None = None  # lam, or lam0 where adaptive; None: 0.04, or 2
    strength_rule: Literal["constant", "adaptive"] = "adaptive"  # adaptive: by the mean square of gradients
    server_region: Annotated[int, Field(ge=0)] = 0  # region in which the server stands
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # how what is sent is encoded
    error_feedback: bool = False  # whether what the codec dropped is added to the next payload
    reads_trained_values: ClassVar[bool] = False

    def start(self, world: Regions) -> None:
        """Start the server and let every region compute gradients at its own pace."""
        if self.server_region >= world.num_regions:
            raise RequestError(f"server_region = {self.server_region}: there are {world.num_regions} regions, from 0")
        world.run_free()
        model = whole(world.workload.task.layout)
        contributions = Contributions(world, self.codec, self.error_feedback)
        server = _Server(world, self)
        world.simulation.start(server.serve(), "server")
        for replica in world.replicas:
            world.run(replica, self.train(world, replica, model, server, contributions))

    def train(
        self, world: Regions, replica: Replica, model: Fragment, server: "_Server", out: Contributions
    ) -> Process:
        """The life of one region."""
        down_bits = world.price_plain(model.size)
        read, base_version = replica.parameters, 0
        while world.goes_on(replica):
            handle = yield from world.gradient(replica)
            gradient = out.through(replica, model, handle.value().gradient)
            yield from world.send(replica, replica.region, self.server_region, out.bits(model), "gradient")
            arrival = _Arrival(replica, gradient, read, base_version, world.simulation.event("the server's answer"))
            read, base_version = yield from world.wait_at_server(replica, server.inbox, arrival)
            yield from world.send(replica, self.server_region, replica.region, down_bits, "model")
            world.end_step(replica, read)


class _Server:
    """Holds the model and the optimiser, and makes a step at every arrival."""

    def __init__(self, world: Regions, settings: DCASGD) -> None:
        self.inbox = simpy.Store(world.simulation.env)
        self._world = world
        self._settings = settings
        self._vector: ModelVector = world.workload.initial_state
        self._state = world.workload.optimizer.start()
        self._version = 0
        self._mean_square = np.zeros(len(self._vector))

    def serve(self) -> Process:
        """Take one gradient after another."""
        self._world.publish(0, self._vector)
        while not self._world.simulation.finished:
            arrival: _Arrival = yield self.inbox.get()
            self._apply(arrival)
            self._world.publish(self._version // self._world.num_regions, self._vector)
            arrival.answered.succeed((self._vector, self._version))

    def _apply(self, arrival: _Arrival) -> None:
        gradient = np.asarray(arrival.gradient, dtype=np.float64)
        corrected = compensated(gradient, self._vector, arrival.read, self._strength(gradient))
        step = self._version // self._world.num_regions
        optimizer = self._world.workload.optimizer
        self._vector, self._state = optimizer.step(self._vector, corrected, self._state, step)
        staleness = self._version - arrival.base_version
        self._version += 1
        self._world.note_arrival(arrival.replica, self._version, staleness, 1.0)

    def _strength(self, gradient: FloatArray) -> FloatArray | float:
        rule, strength = self._settings.strength_rule, self._settings.strength
        if strength is None:
            strength = _DEFAULT_STRENGTH[rule]
        if rule == "constant":
            return strength
        self._mean_square = _MEMORY * self._mean_square + (1 - _MEMORY) * gradient**2
        return strength / np.sqrt(self._mean_square + _SMALL)
