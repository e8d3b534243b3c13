"""FedBuff: so many clients train at any time; the server buffers K updates and then takes one step along their mean.

Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek and Huba, "Federated Learning with Buffered Asynchronous Aggregation",
AISTATS 2022:

    w_t = w_(t-1) + eta_g (1/K) sum_i s(tau_i) Delta_i ,        Delta_i = w^i - base_i ,    i among the K ,

with s the staleness discount (`aggregation/staleness.py`), tau_i the versions that update missed and eta_g the server's
learning rate. M_c clients train at any time (`concurrency`): when one's update has arrived, another is sampled at
random among those who do not, and gets the current model at once, without waiting for the buffer. As in the paper
updates count alike, whatever the clients' data sizes. Deviations, our choice: unless M_c is set all clients train all
the time; no momentum at the server; no secure aggregation; the uplink is one contended resource, an upload is 32 bits
per parameter at the Shannon rate of the whole band.
"""

from functools import partial
from typing import ClassVar

import numpy as np
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from algorithms.aggregation.staleness import Discount, staleness_discount
from algorithms.grouping.single import SingleGroup
from algorithms.worlds.concurrency import serve_all, serve_some
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import Arrival
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["Fedbuff"]


class Fedbuff(Part):
    """Buffered asynchronous aggregation."""

    kind: str = "fedbuff"
    reads_trained_values: ClassVar[bool] = False

    buffer_size: PositiveInt = 10  # K [paper]
    server_learning_rate: PositiveFloat = 1.0  # eta_g; our choice, the paper tunes it
    discount: Discount = "polynomial"  # how the weight of an update falls with its staleness
    exponent: PositiveFloat = 0.5  # s(tau) = 1 / sqrt(1 + tau) [paper]
    hinge_after: NonNegativeInt = 4  # of the hinge, as in FedAsync
    concurrency: PositiveInt | None = None  # M_c, clients that train at any time [paper]; none: all of them

    def start(self, fed: Federation) -> None:
        """Serve every client in a process of its own, or so many at any time; they share one buffer.

        Raises
        ------
        RequestError : M_c is larger than the number of clients.
        """
        (everybody,) = fed.form_groups(SingleGroup())
        visit = partial(self.serve, fed, everybody, [])
        if self.concurrency is None:
            serve_all(fed, map(everybody.only, everybody.members), visit)
        else:
            serve_some(fed, everybody, self.concurrency, visit)

    def serve(self, fed: Federation, everybody: Group, buffer: list[Arrival], alone: Group) -> Process:
        """One client's turn: receive, train, upload into the buffer."""
        base = yield from fed.broadcast(alone)
        results = yield from fed.train(base)
        turn = yield from fed.take_turn(results)
        with turn:
            if not turn.clients:
                return
            models = yield from fed.upload(turn, "tdma")
            if turn.delivered:
                buffer.append(Arrival(turn.clients[0], base, models[0], turn.span_id, fed.simulation.now_s))
                if len(buffer) == self.buffer_size:
                    weights = np.array([self._weight(fed.server.version - a.base.version) for a in buffer])
                    fed.server.add_updates(everybody, buffer, weights)
                    buffer.clear()

    def _weight(self, staleness: int) -> float:
        discount = staleness_discount(staleness, self.discount, self.exponent, self.hinge_after)
        return self.server_learning_rate * discount / self.buffer_size
